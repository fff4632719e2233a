import { createObject, destroyObject, insertReference } from '../core/capabilities.ts';
import { sessionOpsOf } from '../core/genode-ops.ts';
import { idleNode } from '../core/ipc.ts';
import { type Quota, SESSION_COST_BYTES, type ServerResponse } from '../core/parent.ts';
import { closeSession, fetchSessionCap, requestSession, respond, upgradeSession } from '../core/sessions.ts';
import { readSize } from '../init/values.ts';
import type { SessionInterface } from '../services/interface.ts';
import { interfaceOf } from '../services/interfaces.ts';
import { streamBytes } from '../services/stream-use.ts';
import type { Handle } from './component.ts';
import { awaitCalls, failCalls } from './rpc-flow.ts';
import { endObject, killSignal } from './rpc-object.ts';
import { type Route, route, serviceIndex } from './session-route.ts';
import type { Component, EarlyOpen, OpenSession } from './state.ts';
import type { Workspace } from './workspace.ts';

/** What the stock connection donates: the costs of the session and of its buffers. */
function donation(face: SessionInterface, args: Readonly<Record<string, string>>): Quota {
  const streams = face.streams.reduce((sum, stream) => sum + (streamBytes(stream, args) ?? 0), 0);
  const buffer = face.sessionArguments.includes('buffer_size') ? readSize(args.buffer_size ?? '') : 0;
  const buffers = streams + (buffer ?? 0);
  return { ramBytes: SESSION_COST_BYTES + face.ramBytes + buffers, caps: face.caps };
}

/** What is left for the next parent on the way: each keeps the cost of its own state. */
const lessCost = ({ ramBytes, caps }: Quota): Quota => ({ ramBytes: ramBytes - SESSION_COST_BYTES, caps });

/** A component asks for a session; its answer comes as an event. */
export function openSession(
  ws: Workspace,
  client: number,
  service: string,
  label: string,
  args: Readonly<Record<string, string>>,
): Handle {
  const component = ws.component(client);
  const handle = component.handles.length;
  ws.changeComponent(client, { handles: [...component.handles, undefined] });
  requestRouted(ws, { client, handle, service, label, args });
  return handle;
}

/** Sends the requests on that waited for somebody who was not ready. */
export function retryOpens(ws: Workspace): void {
  const { early: waiting } = ws.state;
  ws.change({ early: [], mayRetry: false });
  for (const open of waiting) requestRouted(ws, open);
}

function requestRouted(ws: Workspace, open: EarlyOpen): void {
  const { client, handle, service, label, args } = open;
  const denied = (reason: string): void => ws.post(client, { kind: 'denied', handle, reason });
  const face = interfaceOf(service);
  if (face === undefined) {
    denied(`no service "${service}"`);
    return;
  }
  const routed = route(ws, client, service, label);
  if ('denied' in routed) {
    if (routed.isEarly === true) ws.change({ early: [...ws.state.early, open] });
    else denied(routed.denied);
    return;
  }
  const index = serviceIndex(ws, routed.server, service);
  if (index < 0) {
    denied(`"${ws.component(routed.server).name}" does not serve "${service}"`);
    return;
  }
  const id = ws.state.sessions.length;
  const cost = SESSION_COST_BYTES * (routed.hops.length - 1);
  const first = donation(face, args);
  const donated = { ramBytes: first.ramBytes + cost, caps: first.caps };
  const failed = requestHops(ws, routed.hops, id, donated);
  if (failed === '') addSession(ws, { face, routed, args, client, handle, index, donated });
  else denied(failed);
}

/** Asks every init on the way; if one refuses, those before it give everything back. */
function requestHops(ws: Workspace, hops: Route['hops'], clientId: number, donated: Quota): string {
  const ops = sessionOpsOf(ws.ops);
  let quota = donated;
  for (const [index, { init, child, server }] of hops.entries()) {
    const request = { client: child, clientId, server, donated: quota };
    const { parent, result } = requestSession(ops, ws.parent(init), request);
    if (result !== 'PENDING') {
      answerHops(ws, hops.slice(0, index), clientId, 'DENIED');
      return result;
    }
    ws.setParent(init, parent);
    quota = lessCost(quota);
  }
  return '';
}

/** Passes the answer of a server through the inits, from the innermost outwards; failures give the quota back. */
function answerHops(ws: Workspace, hops: Route['hops'], clientId: number, response: ServerResponse): void {
  const ops = sessionOpsOf(ws.ops);
  for (const { init, child, server } of [...hops].reverse()) {
    const before = ws.parent(init);
    const id = before.sessions.findIndex(row => row?.client === child && row.clientId === clientId);
    const answered = respond(ops, before, server, id, response);
    ws.setParent(init, fetchSessionCap(ops, answered, child, clientId).parent);
  }
}

function addSession(
  ws: Workspace,
  given: {
    readonly face: SessionInterface;
    readonly routed: Route;
    readonly args: Readonly<Record<string, string>>;
    readonly client: number;
    readonly handle: Handle;
    readonly index: number;
    readonly donated: Quota;
  },
): void {
  const { face, routed, args, client, handle, index, donated } = given;
  const { server } = routed;
  const label = ws.ops.instance.serverLabel(routed.label, routed.hops[0]?.request ?? '');
  const id = ws.state.sessions.length;
  const made = createObject(ws.state.capabilities, 'session', server, id);
  ws.change({ capabilities: made.caps });
  const session: OpenSession = {
    parent: -1,
    face,
    label,
    args,
    client,
    handle,
    server,
    service: index,
    status: 'requested',
    donated,
    hops: routed.hops,
    identity: made.identity,
    thread: threadFor(ws, ws.component(server)),
    serving: -1,
    signals: new Map(),
  };
  ws.change({ sessions: [...ws.state.sessions, session] });
  const component = ws.component(client);
  ws.changeComponent(client, { handles: component.handles.map((old, place) => (place === handle ? id : old)) });
  const ramBytes = donated.ramBytes - SESSION_COST_BYTES * routed.hops.length;
  ws.post(server, { kind: 'session', session: id, request: { service: face.service, label, args, ramBytes } });
}

/** Thread that serves a new session: the server's entrypoint, or one for this session alone. */
function threadFor(ws: Workspace, { hasSessionThreads, entrypoint }: Component): number {
  if (!hasSessionThreads) return entrypoint;
  const thread = ws.state.nodes.length;
  ws.change({ nodes: [...ws.state.nodes, idleNode] });
  awaitCalls(ws, thread);
  return thread;
}

/** A server takes a session: its client gets the capability. */
export function acceptSession(ws: Workspace, id: number): void {
  const session = ws.state.sessions[id];
  if (session?.status !== 'requested') return;
  answerHops(ws, session.hops, id, 'DELIVER');
  const referred = insertReference(ws.ops.capability, ws.state.capabilities, session.client, session.identity);
  ws.change({ capabilities: referred.caps });
  ws.changeSession(id, { status: 'open' });
  ws.post(session.client, { kind: 'opened', handle: session.handle });
}

/** A server refuses a session: the quota returns. */
export function denySession(ws: Workspace, id: number, reason: string): void {
  const session = ws.state.sessions[id];
  if (session?.status !== 'requested') return;
  answerHops(ws, session.hops, id, reason === 'DENIED' ? 'DENIED' : (reason as ServerResponse));
  ws.change({ capabilities: destroyObject(ws.state.capabilities, session.identity) });
  ws.changeSession(id, { status: 'closed' });
  ws.post(session.client, { kind: 'denied', handle: session.handle, reason });
}

/** Ends an open session from either side: its object and signals are gone, calls fail, the quota returns. */
export function endSession(ws: Workspace, id: number): void {
  const session = ws.state.sessions[id];
  if (session !== undefined && session.parent >= 0) {
    endObject(ws, id);
    return;
  }
  if (session?.status === 'requested') denySession(ws, id, 'DENIED');
  if (session?.status !== 'open') return;
  ws.changeSession(id, { status: 'closed' });
  ws.change({ capabilities: destroyObject(ws.state.capabilities, session.identity) });
  for (const cap of session.signals.values()) killSignal(ws, session.server, cap);
  for (const [object, { parent }] of ws.state.sessions.entries()) if (parent === id) endObject(ws, object);
  failCalls(ws, id);
  const ops = sessionOpsOf(ws.ops);
  for (const { init, child, server } of [...session.hops].reverse()) {
    const before = closeSession(ops, ws.parent(init), child, id).parent;
    const index = before.sessions.findIndex(row => row?.client === child && row.clientId === id);
    ws.setParent(init, respond(ops, before, server, index, 'CLOSED'));
  }
}

/** Ends a session that neither of its ends asked for: the server is told, the client's next call fails. */
export function breakSession(ws: Workspace, id: number): void {
  const { server, status } = ws.state.sessions[id]!;
  endSession(ws, id);
  if (status !== 'closed') ws.post(server, { kind: 'closed', session: id });
}

/** A client donates more to its session: every init on the way passes it on, and the server is told. */
export function upgradeHandle(ws: Workspace, client: number, handle: Handle, more: Quota): boolean {
  const id = ws.component(client).handles[handle];
  const session = id === undefined ? undefined : ws.state.sessions[id];
  if (id === undefined || session?.status !== 'open' || session.parent >= 0 || session.client !== client) return false;
  const ops = sessionOpsOf(ws.ops);
  for (const { init, child, server } of session.hops) {
    // Only the client itself may have too little: each init passes on what it has just got.
    const { parent, result } = upgradeSession(ops, ws.parent(init), child, id, more);
    if (result !== 'PENDING') return false;
    const index = parent.sessions.findIndex(row => row?.client === child && row.clientId === id);
    ws.setParent(init, respond(ops, parent, server, index, 'CONFIRM'));
  }
  const donated = { ramBytes: session.donated.ramBytes + more.ramBytes, caps: session.donated.caps + more.caps };
  ws.changeSession(id, { donated });
  ws.post(session.server, { kind: 'upgraded', session: id, more });
  return true;
}

/** A client closes its session. */
export function closeHandle(ws: Workspace, client: number, handle: Handle): void {
  ws.change({ early: ws.state.early.filter(open => open.client !== client || open.handle !== handle) });
  const id = ws.component(client).handles[handle];
  const session = id === undefined ? undefined : ws.state.sessions[id];
  if (id === undefined || session === undefined || session.client !== client) return;
  // An object is its server's: the client only forgets it.
  if (session.parent < 0) breakSession(ws, id);
  const component = ws.component(client);
  const streams = new Map(component.streams);
  streams.delete(handle);
  ws.changeComponent(client, {
    handles: component.handles.map((old, place) => (place === handle ? undefined : old)),
    streams,
  });
}
