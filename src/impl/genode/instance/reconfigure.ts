import { transferQuota } from '../core/accounts.ts';
import type { Quota } from '../core/parent.ts';
import type { InitConfig, StartNode } from '../init/config.ts';
import { elementText } from '../init/element-text.ts';
import { routeSession } from '../init/route.ts';
import { endComponent } from './end-component.ts';
import { initBody } from './init-body.ts';
import { breakSession } from './session-flow.ts';
import { offeredChild, rerouted } from './session-route.ts';
import { assignedTo, offerConfig } from './start-child.ts';
import type { Component, OpenSession, SessionHop, StuckChild } from './state.ts';
import type { Workspace } from './workspace.ts';

/** What stays with a child when its quota shrinks. */
const PRESERVED: Quota = { ramBytes: 0x4000, caps: 5 };

/** Why a child cannot go on as it is. */
type Verdict = 'abandoned' | 'restart' | 'stuck';

const isSame = (ws: Workspace, node: StartNode, { name, node: known }: Component): boolean =>
  node.name === name && ws.ops.instance.isSameChild(node.version === known?.version);

/** True if what runs would not be the same program with a configuration from the same place. */
const isOtherProgram = (node: StartNode, { node: known, source }: Component): boolean =>
  node.binary !== source.binary ||
  node.configRom !== known?.configRom ||
  (node.config === undefined) !== (known?.config === undefined);

const childrenOf = (ws: Workspace, init: number): (readonly [number, Component])[] =>
  [...ws.state.components.entries()].filter(([, { isAlive, init: own }]) => isAlive && own === init);

/** Sessions that are open or asked for, with what this init decided about each. */
function* decisions(ws: Workspace, init: number): Generator<readonly [OpenSession, SessionHop]> {
  for (const session of ws.state.sessions)
    if (session.status !== 'closed') for (const hop of session.hops) if (hop.init === init) yield [session, hop];
}

/** Children that end: their nodes are gone, what runs is another program, or a session of theirs would go elsewhere. */
function verdicts(ws: Workspace, init: number, config: InitConfig): Map<number, Verdict> {
  const found = new Map<number, Verdict>();
  const nodes = new Map<number, StartNode>();
  for (const [id, child] of childrenOf(ws, init)) {
    const node = config.starts.find(candidate => isSame(ws, candidate, child));
    if (node === undefined) found.set(id, 'abandoned');
    else if (isOtherProgram(node, child)) found.set(id, 'restart');
    else nodes.set(id, node);
  }
  const idOf = (child: number): number =>
    ws.state.components.findIndex(row => row.isAlive && row.init === init && row.child === child);
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const [session, hop] of decisions(ws, init)) {
      const client = idOf(hop.child);
      const node = nodes.get(client);
      if (node === undefined || found.get(client) === 'stuck') continue;
      const fate = rerouted(config, node, session.face.service, hop);
      // A server that starts anew is another one.
      const isRerouted = fate !== 'same' || found.has(idOf(hop.server));
      if (!ws.ops.instance.mayNotGoOn(isRerouted)) continue;
      if (fate === 'nowhere') found.set(client, 'stuck');
      else found.set(client, found.get(client) ?? 'restart');
    }
  }
  return found;
}

/** Children that stay, or are from now on, stuck: with a session that the configuration sends nowhere. */
function stuckChildren(
  ws: Workspace,
  init: number,
  config: InitConfig,
  ends: ReadonlyMap<number, Verdict>,
): StuckChild[] {
  const stuck: StuckChild[] = [];
  for (const [id, verdict] of ends) {
    if (verdict !== 'stuck') continue;
    const { child, name } = ws.component(id);
    const own = [...decisions(ws, init)].filter(([, hop]) => hop.child === child);
    const needs = own.map(([session, hop]) => ({ service: session.face.service, label: hop.request }));
    stuck.push({ node: config.starts.find(node => node.name === name)!, needs });
  }
  for (const { node: known, needs } of initBody(ws, init).stuck) {
    const node = config.starts.find(({ name, version }) => name === known.name && version === known.version);
    const leadsNowhere = node !== undefined && needs.some(need => routeSession(config, node, need).kind === 'denied');
    if (node === undefined || !ws.ops.instance.staysStuck(leadsNowhere)) continue;
    stuck.push({ node, needs });
  }
  return stuck;
}

/** Sessions from outside that the init would hand to another child, or to none, end. */
function foreignSessions(ws: Workspace, init: number, config: InitConfig): number[] {
  const ended: number[] = [];
  for (const [id, session] of ws.state.sessions.entries()) {
    const hop = session.status === 'closed' ? undefined : session.hops.find(row => row.init === init);
    if (hop?.target.startsWith('offer ') !== true) continue;
    if (`offer ${offeredChild(config, session.face.service, hop.request)}` !== hop.target) ended.push(id);
  }
  return ended;
}

/** Moves one resource so that a child has what its node says, as far as both sides have it; what it is assigned then. */
function adjust(
  ws: Workspace,
  resource: 'ram' | 'caps',
  [own, child]: readonly [number, number],
  wanted: number,
  assigned: number,
  preserved: number,
): number {
  const { account } = ws.ops;
  const accounts = ws.state[resource];
  const [from, to] = wanted > assigned ? [own, child] : [child, own];
  const kept = wanted > assigned ? 0 : preserved;
  const giver = accounts[from]!;
  const spare = Math.min(account.available(giver), giver.limit - giver.initialLimit) - kept;
  const amount = Math.min(Math.abs(wanted - assigned), Math.max(0, spare));
  const moved = transferQuota(account, accounts, from, to, amount);
  if (moved.result !== 'OK') return assigned;
  ws.change({ [resource]: moved.accounts });
  return wanted > assigned ? assigned + amount : assigned - amount;
}

/** Gives a child more quota, or takes back what it does not use. */
function applyQuota(ws: Workspace, init: number, id: number, node: StartNode): void {
  const { child, assigned } = ws.component(id);
  const wanted = assignedTo(node);
  if (wanted.ramBytes === assigned.ramBytes && wanted.caps === assigned.caps) return;
  const { own, children } = ws.parent(init);
  const { ram, caps } = children[child]!;
  const ramBytes = adjust(ws, 'ram', [own.ram, ram], wanted.ramBytes, assigned.ramBytes, PRESERVED.ramBytes);
  const count = adjust(ws, 'caps', [own.caps, caps], wanted.caps, assigned.caps, PRESERVED.caps);
  ws.changeComponent(id, { assigned: { ramBytes, caps: count } });
}

const configText = (node: StartNode | undefined): string =>
  node?.config === undefined ? '' : elementText(node.config);

/**
 * Lets an init go over to another configuration: children are known by name and version; those whose nodes are gone end,
 * those with a session that would go elsewhere start anew, those with one that would go nowhere wait, others live on
 * with their new configuration and quota, and new ones start.
 */
export function reconfigure(ws: Workspace, init: number, config: InitConfig): void {
  const ends = verdicts(ws, init, config);
  const nodeOf = ({ name }: Component): StartNode | undefined => config.starts.find(node => node.name === name);
  const stuck = stuckChildren(ws, init, config, ends);
  for (const id of foreignSessions(ws, init, config)) breakSession(ws, id);
  for (const id of ends.keys()) endComponent(ws, id);
  const { exited } = initBody(ws, init);
  const isKnown = (name: string, version: string): boolean =>
    config.starts.some(node => node.name === name && node.version === version);
  const kept = new Map([...exited].filter(([name, { version }]) => isKnown(name, version)));
  const running = childrenOf(ws, init);
  const waiting = config.starts.filter(
    node =>
      !running.some(([, { name }]) => name === node.name) &&
      !stuck.some(row => row.node === node) &&
      !kept.has(node.name),
  );
  ws.changeComponent(init, { body: { ...initBody(ws, init), config, waiting, stuck, exited: kept } });
  ws.change({ mayRetry: true });
  const changes: (readonly [number, StartNode])[] = running.map(([id, child]) => [id, nodeOf(child)!]);
  // What some give back is there for those that get more.
  const order = [...changes].sort(([a, left], [b, right]) => growth(ws, a, left) - growth(ws, b, right));
  for (const [id, node] of order) applyQuota(ws, init, id, node);
  for (const [id, node] of changes) {
    const isOther = configText(node) !== configText(ws.component(id).node);
    ws.changeComponent(id, { node });
    if (isOther) offerConfig(ws, init, node);
  }
}

const growth = (ws: Workspace, id: number, node: StartNode): number =>
  node.ramBytes - ws.component(id).assigned.ramBytes;
