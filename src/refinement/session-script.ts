import type { Accounts } from '../impl/genode/core/accounts.ts';
import {
  createParent,
  PARENT_ACCOUNT,
  type ParentState,
  PD_COST,
  SESSION_COST_BYTES,
  type ServerResponse,
  type SessionOps,
  startChild,
} from '../impl/genode/core/parent.ts';
import {
  closeSession,
  exitChild,
  fetchSessionCap,
  requestSession,
  respond,
  upgradeSession,
} from '../impl/genode/core/sessions.ts';
import { type CompiledMachine, compileMachine } from '../model/compile.ts';
import { createSessionMachine } from '../model/session.machine.ts';
import { type SessionConfig, type SessionEvent, type SessionState, sessionSchema } from '../model/session-state.ts';
import type { ScriptStep } from '../trace/trace.ts';
import { defined } from '../units/invariant.ts';
import { operand, responseOf, ScriptLog, type ScriptRunner } from './script.ts';

/** Amounts of a script are in units of the parent's cost of a session. */
const UNIT = SESSION_COST_BYTES;
const CLIENT_UNITS = 6;
const PARENT_UNITS = 3;
const CLIENT = 0;
const SERVER = 1;
const CLIENT_ID = 7;

export const SESSION_WITNESSES = [
  'handed-out',
  'upgraded',
  'denied',
  'refunded',
  'client-exit',
  'server-exit',
] as const;

const CONFIG: SessionConfig = { clientQuota: CLIENT_UNITS, parentQuota: PARENT_UNITS, cost: 1 };
const SCHEMA = sessionSchema(CONFIG);
const { machine, definition } = createSessionMachine(CONFIG, SCHEMA);
const MODEL = compileMachine(machine, definition) as unknown as CompiledMachine<SessionState, SessionEvent>;

/** The model's event for each answer of the server. */
const EVENTS: Readonly<Record<ServerResponse, SessionEvent>> = {
  DELIVER: { type: 'deliver' },
  DENIED: { type: 'deny' },
  INSUFFICIENT_RAM: { type: 'denyRam' },
  INSUFFICIENT_CAPS: { type: 'denyCaps' },
  CONFIRM: { type: 'confirm' },
  CLOSED: { type: 'closed' },
};

/** Model modes of an implementation phase, with and without its client. */
const MODES: Readonly<Record<string, readonly [string, string]>> = {
  CREATE_REQUESTED: ['createRequested', 'orphanRequested'],
  AVAILABLE: ['available', 'orphanClosing'],
  CAP_HANDED_OUT: ['capHandedOut', 'orphanClosing'],
  UPGRADE_REQUESTED: ['upgradeRequested', 'orphanClosing'],
  CLOSE_REQUESTED: ['closeRequested', 'orphanClosing'],
  SERVICE_DENIED: ['serviceDenied', 'clientless'],
  INSUFFICIENT_RAM_QUOTA: ['insufficientRam', 'clientless'],
  INSUFFICIENT_CAP_QUOTA: ['insufficientCaps', 'clientless'],
};

function abstractMode({ sessions, children }: ParentState): string {
  const session = sessions.find(candidate => candidate !== undefined);
  if (session !== undefined) return MODES[session.phase]![session.isClientGone ? 1 : 0];
  const [client, server] = [children[CLIENT]!.isAlive, children[SERVER]!.isAlive];
  if (client) return server ? 'none' : 'serverless';
  return server ? 'clientless' : 'gone';
}

/** What an account can still donate, in units; the part that its own donation paid never leaves it. */
function units(accounts: Accounts, id: number): number {
  const { isAlive, limit, initialLimit, used } = accounts[id]!;
  return isAlive ? (limit - initialLimit - used) / UNIT : 0;
}

/** A parent with a client that has all units of the script and a server that has none; caps are plenty, so that RAM decides. */
function start(ops: SessionOps): ParentState {
  const caps = 1000;
  const pds = 2 * PD_COST.ramBytes;
  const root = createParent({ ramBytes: pds + (CLIENT_UNITS + PARENT_UNITS) * UNIT, caps: 10 * caps });
  const client = startChild(ops, root, { ramBytes: PD_COST.ramBytes + CLIENT_UNITS * UNIT, caps });
  const both = client === undefined ? undefined : startChild(ops, client, { ramBytes: PD_COST.ramBytes, caps });
  return defined(both, 'a parent that can start both children');
}

/** Performs one step of a script on the implementation; the model's event is returned beside it. */
function perform(ops: SessionOps, parent: ParentState, step: ScriptStep): readonly [ParentState, SessionEvent] {
  const amount = operand(step, 0, CLIENT_UNITS + 2);
  const donated = { ramBytes: amount * UNIT, caps: 2 };
  switch (step.operation) {
    case 'request': {
      // One session at a time: a second one would be denied for its id, which the model has no word for.
      const isTaken = parent.sessions.some(session => session !== undefined);
      const event: SessionEvent = { type: 'request', amount };
      if (isTaken) return [parent, event];
      const request = { client: CLIENT, clientId: CLIENT_ID, server: SERVER, donated };
      return [requestSession(ops, parent, request).parent, event];
    }
    case 'upgrade':
      return [upgradeSession(ops, parent, CLIENT, CLIENT_ID, donated).parent, { type: 'upgrade', amount }];
    case 'answer': {
      const id = parent.sessions.findIndex(session => session !== undefined);
      const response = responseOf(step, 0, parent.sessions[id]?.phase);
      return [respond(ops, parent, SERVER, id, response), EVENTS[response]];
    }
    case 'fetch':
      return [fetchSessionCap(ops, parent, CLIENT, CLIENT_ID).parent, { type: 'fetch' }];
    case 'close':
      return [closeSession(ops, parent, CLIENT, CLIENT_ID).parent, { type: 'close' }];
    case 'clientExit':
      return [exitChild(ops, parent, CLIENT), { type: 'clientExit' }];
    default:
      return [exitChild(ops, parent, SERVER), { type: 'serverExit' }];
  }
}

/** Runs the life of one session on the implementation beside the model. */
export const runSessionScript: ScriptRunner<SessionOps> = (ops, steps) => {
  const log = new ScriptLog(SESSION_WITNESSES);
  let parent = start(ops);
  let mode = MODEL.initialMode;
  const state = SCHEMA.initial();
  for (const [index, step] of steps.entries()) {
    const [next, event] = perform(ops, parent, step);
    const before = MODEL.modes[mode]!;
    const taken = MODEL.step(mode, state, event);
    if (taken >= 0) mode = taken;
    if (next !== parent) log.effective();
    parent = next;
    log.fail(index, difference(parent, MODEL.modes[mode]!, state));
    if (log.hasFailed) break;
    noteWitnesses(log, before, MODEL.modes[mode]!);
  }
  return log.judgement(parent, mode, state);
};

function difference({ children, ram, ...rest }: ParentState, mode: string, state: SessionState): string {
  const found = abstractMode({ children, ram, ...rest });
  if (found !== mode) return `session: implementation ${found}, model ${mode}`;
  // The PD of a child that ended is the parent's again; the model does not count it.
  const pds = children.filter(child => !child.isAlive).length * (PD_COST.ramBytes / UNIT);
  const held = {
    parent: units(ram, PARENT_ACCOUNT) - pds,
    client: units(ram, children[CLIENT]!.ram),
    server: units(ram, children[SERVER]!.ram),
  };
  for (const who of ['client', 'parent', 'server'] as const) {
    if (held[who] !== state[who]) return `RAM of the ${who}: implementation ${held[who]} units, model ${state[who]}`;
  }
  return '';
}

function noteWitnesses(log: ScriptLog, before: string, mode: string): void {
  if (before === mode) return;
  log.see('handed-out', mode === 'capHandedOut');
  log.see('upgraded', before === 'upgradeRequested' && mode === 'capHandedOut');
  log.see('denied', mode === 'serviceDenied');
  log.see('refunded', before === 'closeRequested' && mode === 'none');
  log.see('client-exit', mode.startsWith('orphan'));
  log.see('server-exit', mode === 'serverless' && before !== 'none');
}
