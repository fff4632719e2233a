/** Id of a quota account: its index. */
export type AccountId = number;

/** No account. */
export const NO_ACCOUNT: AccountId = -1;

/** One resource of one PD: RAM in bytes or capabilities (Genode `Account`). */
export interface Account {
  readonly isAlive: boolean;
  /** Account with which quota may be exchanged, NO_ACCOUNT for none. */
  readonly reference: AccountId;
  /** What may be used at most. */
  readonly limit: number;
  /** Part of the limit that the session donation paid; it never leaves the account. */
  readonly initialLimit: number;
  readonly used: number;
}

/** All accounts of one resource in one Genode instance; ids are never used twice. */
export type Accounts = readonly Account[];

export type TransferResult = 'OK' | 'EXCEEDED' | 'INVALID';

/** Leaf decisions of quota accounting; a seeded fault replaces one of them. */
export interface AccountOps {
  /** What `account` can still hand out or use. */
  available(account: Account): number;
  /** Limit of the giving account after a transfer of `amount`. */
  afterGiving(limit: number, amount: number): number;
  /** What goes back to the reference account when an account is destroyed. */
  returnedAtEnd(account: Account): number;
  /** True if two accounts may exchange quota. */
  mayExchange(from: AccountId, to: AccountId, accounts: Accounts): boolean;
}

export const accountOps: AccountOps = {
  available: ({ limit, used }) => limit - used,
  afterGiving: (limit, amount) => limit - amount,
  returnedAtEnd: ({ limit, initialLimit }) => limit - initialLimit,
  mayExchange: (from, to, accounts) => accounts[from]!.reference === to || accounts[to]!.reference === from,
};

function change(accounts: Accounts, id: AccountId, changes: Partial<Account>): Accounts {
  return accounts.map((account, index) => (index === id ? { ...account, ...changes } : account));
}

const isLive = (accounts: Accounts, id: AccountId): boolean => accounts[id]?.isAlive === true;

/** Adds an account with the quota of its session donation; it has no reference account yet. */
export function createAccount(accounts: Accounts, initialLimit: number): { accounts: Accounts; id: AccountId } {
  const account: Account = { isAlive: true, reference: NO_ACCOUNT, limit: initialLimit, initialLimit, used: 0 };
  return { accounts: [...accounts, account], id: accounts.length };
}

/** Names the reference account, once. */
export function setReference(
  accounts: Accounts,
  id: AccountId,
  reference: AccountId,
): { accounts: Accounts; result: 'OK' | 'INVALID' } {
  const isPossible = isLive(accounts, id) && isLive(accounts, reference) && id !== reference;
  if (!isPossible || accounts[id]!.reference !== NO_ACCOUNT) return { accounts, result: 'INVALID' };
  return { accounts: change(accounts, id, { reference }), result: 'OK' };
}

/** Moves quota between an account and its reference account (PD `transfer_quota`). */
export function transferQuota(
  ops: AccountOps,
  accounts: Accounts,
  from: AccountId,
  to: AccountId,
  amount: number,
): { accounts: Accounts; result: TransferResult } {
  const isPossible = isLive(accounts, from) && isLive(accounts, to) && from !== to;
  if (!isPossible || !ops.mayExchange(from, to, accounts)) return { accounts, result: 'INVALID' };
  const giver = accounts[from]!;
  if (amount > ops.available(giver) || giver.limit - amount < giver.initialLimit)
    return { accounts, result: 'EXCEEDED' };
  const given = change(accounts, from, { limit: ops.afterGiving(giver.limit, amount) });
  return { accounts: change(given, to, { limit: given[to]!.limit + amount }), result: 'OK' };
}

/** Uses quota; false, and nothing happens, if there is not enough. */
export function withdraw(
  ops: AccountOps,
  accounts: Accounts,
  id: AccountId,
  amount: number,
): { accounts: Accounts; isDone: boolean } {
  if (!isLive(accounts, id) || amount > ops.available(accounts[id]!)) return { accounts, isDone: false };
  return { accounts: change(accounts, id, { used: accounts[id]!.used + amount }), isDone: true };
}

/** Gives used quota back; more than was used counts as all of it. */
export function replenish(accounts: Accounts, id: AccountId, amount: number): Accounts {
  if (!isLive(accounts, id)) return accounts;
  return change(accounts, id, { used: Math.max(0, accounts[id]!.used - amount) });
}

/**
 * Destroys an account: what it got beyond its donation returns to its reference account, which also takes over those who
 * referred to it. Use that was never given back counts as given back.
 */
export function destroyAccount(ops: AccountOps, accounts: Accounts, id: AccountId): Accounts {
  if (!isLive(accounts, id)) return accounts;
  const account = accounts[id]!;
  const { reference } = account;
  const ended = change(accounts, id, { isAlive: false, limit: 0, initialLimit: 0, used: 0, reference: NO_ACCOUNT });
  const adopted = ended.map(other => (other.reference === id ? { ...other, reference } : other));
  if (!isLive(adopted, reference)) return adopted;
  return change(adopted, reference, { limit: adopted[reference]!.limit + ops.returnedAtEnd(account) });
}

/** What all live accounts hold together beyond their donations: no operation but `createAccount` changes it, donations apart. */
export const totalLimit = (accounts: Accounts): number => accounts.reduce((sum, { limit }) => sum + limit, 0);
