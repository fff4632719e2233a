import { ok } from '../../../units/result.ts';
import { wholePages } from '../core/ram.ts';
import type { RpcValue } from '../proxy/values.ts';
import { interfaceNamed } from './interfaces.ts';
import {
  type Called,
  type DataspaceId,
  fails,
  returns,
  type Service,
  type ServiceEnv,
  type SessionNumber,
  withEntry,
} from './service.ts';

/** What a session has: the RAM that its client donated, and the dataspaces that it allocated from it. */
interface PdSession {
  readonly quotaBytes: number;
  readonly usedBytes: number;
  readonly dataspaces: ReadonlyMap<DataspaceId, number>;
}

export type PdState = ReadonlyMap<SessionNumber, PdSession>;

/** Caps of a session as the stock connection donates them. */
const CAP_QUOTA = interfaceNamed('PD').caps;
/** Largest allocation whose size is exact. */
const MAX_ALLOCATION = 2n ** 40n;

function allocate(state: PdState, session: SessionNumber, size: bigint, env: ServiceEnv): Called<PdState> {
  const own = state.get(session)!;
  if (size === 0n) return fails(state, 'DENIED');
  const costBytes = size > MAX_ALLOCATION ? Number.POSITIVE_INFINITY : wholePages(Number(size));
  if (own.usedBytes + costBytes > own.quotaBytes) return fails(state, 'OUT_OF_RAM');
  if (own.dataspaces.size >= CAP_QUOTA) return fails(state, 'OUT_OF_CAPS');
  const dataspace = env.allocate(costBytes);
  if (dataspace === undefined) return fails(state, 'OUT_OF_RAM');
  const dataspaces = withEntry(own.dataspaces, dataspace, costBytes);
  return returns(withEntry(state, session, { ...own, usedBytes: own.usedBytes + costBytes, dataspaces }), dataspace);
}

/** Only a dataspace of this very session is freed: anything else is left alone. */
function free(state: PdState, session: SessionNumber, dataspace: DataspaceId, env: ServiceEnv): PdState {
  const own = state.get(session)!;
  const costBytes = own.dataspaces.get(dataspace);
  if (costBytes === undefined) return state;
  env.release(dataspace);
  const dataspaces = withEntry(own.dataspaces, dataspace, undefined);
  return withEntry(state, session, { ...own, usedBytes: own.usedBytes - costBytes, dataspaces });
}

/** What needs capabilities of other objects than dataspaces, which cannot be handed over here, by function. */
const REFUSED: Readonly<Record<string, string>> = {
  transfer_ram_quota: 'INVALID',
  transfer_cap_quota: 'INVALID',
  ref_account: 'INVALID_SESSION',
  signal_source: 'DENIED',
  alloc_context: 'DENIED',
  alloc_rpc_cap: 'DENIED',
  attach_dma: 'DENIED',
};
/** Functions without errors of their own whose result is an invalid capability, an address of nothing, or "no". */
const INVALID: readonly string[] = [
  'assign_pci',
  'address_space',
  'stack_area',
  'linker_area',
  'native_pd',
  'system_control_cap',
];

function call(
  state: PdState,
  session: SessionNumber,
  name: string,
  [first]: readonly RpcValue[],
  env: ServiceEnv,
): Called<PdState> {
  const own = state.get(session)!;
  const refused = REFUSED[name];
  if (refused !== undefined) return fails(state, refused);
  if (INVALID.includes(name)) return returns(state, 0);
  switch (name) {
    case 'alloc_ram':
      return allocate(state, session, BigInt.asUintN(64, BigInt(first as bigint)), env);
    case 'free_ram':
      return returns(free(state, session, Number(first), env));
    case 'ram_size':
      return returns(state, BigInt(own.dataspaces.get(Number(first)) ?? 0));
    case 'cap_quota':
      return returns(state, BigInt(CAP_QUOTA));
    case 'used_caps':
      return returns(state, BigInt(own.dataspaces.size));
    case 'ram_quota':
      return returns(state, BigInt(own.quotaBytes));
    case 'used_ram':
      return returns(state, BigInt(own.usedBytes));
    case 'dma_addr':
      return returns(state, 0n);
    default:
      // Nothing is attached that could be mapped, and no context or capability exists that could be freed or submitted to.
      return returns(state);
  }
}

/**
 * PD: RAM of a protection domain from the donation of its session. Its other objects (address spaces, signal sources,
 * accounts of others) are not handed over here: each of their functions has its own error or an invalid capability.
 */
export const pdService: Service<PdState> = {
  faces: [interfaceNamed('PD')],
  initial: new Map(),
  open: (state, session, { ramBytes }) =>
    ok(withEntry(state, session, { quotaBytes: ramBytes, usedBytes: 0, dataspaces: new Map() })),
  close(state, session, env) {
    for (const dataspace of state.get(session)!.dataspaces.keys()) env.release(dataspace);
    return withEntry(state, session, undefined);
  },
  upgrade(state, session, ramBytes) {
    const own = state.get(session)!;
    return withEntry(state, session, { ...own, quotaBytes: own.quotaBytes + ramBytes });
  },
  call,
};
