import { destroyAccount, replenish } from './accounts.ts';
import {
  type CapResult,
  type CloseResult,
  type CreateResult,
  donate,
  move,
  type ParentState,
  PD_COST,
  type Quota,
  SESSION_COST_BYTES,
  type ServerResponse,
  type Session,
  type SessionOps,
  type SessionPhase,
  type UpgradeResult,
} from './parent.ts';

const isUsable = (parent: ParentState, child: number): boolean => parent.children[child]?.isAlive === true;

function findSession(parent: ParentState, client: number, clientId: number): number {
  return parent.sessions.findIndex(
    session =>
      session !== undefined && !session.isClientGone && session.client === client && session.clientId === clientId,
  );
}

function changeSession(parent: ParentState, id: number, changes: Partial<Session> | undefined): ParentState {
  const sessions = parent.sessions.map((session, index) =>
    index !== id || session === undefined ? session : changes === undefined ? undefined : { ...session, ...changes },
  );
  return { ...parent, sessions };
}

/** A client asks for a session at `server`, to which its request was routed (Parent `session`). */
export function requestSession(
  ops: SessionOps,
  parent: ParentState,
  request: { readonly client: number; readonly clientId: number; readonly server: number; readonly donated: Quota },
): { readonly parent: ParentState; readonly result: CreateResult } {
  const { client, clientId, server, donated } = request;
  if (donated.ramBytes < SESSION_COST_BYTES) return { parent, result: 'INSUFFICIENT_RAM' };
  if (!isUsable(parent, client) || !isUsable(parent, server) || findSession(parent, client, clientId) >= 0)
    return { parent, result: 'DENIED' };
  const [from, to] = [parent.children[client]!, parent.children[server]!];
  const { parent: funded, failed } = donate(ops, parent, from, to, donated, ops.forServer(donated));
  if (failed !== undefined) return { parent: funded, result: failed };
  const session: Session = { client, clientId, server, phase: 'CREATE_REQUESTED', donated, isClientGone: false };
  return { parent: { ...funded, sessions: [...funded.sessions, session] }, result: 'PENDING' };
}

/** A server answers a request (Parent `deliver_session_cap` and `session_response`); what does not fit is ignored. */
export function respond(
  ops: SessionOps,
  parent: ParentState,
  server: number,
  id: number,
  response: ServerResponse,
): ParentState {
  const session = parent.sessions[id];
  if (session === undefined || session.server !== server || !ops.fits(response, session.phase)) return parent;
  if (response === 'CLOSED') return endSession(ops, parent, id);
  const phase: SessionPhase = (
    {
      DELIVER: 'AVAILABLE',
      DENIED: 'SERVICE_DENIED',
      INSUFFICIENT_RAM: 'INSUFFICIENT_RAM_QUOTA',
      INSUFFICIENT_CAPS: 'INSUFFICIENT_CAP_QUOTA',
      CONFIRM: 'CAP_HANDED_OUT',
    } as const
  )[response];
  const answered = changeSession(parent, id, { phase });
  // Nobody will take or close the session of a client that is gone.
  return session.isClientGone ? abandon(ops, answered, id) : answered;
}

/** A session of a client that is gone: closed where it is alive, ended where it failed. */
function abandon(ops: SessionOps, parent: ParentState, id: number): ParentState {
  const { phase } = parent.sessions[id]!;
  if (phase === 'CREATE_REQUESTED' || phase === 'CLOSE_REQUESTED') return parent;
  return isFailure(phase) ? endSession(ops, parent, id) : changeSession(parent, id, { phase: 'CLOSE_REQUESTED' });
}

const isFailure = (phase: SessionPhase): boolean =>
  phase === 'SERVICE_DENIED' || phase === 'INSUFFICIENT_RAM_QUOTA' || phase === 'INSUFFICIENT_CAP_QUOTA';

const FAILURES: Readonly<Partial<Record<SessionPhase, CapResult>>> = {
  SERVICE_DENIED: 'DENIED',
  INSUFFICIENT_RAM_QUOTA: 'INSUFFICIENT_RAM',
  INSUFFICIENT_CAP_QUOTA: 'INSUFFICIENT_CAPS',
};

/** A client fetches the capability of a session that it asked for (Parent `session_cap`). */
export function fetchSessionCap(
  ops: SessionOps,
  parent: ParentState,
  client: number,
  clientId: number,
): { readonly parent: ParentState; readonly result: CapResult } {
  const id = findSession(parent, client, clientId);
  if (id < 0) return { parent, result: 'DENIED' };
  const { phase } = parent.sessions[id]!;
  const failure = FAILURES[phase];
  if (failure !== undefined) return { parent: endSession(ops, parent, id), result: failure };
  if (phase === 'CREATE_REQUESTED') return { parent, result: 'PENDING' };
  if (phase === 'AVAILABLE') return { parent: changeSession(parent, id, { phase: 'CAP_HANDED_OUT' }), result: 'CAP' };
  return { parent, result: 'CAP' };
}

/** A client donates more to a session (Parent `upgrade`). */
export function upgradeSession(
  ops: SessionOps,
  parent: ParentState,
  client: number,
  clientId: number,
  more: Quota,
): { readonly parent: ParentState; readonly result: UpgradeResult } {
  const id = findSession(parent, client, clientId);
  const session = parent.sessions[id];
  if (session === undefined || !ops.mayUpgrade(session.phase)) return { parent, result: 'IGNORED' };
  const [from, to] = [parent.children[client]!, parent.children[session.server]!];
  const { parent: funded, failed } = donate(ops, parent, from, to, more, more);
  if (failed !== undefined) return { parent: funded, result: failed };
  const donated = { ramBytes: session.donated.ramBytes + more.ramBytes, caps: session.donated.caps + more.caps };
  return { parent: changeSession(funded, id, { donated, phase: 'UPGRADE_REQUESTED' }), result: 'PENDING' };
}

/** A client closes a session (Parent `close`); an unknown one is closed already. */
export function closeSession(
  ops: SessionOps,
  parent: ParentState,
  client: number,
  clientId: number,
): { readonly parent: ParentState; readonly result: CloseResult } {
  const id = findSession(parent, client, clientId);
  if (id < 0) return { parent, result: 'DONE' };
  const { phase } = parent.sessions[id]!;
  if (isFailure(phase)) return { parent: endSession(ops, parent, id), result: 'DONE' };
  if (phase === 'CREATE_REQUESTED') return { parent, result: 'PENDING' };
  return { parent: changeSession(parent, id, { phase: 'CLOSE_REQUESTED' }), result: 'PENDING' };
}

/** Ends a session: its quota returns from the server over the parent to the client, or to the parent if the client is gone. */
function endSession(ops: SessionOps, parent: ParentState, id: number): ParentState {
  const session = parent.sessions[id]!;
  const ended = changeSession(parent, id, undefined);
  const back = isUsable(ended, session.server)
    ? move(ops, ended, ended.children[session.server]!, parent.own, ops.forServer(session.donated))
    : { parent: ended, failed: undefined };
  // A server that cannot return what it used leaves the client without it; the parent does not pay for it.
  if (back.failed !== undefined) return ended;
  if (session.isClientGone || !isUsable(ended, session.client)) return back.parent;
  return move(ops, back.parent, parent.own, back.parent.children[session.client]!, ops.refund(session.donated)).parent;
}

/**
 * A child ends. Its sessions as a client are closed, those that it serves end at once, and its accounts return to the
 * parent what they hold beyond the PD's own part.
 */
export function exitChild(ops: SessionOps, parent: ParentState, child: number): ParentState {
  if (!isUsable(parent, child)) return parent;
  const { ram, caps } = parent.children[child]!;
  const children = parent.children.map((other, index) => (index === child ? { ...other, isAlive: false } : other));
  let state: ParentState = {
    ...parent,
    children,
    ram: replenish(destroyAccount(ops.account, parent.ram, ram), parent.own.ram, PD_COST.ramBytes),
    caps: replenish(destroyAccount(ops.account, parent.caps, caps), parent.own.caps, PD_COST.caps),
  };
  state.sessions.forEach((session, id) => {
    if (session === undefined) return;
    if (session.server === child) state = endSession(ops, state, id);
    else if (ops.endsWithClient(session, child))
      state = abandon(ops, changeSession(state, id, { isClientGone: true }), id);
  });
  return state;
}
