import { PAGE_BYTES, wholePages } from '../core/ram.ts';
import type { FaultKind } from '../core/region-map.ts';
import type { RpcValue } from '../proxy/values.ts';
import { type KernelState, withRow } from './kernel-state.ts';
import { resolveFaults } from './kernel-threads.ts';
import { type Called, fails, returns, type ServiceEnv, type SessionNumber } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

/** What a region map costs, and each call of `create` pays. */
const MAP_COST = { ramBytes: 0x1000, caps: 1 };
/** Largest region map: an address space. */
const MAX_MAP_BYTES = 2 ** 47;
/** Kinds of faults as `fault` names them. */
const FAULT_KINDS: readonly FaultKind[] = ['NONE', 'READ', 'WRITE', 'EXEC'];

const sizeOf = (value: RpcValue | undefined): number => {
  const exact = BigInt.asUintN(64, BigInt(value as bigint));
  return exact > BigInt(MAX_MAP_BYTES) ? Number.POSITIVE_INFINITY : Number(exact);
};

/** Makes a region map that belongs to a session. */
export function addMap(
  state: KernelState,
  session: SessionNumber,
  sizeBytes: number,
  env: ServiceEnv,
): { readonly state: KernelState; readonly map: SessionNumber } {
  const map = env.createObject(session, 'Region map');
  env.core?.regionMaps.create(map, sizeBytes);
  return { state: { ...state, maps: withRow(state.maps, map, session) }, map };
}

/** Destroys a region map: nothing is reached through it any longer. */
export function destroyMap(state: KernelState, map: SessionNumber, env: ServiceEnv): KernelState {
  env.core?.regionMaps.destroy(map);
  env.destroyObject(map);
  return { ...state, maps: withRow(state.maps, map, undefined) };
}

/** A call of an RM session. */
export function callRm(
  state: KernelState,
  session: SessionNumber,
  name: string,
  [first]: readonly RpcValue[],
  env: ServiceEnv,
): Called<KernelState> {
  const quota = state.rms.get(session)!;
  if (name === 'destroy') {
    const map = Number(first);
    if (state.maps.get(map) !== session) return returns(state);
    const back = { ramBytes: quota.ramBytes + MAP_COST.ramBytes, caps: quota.caps + MAP_COST.caps };
    const destroyed = destroyMap(state, map, env);
    return returns({ ...destroyed, rms: withRow(destroyed.rms, session, back) });
  }
  const sizeBytes = wholePages(sizeOf(first));
  if (sizeBytes === 0 || sizeBytes > MAX_MAP_BYTES) return fails(state, 'DENIED');
  if (quota.ramBytes < MAP_COST.ramBytes) return fails(state, 'OUT_OF_RAM');
  if (quota.caps < MAP_COST.caps) return fails(state, 'OUT_OF_CAPS');
  const paid = { ramBytes: quota.ramBytes - MAP_COST.ramBytes, caps: quota.caps - MAP_COST.caps };
  const added = addMap({ ...state, rms: withRow(state.rms, session, paid) }, session, sizeBytes, env);
  return returns(added.state, added.map);
}

function attach(
  ops: ServiceOps,
  state: KernelState,
  map: SessionNumber,
  values: readonly RpcValue[],
  env: ServiceEnv,
): Called<KernelState> {
  const [dataspace, size, offset, useAt, at, executable, writeable] = values;
  const result = env.core!.regionMaps.attach(map, Number(dataspace), {
    sizeBytes: sizeOf(size),
    offset: sizeOf(offset),
    useAt: Number(useAt) !== 0,
    at: sizeOf(at),
    executable: Number(executable) !== 0,
    writeable: Number(writeable) !== 0,
  });
  if (typeof result === 'string') return fails(state, result);
  return returns(resolveFaults(ops, state, env), BigInt(result.at), BigInt(result.sizeBytes));
}

/** A call of a region map. */
export function callMap(
  ops: ServiceOps,
  state: KernelState,
  map: SessionNumber,
  name: string,
  values: readonly RpcValue[],
  env: ServiceEnv,
): Called<KernelState> {
  const maps = env.core!.regionMaps;
  switch (name) {
    case 'attach':
      return attach(ops, state, map, values, env);
    case 'detach':
      maps.detach(map, Math.floor(sizeOf(values[0]) / PAGE_BYTES) * PAGE_BYTES);
      return returns(state);
    case 'fault': {
      const faults = [...state.threads.values()].flatMap(({ fault }) => (fault?.map === map ? [fault] : []));
      const [fault] = faults;
      return returns(state, FAULT_KINDS.indexOf(fault?.access ?? 'NONE'), BigInt(fault?.address ?? 0));
    }
    case 'dataspace':
      return returns(state, maps.dataspace(map));
    default:
      // The host keeps the signal handler.
      return returns(state);
  }
}
