import type { Account } from '../core/accounts.ts';
import type { StateReport } from '../init/config.ts';
import type { Component, InitBody, SessionHop } from './state.ts';
import type { Workspace } from './workspace.ts';

type Attributes = Readonly<Record<string, string | number | undefined>>;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function node(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const given = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${String(value).replace(/[&<>"]/g, character => ESCAPES[character]!)}"`],
  );
  return children.length === 0
    ? `<${name}${given.join('')}/>`
    : `<${name}${given.join('')}>${children.join('')}</${name}>`;
}

const amounts = ({ limit, used }: Account): Attributes => ({ quota: limit, used, avail: limit - used });

/** Sessions that pass a place of an init's books, at its end `end`, as the init sees them. */
function sessions(ws: Workspace, init: number, end: 'child' | 'server', child: number, detail: StateReport): string[] {
  return ws.state.sessions.flatMap((session, id) => {
    const hop =
      session.status === 'closed' ? undefined : session.hops.find(row => row.init === init && row[end] === child);
    if (hop === undefined) return [];
    const args = Object.entries(session.args).map(([key, value]) => `${key}=${value}`);
    const shown = detail.sessionArgs ? args.join(', ') : undefined;
    const label = labelAt(hop, end);
    const phase = ws.parent(init).sessions.find(row => row?.client === hop.child && row.clientId === id)?.phase;
    return [node('session', { service: session.face.service, label, state: phase, args: shown })];
  });
}

const labelAt = ({ request, label }: SessionHop, end: 'child' | 'server'): string =>
  end === 'child' ? request : label;

function childNode(ws: Workspace, init: number, id: number, child: Component, detail: StateReport): string {
  const { name, source, node: start, assigned, skippedBeats } = child;
  const { ram, caps } = ws.parent(init).children[child.child]!;
  const inner: string[] = [];
  if (detail.childRam) inner.push(node('ram', { assigned: assigned.ramBytes, ...amounts(ws.state.ram[ram]!) }));
  if (detail.childCaps) inner.push(node('caps', { assigned: assigned.caps, ...amounts(ws.state.caps[caps]!) }));
  if (detail.requested) inner.push(node('requested', {}, sessions(ws, init, 'child', child.child, detail)));
  if (detail.provided) inner.push(node('provided', {}, sessions(ws, init, 'server', child.child, detail)));
  const attributes = {
    name,
    binary: source.binary,
    version: start?.version === '' ? undefined : start?.version,
    id: detail.ids ? id : undefined,
    state: child.body.kind === 'loading' ? 'incomplete' : undefined,
    skipped_heartbeats: skippedBeats > 0 ? skippedBeats : undefined,
  };
  return node('child', attributes, inner);
}

/** State of an init and its children, as the detail of its `<report>` says. */
export function stateText(ws: Workspace, init: number, body: InitBody, detail: StateReport): string {
  const { ram, caps } = ws.parent(init).own;
  const inner: string[] = [];
  if (detail.initRam) inner.push(node('ram', amounts(ws.state.ram[ram]!)));
  if (detail.initCaps) inner.push(node('caps', amounts(ws.state.caps[caps]!)));
  for (const [id, child] of ws.state.components.entries())
    if (child.isAlive && child.init === init) inner.push(childNode(ws, init, id, child, detail));
  for (const {
    node: { name, binary },
  } of body.stuck)
    inner.push(node('child', { name, binary, state: 'stuck' }));
  for (const [name, { code }] of body.exited) inner.push(node('child', { name, exited: code }));
  return node('state', {}, inner);
}
