import type { Accounts } from '../impl/genode/core/accounts.ts';
import { createParent, type ParentState, type Quota, type SessionOps, startChild } from '../impl/genode/core/parent.ts';
import {
  closeSession,
  exitChild,
  fetchSessionCap,
  requestSession,
  respond,
  upgradeSession,
} from '../impl/genode/core/sessions.ts';
import type { ScriptStep } from '../trace/trace.ts';
import { operand, responseOf, ScriptLog, type ScriptRunner } from './script.ts';

/** Children that scripts address; those that are not started yet refuse everything. */
const CHILDREN = 5;
const CLIENT_IDS = 4;
/** Children that are there from the start, and what they have. */
const FIRST_CHILDREN = 3;
const FIRST_QUOTA = { ramBytes: 0x8_0000, caps: 120 };
const ROOT = { ramBytes: 0x40_0000, caps: 2000 };
export const QUOTA_WITNESSES = ['session', 'upgrade', 'two-servers', 'client-exit', 'all-ended'] as const;

/** Sum of all limits without what donations paid: that part is still in the limit of who gave it. */
const heldBy = (accounts: Accounts): number =>
  accounts.reduce((sum, { limit, initialLimit }) => sum + limit - initialLimit, 0);

function broken({ ram, caps }: ParentState): string {
  for (const [resource, accounts, total] of [
    ['RAM', ram, ROOT.ramBytes],
    ['caps', caps, ROOT.caps],
  ] as const) {
    const held = heldBy(accounts);
    if (held !== total) return `${resource}: all accounts hold ${held} together, ${total} exist`;
    const index = accounts.findIndex(
      ({ used, limit, initialLimit }) => used > limit || limit < initialLimit || used < 0,
    );
    if (index >= 0) return `${resource}: account ${index} uses more than its limit, or has less than its donation`;
  }
  return '';
}

/** Quota of a new child: anything, or about all that the parent has left. */
function startQuota({ ram, caps }: ParentState, step: ScriptStep): Quota {
  const isRest = operand(step, 2, 3) === 0;
  const rest = ({ limit, used }: Accounts[number]): number => limit - used;
  if (!isRest) return { ramBytes: 0x2000 + operand(step, 0, 0x8_0000), caps: 4 + operand(step, 1, 100) };
  return {
    ramBytes: rest(ram[0]!) - 0x1000 + operand(step, 0, 0x4000),
    caps: rest(caps[0]!) - 4 + operand(step, 1, 8),
  };
}

function perform(ops: SessionOps, parent: ParentState, step: ScriptStep): ParentState {
  const client = operand(step, 0, CHILDREN);
  const clientId = operand(step, 1, CLIENT_IDS);
  const quota = { ramBytes: operand(step, 2, 0x2_0000), caps: operand(step, 3, 40) };
  switch (step.operation) {
    case 'start':
      return startChild(ops, parent, startQuota(parent, step)) ?? parent;
    case 'request': {
      const server = operand(step, 4, CHILDREN);
      return requestSession(ops, parent, { client, clientId, server, donated: quota }).parent;
    }
    case 'upgrade':
      return upgradeSession(ops, parent, client, clientId, quota).parent;
    case 'answer': {
      const id = operand(step, 0, parent.sessions.length);
      const response = responseOf(step, 1, parent.sessions[id]?.phase);
      return respond(ops, parent, parent.sessions[id]?.server ?? 0, id, response);
    }
    case 'fetch':
      return fetchSessionCap(ops, parent, client, clientId).parent;
    case 'close':
      return closeSession(ops, parent, client, clientId).parent;
    default:
      return exitChild(ops, parent, client);
  }
}

/**
 * Runs session operations of several children and checks after each that RAM and caps are conserved, and at the end that
 * the parent has everything back once all children have ended.
 */
export const runQuotaScript: ScriptRunner<SessionOps> = (ops, steps) => {
  const log = new ScriptLog(QUOTA_WITNESSES);
  let parent = createParent(ROOT);
  for (let child = 0; child < FIRST_CHILDREN; child++) parent = startChild(ops, parent, FIRST_QUOTA) ?? parent;
  for (const [index, step] of steps.entries()) {
    const next = perform(ops, parent, step);
    if (next !== parent) {
      log.effective();
      noteWitnesses(log, parent, next, step.operation);
    }
    parent = next;
    log.fail(index, broken(parent));
    if (log.hasFailed) return log.judgement();
  }
  for (let child = 0; child < parent.children.length; child++) parent = exitChild(ops, parent, child);
  log.see('all-ended', parent.children.length > 0);
  log.fail(steps.length, atEnd(parent));
  return log.judgement();
};

/** When all children have ended nothing may be missing, in use or open. */
function atEnd(parent: ParentState): string {
  const [ram, caps] = [parent.ram[0]!, parent.caps[0]!];
  if (ram.limit !== ROOT.ramBytes || ram.used !== 0)
    return `after all children have ended the parent has ${ram.limit - ram.used} of ${ROOT.ramBytes} bytes`;
  if (caps.limit !== ROOT.caps || caps.used !== 0)
    return `after all children have ended the parent has ${caps.limit - caps.used} of ${ROOT.caps} caps`;
  return parent.sessions.some(session => session !== undefined) ? 'a session outlives both of its ends' : '';
}

function noteWitnesses(log: ScriptLog, before: ParentState, after: ParentState, operation: string): void {
  const open = after.sessions.filter(session => session !== undefined);
  log.see('session', after.sessions.length > before.sessions.length);
  log.see('upgrade', operation === 'upgrade' && open.some(({ phase }) => phase === 'UPGRADE_REQUESTED'));
  log.see('two-servers', new Set(open.map(({ server }) => server)).size > 1);
  log.see(
    'client-exit',
    open.some(({ isClientGone }) => isClientGone),
  );
}
