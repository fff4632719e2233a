import type { RegionFault } from '../core/region-map-table.ts';
import { executeThread, RIP, type ThreadMemory, Vector } from '../core/thread-code.ts';
import { bytesOfNumber } from '../instance/guest.ts';
import type { RegionMapAccess } from './core-access.ts';
import { type KernelState, type KernelThread, withRow } from './kernel-state.ts';
import type { ServiceEnv, SessionNumber } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

/** Opcodes by which exceptions of threads and faults of region maps are signalled. */
export const THREAD_EXCEPTION_SIGH = 6;
export const CPU_EXCEPTION_SIGH = 2;
export const MAP_FAULT_HANDLER = 2;
/** Addresses beyond are nobody's: the upper half and what is not canonical. */
const ADDRESS_LIMIT = 2n ** 47n;
const WORD_BYTES = 8;

/** True if a thread can execute its next instruction. */
export const isRunnable = ({ isStarted, isPaused, exception, fault }: KernelThread): boolean =>
  isStarted && !isPaused && exception === undefined && fault === undefined;

/** The thread to run: of those of the highest priority the one that waited longest. */
export function nextThread(ops: ServiceOps, { threads, cpus }: KernelState): SessionNumber | undefined {
  let best: SessionNumber | undefined;
  const priority = (id: SessionNumber): number => cpus.get(threads.get(id)!.cpu)!.priority;
  for (const [id, thread] of threads) {
    if (!isRunnable(thread)) continue;
    const isBetter =
      best === undefined ||
      ops.threadComesFirst(priority(id), priority(best)) ||
      (priority(id) === priority(best) && thread.ranAt < threads.get(best)!.ranAt);
    if (isBetter) best = id;
  }
  return best;
}

const wordOf = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function bytesOfWord(value: bigint): Uint8Array {
  const bytes = new Uint8Array(WORD_BYTES);
  bytes.set(bytesOfNumber(Number(value & 0xffff_ffffn), 4));
  bytes.set(bytesOfNumber(Number(value >> 32n), 4), 4);
  return bytes;
}

/** Memory of a thread through the address space of its PD; the first access that fails is its fault. */
class MappedMemory implements ThreadMemory {
  readonly #maps: RegionMapAccess;
  readonly #space: SessionNumber;
  fault: RegionFault | undefined;

  constructor(maps: RegionMapAccess, space: SessionNumber) {
    this.#maps = maps;
    this.#space = space;
  }

  /** Address as a number; one that no space has is a fault. */
  #address(address: bigint, access: RegionFault['access']): number | undefined {
    if (address + BigInt(WORD_BYTES) <= ADDRESS_LIMIT) return Number(address);
    this.fault = { map: this.#space, access, address: Number(address) };
    return undefined;
  }

  fetch(address: bigint, sizeBytes: number): Uint8Array {
    const at = this.#address(address, 'EXEC');
    return at === undefined ? new Uint8Array(0) : this.#maps.read(this.#space, at, sizeBytes, 'EXEC').bytes;
  }

  missing(address: bigint): void {
    const at = this.#address(address, 'EXEC');
    if (at !== undefined) this.fault ??= this.#maps.faultOf(this.#space, at, 'EXEC');
  }

  load(address: bigint): bigint | undefined {
    const at = this.#address(address, 'READ');
    if (at === undefined) return undefined;
    const { bytes, fault } = this.#maps.read(this.#space, at, WORD_BYTES, 'READ');
    this.fault = fault;
    return fault === undefined ? wordOf(bytes) : undefined;
  }

  store(address: bigint, value: bigint): boolean {
    const at = this.#address(address, 'WRITE');
    if (at === undefined) return false;
    this.fault = this.#maps.write(this.#space, at, bytesOfWord(value));
    return this.fault === undefined;
  }
}

/** Stops a thread at an exception and tells its handler, or that of its CPU session. */
function raise(state: KernelState, id: SessionNumber, thread: KernelThread, env: ServiceEnv): KernelState {
  if (thread.hasHandler) env.notify(id, THREAD_EXCEPTION_SIGH);
  else env.notify(thread.cpu, CPU_EXCEPTION_SIGH);
  return { ...state, threads: withRow(state.threads, id, thread) };
}

/** Lets one thread execute one instruction. */
export function runThread(ops: ServiceOps, state: KernelState, env: ServiceEnv): KernelState {
  const id = nextThread(ops, state);
  const maps = env.core?.regionMaps;
  if (id === undefined || maps === undefined) return state;
  const thread = { ...state.threads.get(id)!, ranAt: state.turn + 1 };
  const memory = new MappedMemory(maps, state.pds.get(thread.pd)!.areas.get('address_space')!);
  const step = executeThread(thread.registers, memory);
  const next = { ...state, turn: state.turn + 1 };
  env.core?.again();
  if (step.kind === 'fault') {
    const fault = memory.fault;
    if (fault !== undefined) env.notify(fault.map, MAP_FAULT_HANDLER);
    return { ...next, threads: withRow(next.threads, id, { ...thread, fault }) };
  }
  const { registers } = step;
  if (step.kind === 'exception') return raise(next, id, { ...thread, registers, exception: step.vector }, env);
  if (thread.isStepping) return raise(next, id, { ...thread, registers, exception: Vector.debug }, env);
  return { ...next, threads: withRow(next.threads, id, { ...thread, registers }) };
}

/** Lets threads go on whose accesses are possible now. */
export function resolveFaults(ops: ServiceOps, state: KernelState, env: ServiceEnv): KernelState {
  const maps = env.core?.regionMaps;
  let { threads } = state;
  for (const [id, thread] of state.threads) {
    const { fault } = thread;
    if (fault === undefined || maps === undefined) continue;
    const isThere = maps.faultOf(fault.map, fault.address, fault.access) === undefined;
    if (ops.resumesAfterFault(isThere)) threads = withRow(threads, id, { ...thread, fault: undefined });
  }
  if (threads !== state.threads) env.core?.again();
  return { ...state, threads };
}

/** Where a thread is, for its registers. */
export const instructionPointer = ({ registers }: KernelThread): bigint => registers[RIP]!;
