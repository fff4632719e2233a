import {
  type AccountOps,
  type Accounts,
  createAccount,
  destroyAccount,
  replenish,
  setReference,
  transferQuota,
  withdraw,
} from '../core/accounts.ts';
import type { Quota } from '../core/parent.ts';
import { wholePages } from '../core/ram.ts';
import type { RpcValue } from '../proxy/values.ts';
import { addMap, destroyMap } from './kernel-maps.ts';
import { type KernelPd, type KernelState, withRow } from './kernel-state.ts';
import { type Called, type DataspaceId, fails, returns, type ServiceEnv, type SessionNumber } from './service.ts';

/** Largest allocation whose size is exact. */
const MAX_ALLOCATION = 2n ** 40n;
/** Sizes of a PD's region maps (Genode `Pd_session`). */
const AREAS: Readonly<Record<string, number>> = {
  address_space: 2 ** 47,
  stack_area: 0x1000_0000,
  linker_area: 320 * 0x10_0000,
};
/** Opcode under which a context's submissions reach who bound it. */
const CONTEXT_SIGNAL = 0;

const exact = (value: RpcValue | undefined): bigint => BigInt.asUintN(64, BigInt(value as bigint));
const amountOf = (value: RpcValue | undefined): number =>
  exact(value) > MAX_ALLOCATION ? Number.POSITIVE_INFINITY : Number(exact(value));

/** Opens a PD with the quota of its donation, and its address spaces. */
export function openPd(
  state: KernelState,
  session: SessionNumber,
  { ramBytes, caps }: Quota,
  env: ServiceEnv,
): KernelState {
  const ram = createAccount(state.ram, ramBytes);
  const created = createAccount(state.caps, caps);
  let next: KernelState = { ...state, ram: ram.accounts, caps: created.accounts };
  const areas = new Map<string, SessionNumber>();
  for (const [name, sizeBytes] of Object.entries(AREAS)) {
    const added = addMap(next, session, sizeBytes, env);
    next = added.state;
    areas.set(name, added.map);
  }
  const pd: KernelPd = { account: ram.id, dataspaces: new Map(), areas, objects: new Map() };
  return { ...next, pds: withRow(next.pds, session, pd) };
}

const changePd = (state: KernelState, session: SessionNumber, changes: Partial<KernelPd>): KernelState => ({
  ...state,
  pds: withRow(state.pds, session, { ...state.pds.get(session)!, ...changes }),
});

export function upgradePd(state: KernelState, session: SessionNumber, more: Quota): KernelState {
  const { account } = state.pds.get(session)!;
  const raised = (accounts: Accounts, amount: number): Accounts =>
    accounts.map((row, index) =>
      index === account ? { ...row, limit: row.limit + amount, initialLimit: row.initialLimit + amount } : row,
    );
  return { ...state, ram: raised(state.ram, more.ramBytes), caps: raised(state.caps, more.caps) };
}

function allocate(
  ops: AccountOps,
  state: KernelState,
  session: SessionNumber,
  size: bigint,
  env: ServiceEnv,
): Called<KernelState> {
  const { account, dataspaces } = state.pds.get(session)!;
  if (size === 0n) return fails(state, 'DENIED');
  const costBytes = size > MAX_ALLOCATION ? Number.POSITIVE_INFINITY : wholePages(Number(size));
  const ram = withdraw(ops, state.ram, account, costBytes);
  if (!ram.isDone) return fails(state, 'OUT_OF_RAM');
  const caps = withdraw(ops, state.caps, account, 1);
  if (!caps.isDone) return fails(state, 'OUT_OF_CAPS');
  const dataspace = env.allocate(costBytes);
  if (dataspace === undefined) return fails(state, 'OUT_OF_RAM');
  const paid = { ...state, ram: ram.accounts, caps: caps.accounts };
  return returns(changePd(paid, session, { dataspaces: new Map(dataspaces).set(dataspace, costBytes) }), dataspace);
}

/** Only a dataspace of this very session is freed: anything else is left alone. */
function free(state: KernelState, session: SessionNumber, dataspace: DataspaceId, env: ServiceEnv): KernelState {
  const { account, dataspaces } = state.pds.get(session)!;
  const costBytes = dataspaces.get(dataspace);
  if (costBytes === undefined) return state;
  env.release(dataspace);
  const kept = new Map(dataspaces);
  kept.delete(dataspace);
  const ram = replenish(state.ram, account, costBytes);
  return changePd({ ...state, ram, caps: replenish(state.caps, account, 1) }, session, { dataspaces: kept });
}

/** Makes an object of a PD, which costs a capability. */
function addObject(
  ops: AccountOps,
  state: KernelState,
  session: SessionNumber,
  kind: string,
  source: SessionNumber,
  env: ServiceEnv,
): Called<KernelState> {
  const { account, objects } = state.pds.get(session)!;
  const caps = withdraw(ops, state.caps, account, 1);
  if (!caps.isDone) return fails(state, 'OUT_OF_CAPS');
  const object = env.createObject(session, kind);
  const added = new Map(objects).set(object, { kind, source });
  return returns(changePd({ ...state, caps: caps.accounts }, session, { objects: added }), object);
}

/** Frees an object of a PD's own, and the contexts of a signal source. */
function freeObject(
  state: KernelState,
  session: SessionNumber,
  object: SessionNumber,
  kind: string,
  env: ServiceEnv,
): KernelState {
  const { account, objects } = state.pds.get(session)!;
  if (objects.get(object)?.kind !== kind) return state;
  const gone = [...objects].flatMap(([id, row]) => (id === object || row.source === object ? [id] : []));
  const kept = new Map(objects);
  for (const id of gone) {
    env.destroyObject(id);
    kept.delete(id);
  }
  return changePd({ ...state, caps: replenish(state.caps, account, gone.length) }, session, { objects: kept });
}

/** Submits to a signal context, of whichever PD: who bound it hears of it. */
function submit(state: KernelState, context: SessionNumber, count: number, env: ServiceEnv): void {
  const isContext = [...state.pds.values()].some(({ objects }) => objects.get(context)?.kind === 'Signal context');
  if (isContext && count > 0) env.notify(context, CONTEXT_SIGNAL);
}

function transfer(
  ops: AccountOps,
  state: KernelState,
  session: SessionNumber,
  resource: 'ram' | 'caps',
  [account, amount]: readonly RpcValue[],
): Called<KernelState> {
  const target = state.pds.get(Number(account));
  if (target === undefined) return fails(state, 'INVALID');
  const from = state.pds.get(session)!.account;
  const moved = transferQuota(ops, state[resource], from, target.account, amountOf(amount));
  return moved.result === 'OK' ? returns({ ...state, [resource]: moved.accounts }) : fails(state, moved.result);
}

/** Names the account that quota may be exchanged with, in both resources. */
function refer(state: KernelState, session: SessionNumber, reference: SessionNumber): Called<KernelState> {
  const own = state.pds.get(session)!.account;
  const other = state.pds.get(reference)?.account;
  if (other === undefined) return fails(state, 'INVALID_SESSION');
  const ram = setReference(state.ram, own, other);
  if (ram.result !== 'OK') return fails(state, 'INVALID_SESSION');
  return returns({ ...state, ram: ram.accounts, caps: setReference(state.caps, own, other).accounts });
}

/** A call of a PD session. */
export function callPd(
  ops: AccountOps,
  state: KernelState,
  session: SessionNumber,
  name: string,
  values: readonly RpcValue[],
  env: ServiceEnv,
): Called<KernelState> {
  const [first, second] = values;
  const own = state.pds.get(session)!;
  const area = own.areas.get(name);
  if (area !== undefined) return returns(state, area);
  switch (name) {
    case 'transfer_ram_quota':
      return transfer(ops, state, session, 'ram', values);
    case 'transfer_cap_quota':
      return transfer(ops, state, session, 'caps', values);
    case 'ref_account':
      return refer(state, session, Number(first));
    case 'alloc_ram':
      return allocate(ops, state, session, exact(first), env);
    case 'free_ram':
      return returns(free(state, session, Number(first), env));
    case 'ram_size':
      return returns(state, BigInt(own.dataspaces.get(Number(first)) ?? 0));
    case 'cap_quota':
      return returns(state, BigInt(state.caps[own.account]!.limit));
    case 'used_caps':
      return returns(state, BigInt(state.caps[own.account]!.used));
    case 'ram_quota':
      return returns(state, BigInt(state.ram[own.account]!.limit));
    case 'used_ram':
      return returns(state, BigInt(state.ram[own.account]!.used));
    case 'signal_source':
      return addObject(ops, state, session, 'Signal source', -1, env);
    case 'free_signal_source':
      return returns(freeObject(state, session, Number(first), 'Signal source', env));
    case 'alloc_context':
      if (own.objects.get(Number(first))?.kind !== 'Signal source') return fails(state, 'DENIED');
      return addObject(ops, state, session, 'Signal context', Number(first), env);
    case 'free_context':
      return returns(freeObject(state, session, Number(first), 'Signal context', env));
    case 'submit':
      submit(state, Number(first), Number(second), env);
      return returns(state);
    case 'alloc_rpc_cap':
      return addObject(ops, state, session, 'RPC object', -1, env);
    case 'free_rpc_cap':
      return returns(freeObject(state, session, Number(first), 'RPC object', env));
    case 'dma_addr':
      return returns(state, BigInt(own.dataspaces.has(Number(first)) ? env.core!.dmaAddress(Number(first)) : 0));
    case 'attach_dma':
      // The VT-d tables are the policy's: nobody inside of a subject changes them.
      return fails(state, 'DENIED');
    case 'assign_pci':
    case 'native_pd':
    case 'system_control_cap':
      return returns(state, 0);
    default:
      // `assign_parent` names whom the PD itself asks, and everything that is attached is mapped already.
      return returns(state);
  }
}

/** A PD ends: its memory, maps and objects are gone, its quota returns to the account that it refers to. */
export function closePd(ops: AccountOps, before: KernelState, session: SessionNumber, env: ServiceEnv): KernelState {
  const { account, dataspaces, areas } = before.pds.get(session)!;
  let state = before;
  for (const dataspace of dataspaces.keys()) env.release(dataspace);
  for (const map of areas.values()) state = destroyMap(state, map, env);
  return {
    ...state,
    ram: destroyAccount(ops, state.ram, account),
    caps: destroyAccount(ops, state.caps, account),
    pds: withRow(state.pds, session, undefined),
  };
}
