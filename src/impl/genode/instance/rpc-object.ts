import { defined } from '../../../units/invariant.ts';
import { createObject, destroyObject, insertReference } from '../core/capabilities.ts';
import { killContext } from '../core/signals.ts';
import { anyInterface } from '../services/interfaces.ts';
import type { SessionNumber } from '../services/service.ts';
import type { Handle } from './component.ts';
import { failCalls, registerSignal } from './rpc-flow.ts';
import type { OpenSession } from './state.ts';
import type { Workspace } from './workspace.ts';

/** Interface of objects that stand for signal contexts. */
const SIGNAL_CONTEXT = 'Signal context';

/** Makes an RPC object of a session: it has the client, the server and the thread of the session, and no quota of its own. */
export function createRpcObject(ws: Workspace, session: SessionNumber, of: string): SessionNumber {
  const parent = ws.state.sessions[session]!;
  const id = ws.state.sessions.length;
  const made = createObject(ws.state.capabilities, 'session', parent.server, id);
  const object: OpenSession = {
    ...parent,
    face: defined(anyInterface(of), of),
    parent: session,
    handle: -1,
    args: {},
    status: 'open',
    donated: { ramBytes: 0, caps: 0 },
    hops: [],
    identity: made.identity,
    serving: -1,
    signals: new Map(),
  };
  ws.change({ capabilities: made.caps, sessions: [...ws.state.sessions, object] });
  return id;
}

/** Ends an object: nobody reaches it, its signals are gone, calls fail. */
export function endObject(ws: Workspace, id: SessionNumber): void {
  const object = ws.state.sessions[id];
  if (object === undefined || object.parent < 0 || object.status !== 'open') return;
  ws.changeSession(id, { status: 'closed' });
  ws.change({ capabilities: destroyObject(ws.state.capabilities, object.identity) });
  for (const cap of object.signals.values()) killSignal(ws, object.server, cap);
  failCalls(ws, id);
}

/** Ends a signal context that a client registered, by the server's capability of it. */
export function killSignal(ws: Workspace, pd: number, cap: number): void {
  const identity = ws.identityOf(pd, cap);
  const object = identity === undefined ? undefined : ws.state.capabilities.objects[identity];
  if (identity === undefined || object?.kind !== 'signal-context') return;
  ws.change({
    signals: killContext(ws.state.signals, object.value),
    capabilities: destroyObject(ws.state.capabilities, identity),
  });
}

/** Handle for the session or object behind a capability of a client; calls of one that it may not call fail. */
export function bindCapability(ws: Workspace, pd: number, cap: number): Handle {
  const session = ws.sessionOf(pd, cap);
  const { handles } = ws.component(pd);
  const isOwn = session !== undefined && ws.state.sessions[session]!.client === pd;
  ws.changeComponent(pd, { handles: [...handles, isOwn ? session : undefined] });
  if (isOwn) ws.changeSession(session, { handle: handles.length });
  if (isOwn) receive(ws, pd, session, handles.length);
  return handles.length;
}

/** Whoever binds a signal context receives what is submitted to it, as a signal of its handle. */
function receive(ws: Workspace, pd: number, session: SessionNumber, handle: Handle): void {
  const { face, server } = ws.state.sessions[session]!;
  if (face.service !== SIGNAL_CONTEXT) return;
  const cap = registerSignal(ws, pd, handle, 0);
  ws.changeSession(session, { signals: new Map([[0, ws.delegate(pd, cap, server)]]) });
}

/** Capability, in its client's space, of what a handle stands for; 0 if that is not open. */
export function capabilityOf(ws: Workspace, pd: number, handle: Handle): number {
  const id = ws.component(pd).handles[handle];
  const session = id === undefined ? undefined : ws.state.sessions[id];
  if (session?.status !== 'open') return 0;
  const referred = insertReference(ws.ops.capability, ws.state.capabilities, pd, session.identity);
  ws.change({ capabilities: referred.caps });
  return referred.id;
}
