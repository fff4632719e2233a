import {
  type AccountId,
  type AccountOps,
  type Accounts,
  createAccount,
  destroyAccount,
  replenish,
  setReference,
  transferQuota,
  withdraw,
} from './accounts.ts';

/** Phases of a session as the parent keeps it (Genode `Session_state`). */
export const SESSION_PHASES = [
  'CREATE_REQUESTED',
  'AVAILABLE',
  'CAP_HANDED_OUT',
  'UPGRADE_REQUESTED',
  'CLOSE_REQUESTED',
  'SERVICE_DENIED',
  'INSUFFICIENT_RAM_QUOTA',
  'INSUFFICIENT_CAP_QUOTA',
] as const;
export type SessionPhase = (typeof SESSION_PHASES)[number];

/** An amount of both resources. */
export interface Quota {
  readonly ramBytes: number;
  readonly caps: number;
}

/** What the parent itself pays from a donation for keeping the session. */
export const SESSION_COST_BYTES = 0x1000;
/** What core keeps of a child's quota for its PD. */
export const PD_COST: Quota = { ramBytes: 0x2000, caps: 4 };

/** A child of the parent: a PD with its accounts. */
export interface ChildPd {
  readonly isAlive: boolean;
  readonly ram: AccountId;
  readonly caps: AccountId;
}

/** A session from one child to another. */
export interface Session {
  readonly client: number;
  /** Number that the client chose. */
  readonly clientId: number;
  readonly server: number;
  readonly phase: SessionPhase;
  /** Donated so far, the parent's cost included. */
  readonly donated: Quota;
  /** The client ended; what the session holds belongs to the parent. */
  readonly isClientGone: boolean;
}

/** A parent with its children, their accounts and their sessions (one init instance). */
export interface ParentState {
  /** Accounts of the parent itself; account 0 for the root of all. */
  readonly own: Pick<ChildPd, 'ram' | 'caps'>;
  readonly ram: Accounts;
  readonly caps: Accounts;
  readonly children: readonly ChildPd[];
  /** By server id; a session that ended stands as undefined, so that no id is used twice. */
  readonly sessions: readonly (Session | undefined)[];
}

/** Account of the root parent, in both resources. */
export const PARENT_ACCOUNT: AccountId = 0;

export type CreateResult = 'PENDING' | 'DENIED' | 'OUT_OF_RAM' | 'OUT_OF_CAPS' | 'INSUFFICIENT_RAM';
export type CapResult = 'CAP' | 'PENDING' | 'DENIED' | 'INSUFFICIENT_RAM' | 'INSUFFICIENT_CAPS';
export type UpgradeResult = 'PENDING' | 'IGNORED' | 'OUT_OF_RAM' | 'OUT_OF_CAPS';
export type CloseResult = 'DONE' | 'PENDING';
export type ServerResponse = 'DELIVER' | 'DENIED' | 'INSUFFICIENT_RAM' | 'INSUFFICIENT_CAPS' | 'CONFIRM' | 'CLOSED';

/** Decisions of the session protocol; a seeded fault replaces one of them. */
export interface SessionOps {
  readonly account: AccountOps;
  /** What the server's account gets of a first donation. */
  forServer(donated: Quota): Quota;
  /** What the client gets back when its session ends. */
  refund(donated: Quota): Quota;
  /** True if an upgrade may be donated in this phase. */
  mayUpgrade(phase: SessionPhase): boolean;
  /** True if quota that cannot be passed on returns to the client. */
  undoesFailedDonation(): boolean;
  /** True if a response belongs to the phase that the session is in. */
  fits(response: ServerResponse, phase: SessionPhase): boolean;
  /** Sessions that end with a client. */
  endsWithClient(session: Session, client: number): boolean;
}

const RESPONSE_PHASES: Readonly<Record<ServerResponse, readonly SessionPhase[]>> = {
  DELIVER: ['CREATE_REQUESTED'],
  DENIED: ['CREATE_REQUESTED'],
  INSUFFICIENT_RAM: ['CREATE_REQUESTED'],
  INSUFFICIENT_CAPS: ['CREATE_REQUESTED'],
  CONFIRM: ['UPGRADE_REQUESTED'],
  CLOSED: ['CLOSE_REQUESTED'],
};

export const sessionOps = (account: AccountOps): SessionOps => ({
  account,
  forServer: ({ ramBytes, caps }) => ({ ramBytes: ramBytes - SESSION_COST_BYTES, caps }),
  refund: donated => donated,
  mayUpgrade: phase => phase === 'CAP_HANDED_OUT',
  undoesFailedDonation: () => true,
  fits: (response, phase) => RESPONSE_PHASES[response].includes(phase),
  endsWithClient: (session, client) => session.client === client,
});

/** A parent that owns `quota` and has no children. */
export function createParent(quota: Quota): ParentState {
  const own = { ram: PARENT_ACCOUNT, caps: PARENT_ACCOUNT };
  return { own, ram: rootAccounts(quota.ramBytes), caps: rootAccounts(quota.caps), children: [], sessions: [] };
}

/** The account that everything comes from: nobody donated it, so all of it may be handed on. */
const rootAccounts = (limit: number): Accounts =>
  createAccount([], limit).accounts.map(account => ({ ...account, initialLimit: 0 }));

/** Starts a child with `quota`, undefined if the parent has not so much. */
export function startChild(ops: SessionOps, parent: ParentState, quota: Quota): ParentState | undefined {
  if (quota.ramBytes < PD_COST.ramBytes || quota.caps < PD_COST.caps) return undefined;
  const ram = fundAccount(ops.account, parent.ram, parent.own.ram, PD_COST.ramBytes, quota.ramBytes);
  const caps = fundAccount(ops.account, parent.caps, parent.own.caps, PD_COST.caps, quota.caps);
  if (ram === undefined || caps === undefined) return undefined;
  const child: ChildPd = { isAlive: true, ram: ram.id, caps: caps.id };
  return { ...parent, ram: ram.accounts, caps: caps.accounts, children: [...parent.children, child] };
}

/** The PD's own part is used up at the parent; the rest is transferred. */
function fundAccount(
  ops: AccountOps,
  accounts: Accounts,
  own: AccountId,
  cost: number,
  amount: number,
): { accounts: Accounts; id: AccountId } | undefined {
  const paid = withdraw(ops, accounts, own, cost);
  if (!paid.isDone) return undefined;
  const { accounts: created, id } = createAccount(paid.accounts, cost);
  const referred = setReference(created, id, own).accounts;
  const moved = transferQuota(ops, referred, own, id, amount - cost);
  return moved.result === 'OK' ? { accounts: moved.accounts, id } : undefined;
}

/** Moves both resources between a child and the parent; the parent as it was, and why, if it cannot be done. */
function move(
  ops: SessionOps,
  parent: ParentState,
  from: Pick<ChildPd, 'ram' | 'caps'>,
  to: Pick<ChildPd, 'ram' | 'caps'>,
  quota: Quota,
): { readonly parent: ParentState; readonly failed: 'OUT_OF_RAM' | 'OUT_OF_CAPS' | undefined } {
  // What stays at the parent does not move: it serves the session itself, or passes it on.
  if (from.ram === to.ram) return { parent, failed: undefined };
  const ram = transferQuota(ops.account, parent.ram, from.ram, to.ram, quota.ramBytes);
  if (ram.result !== 'OK') return { parent, failed: 'OUT_OF_RAM' };
  const caps = transferQuota(ops.account, parent.caps, from.caps, to.caps, quota.caps);
  if (caps.result !== 'OK') return { parent, failed: 'OUT_OF_CAPS' };
  return { parent: { ...parent, ram: ram.accounts, caps: caps.accounts }, failed: undefined };
}

/** Donates from a client over the parent to a server; all or nothing. */
function donate(
  ops: SessionOps,
  parent: ParentState,
  client: ChildPd,
  server: ChildPd,
  donated: Quota,
  forServer: Quota,
): { readonly parent: ParentState; readonly failed: 'OUT_OF_RAM' | 'OUT_OF_CAPS' | undefined } {
  const first = move(ops, parent, client, parent.own, donated);
  if (first.failed !== undefined) return first;
  const second = move(ops, first.parent, parent.own, server, forServer);
  if (second.failed === undefined) return second;
  return { parent: ops.undoesFailedDonation() ? parent : first.parent, failed: second.failed };
}

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
