import type { Accounts } from '../core/accounts.ts';
import type { Quota } from '../core/parent.ts';
import type { RegionFault } from '../core/region-map-table.ts';
import type { ThreadRegisters } from '../core/thread-code.ts';
import type { DataspaceId, SessionNumber } from './service.ts';

/** A protection domain: RAM and capabilities from the donation of its session, address spaces, and what it made. */
export interface KernelPd {
  /** Account of RAM and account of capabilities: the same number in both tables. */
  readonly account: number;
  readonly dataspaces: ReadonlyMap<DataspaceId, number>;
  /** Region maps of the PD, by the function that hands them out. */
  readonly areas: ReadonlyMap<string, SessionNumber>;
  /** Objects that it allocated, by number: their kind, and the signal source of a context. */
  readonly objects: ReadonlyMap<SessionNumber, { readonly kind: string; readonly source: SessionNumber }>;
}

/** A CPU session: who may create threads, and what with. */
export interface KernelCpu {
  readonly quota: Quota;
  /** 0 is the highest. */
  readonly priority: number;
  readonly threads: readonly SessionNumber[];
}

/** A thread of a CPU session. */
export interface KernelThread {
  readonly cpu: SessionNumber;
  readonly pd: SessionNumber;
  readonly name: string;
  readonly utcb: DataspaceId;
  readonly registers: ThreadRegisters;
  readonly isStarted: boolean;
  readonly isPaused: boolean;
  readonly isStepping: boolean;
  /** It has an exception handler of its own. */
  readonly hasHandler: boolean;
  /** Exception that its handler has not resolved. */
  readonly exception: number | undefined;
  /** Access that nothing is attached for yet. */
  readonly fault: RegionFault | undefined;
  /** Turn in which it ran last. */
  readonly ranAt: number;
}

/** Objects of core that components make by PD, CPU and RM sessions. */
export interface KernelState {
  readonly ram: Accounts;
  readonly caps: Accounts;
  readonly pds: ReadonlyMap<SessionNumber, KernelPd>;
  readonly cpus: ReadonlyMap<SessionNumber, KernelCpu>;
  /** RM sessions with what their maps may cost. */
  readonly rms: ReadonlyMap<SessionNumber, Quota>;
  readonly threads: ReadonlyMap<SessionNumber, KernelThread>;
  /** Region maps, and the session that each belongs to. */
  readonly maps: ReadonlyMap<SessionNumber, SessionNumber>;
  /** Counts turns of threads. */
  readonly turn: number;
}

export const NO_KERNEL: KernelState = {
  ram: [],
  caps: [],
  pds: new Map(),
  cpus: new Map(),
  rms: new Map(),
  threads: new Map(),
  maps: new Map(),
  turn: 0,
};

/** Sets or removes an entry of one of the maps of the state. */
export const withRow = <Row>(
  map: ReadonlyMap<SessionNumber, Row>,
  key: SessionNumber,
  row: Row | undefined,
): ReadonlyMap<SessionNumber, Row> => {
  const next = new Map(map);
  if (row === undefined) next.delete(key);
  else next.set(key, row);
  return next;
};
