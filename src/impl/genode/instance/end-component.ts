import { destroySpace } from '../core/capabilities.ts';
import { sessionOpsOf } from '../core/genode-ops.ts';
import { destroyNode } from '../core/ipc.ts';
import { exitChild } from '../core/sessions.ts';
import { killContext } from '../core/signals.ts';
import { breakSession, endSession } from './session-flow.ts';
import type { Workspace } from './workspace.ts';

/** Sessions that a component has to do with, those that are closed left out. */
function* sessionsOf(ws: Workspace, end: 'client' | 'server', id: number): Generator<number> {
  for (const [session, row] of ws.state.sessions.entries())
    if (row[end] === id && row.status !== 'closed') yield session;
}

/** Frees what a component allocated; whoever shares it reaches it no longer. */
function freeMemory(ws: Workspace, id: number): void {
  for (const [identity, object] of ws.state.capabilities.objects.entries())
    if (object.isAlive && object.kind === 'dataspace' && object.owner === id) ws.dropDataspace(object.value, identity);
}

/**
 * A component ends, whatever it was doing: its children first, then its memory, the sessions that it serves (their clients'
 * calls fail), the sessions that it has, its signals, threads and capabilities, and its accounts return to its init.
 */
export function endComponent(ws: Workspace, id: number): void {
  const component = ws.component(id);
  if (!component.isAlive) return;
  for (let child = ws.state.components.length - 1; child > id; child--)
    if (ws.component(child).init === id) endComponent(ws, child);
  freeMemory(ws, id);
  // Requests that wait for this one as their server are denied, its own are gone.
  ws.change({ early: ws.state.early.filter(({ client }) => client !== id), mayRetry: true });
  for (const session of sessionsOf(ws, 'server', id)) endSession(ws, session);
  for (const session of sessionsOf(ws, 'client', id)) breakSession(ws, session);
  for (const [context, { receiver, status }] of ws.state.signals.contexts.entries())
    if (receiver === id && status !== 'dead') ws.change({ signals: killContext(ws.state.signals, context) });
  for (const thread of [component.mainThread, component.entrypoint])
    ws.change({ nodes: destroyNode(ws.ops.ipc, ws.state.nodes, thread).nodes });
  ws.change({ capabilities: destroySpace(ws.state.capabilities, id) });
  ws.endAddressSpace(id);
  ws.changeComponent(id, { isAlive: false, events: [], calls: [], isCalling: false, wakesUs: [], streams: new Map() });
  ws.setParent(component.init, exitChild(sessionOpsOf(ws.ops), ws.parent(component.init), component.child));
  const books = new Map(ws.state.books);
  books.delete(id);
  ws.change({ books });
}
