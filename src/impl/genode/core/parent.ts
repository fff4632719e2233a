import {
  type AccountId,
  type AccountOps,
  type Accounts,
  createAccount,
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
export function move(
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
export function donate(
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
