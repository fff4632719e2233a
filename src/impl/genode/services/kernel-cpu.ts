import { PAGE_BYTES } from '../core/ram.ts';
import { REGISTER_COUNT, RFLAGS, RIP, START_FLAGS, type ThreadRegisters } from '../core/thread-code.ts';
import { readCount } from '../init/values.ts';
import type { RpcValue } from '../proxy/values.ts';
import { type KernelState, type KernelThread, withRow } from './kernel-state.ts';
import { type Called, fails, returns, type ServiceEnv, type SessionNumber } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

/** What a thread costs its CPU session: a page for its UTCB, and capabilities for that and itself. */
const THREAD_COST = { ramBytes: PAGE_BYTES, caps: 2 };
const RSP = 4;
const LOWEST_PRIORITY = 65_535;

/** Conditions of a thread as `get_state` names them. */
export const ThreadCondition = { valid: 0, unavailable: 1, pageFault: 2, exception: 3 } as const;

/** Priority of a CPU session by its argument, decimal or hexadecimal; 0 is the highest. */
export const priorityOf = (text: string | undefined): number =>
  Math.min(readCount(text ?? '0') ?? LOWEST_PRIORITY, LOWEST_PRIORITY);

const NO_REGISTERS: ThreadRegisters = Array.from({ length: REGISTER_COUNT }, (_, index) =>
  index === RFLAGS ? START_FLAGS : 0n,
);

function createThread(
  ops: ServiceOps,
  state: KernelState,
  session: SessionNumber,
  [pd, name]: readonly RpcValue[],
  env: ServiceEnv,
): Called<KernelState> {
  const cpu = state.cpus.get(session)!;
  const domain = Number(pd);
  if (!state.pds.has(domain)) return fails(state, 'DENIED');
  const { quota } = cpu;
  if (!ops.paysThread(quota.ramBytes, THREAD_COST.ramBytes)) return fails(state, 'OUT_OF_RAM');
  if (!ops.paysThread(quota.caps, THREAD_COST.caps)) return fails(state, 'OUT_OF_CAPS');
  const utcb = env.allocate(PAGE_BYTES);
  if (utcb === undefined) return fails(state, 'OUT_OF_RAM');
  const id = env.createObject(session, 'Thread');
  const thread: KernelThread = {
    cpu: session,
    pd: domain,
    name: String(name),
    utcb,
    registers: NO_REGISTERS,
    isStarted: false,
    isPaused: false,
    isStepping: false,
    hasHandler: false,
    exception: undefined,
    fault: undefined,
    ranAt: state.turn,
  };
  const paid = { ramBytes: quota.ramBytes - THREAD_COST.ramBytes, caps: quota.caps - THREAD_COST.caps };
  const cpus = withRow(state.cpus, session, { ...cpu, quota: paid, threads: [...cpu.threads, id] });
  return returns({ ...state, cpus, threads: withRow(state.threads, id, thread) }, id);
}

/** Ends a thread; its session has again what the thread cost. */
export function killThread(state: KernelState, id: SessionNumber, env: ServiceEnv): KernelState {
  const thread = state.threads.get(id);
  if (thread === undefined) return state;
  env.release(thread.utcb);
  env.destroyObject(id);
  const cpu = state.cpus.get(thread.cpu)!;
  const { quota } = cpu;
  const back = { ramBytes: quota.ramBytes + THREAD_COST.ramBytes, caps: quota.caps + THREAD_COST.caps };
  const threads = cpu.threads.filter(other => other !== id);
  return {
    ...state,
    cpus: withRow(state.cpus, thread.cpu, { ...cpu, quota: back, threads }),
    threads: withRow(state.threads, id, undefined),
  };
}

/** A call of a CPU session. */
export function callCpu(
  ops: ServiceOps,
  state: KernelState,
  session: SessionNumber,
  name: string,
  values: readonly RpcValue[],
  env: ServiceEnv,
): Called<KernelState> {
  switch (name) {
    case 'create_thread':
      return createThread(ops, state, session, values, env);
    case 'kill_thread': {
      const id = Number(values[0]);
      return returns(state.threads.get(id)?.cpu === session ? killThread(state, id, env) : state);
    }
    case 'affinity_space':
      return returns(state, 1, 1);
    case 'trace_control':
    case 'native_cpu':
      // Nothing is traced, and there is no interface beside this one.
      return returns(state, 0);
    default:
      // The host keeps the signal handler.
      return returns(state);
  }
}

const registerBytes = (registers: ThreadRegisters): number[] =>
  registers.flatMap(register =>
    Array.from({ length: 8 }, (_, place) => Number((register >> BigInt(8 * place)) & 0xffn)),
  );

const registersOf = (bytes: readonly number[]): ThreadRegisters =>
  Array.from({ length: REGISTER_COUNT }, (_, index) =>
    bytes.slice(8 * index, 8 * index + 8).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
  );

function conditionOf({ isStarted, isPaused, exception, fault }: KernelThread): number {
  if (fault !== undefined) return ThreadCondition.pageFault;
  if (exception !== undefined) return ThreadCondition.exception;
  return isStarted && !isPaused ? ThreadCondition.unavailable : ThreadCondition.valid;
}

/** A call of a thread. */
export function callThread(
  state: KernelState,
  id: SessionNumber,
  thread: KernelThread,
  name: string,
  values: readonly RpcValue[],
  env: ServiceEnv,
): Called<KernelState> {
  const changed = (changes: Partial<KernelThread>): Called<KernelState> => {
    env.core?.again();
    return returns({ ...state, threads: withRow(state.threads, id, { ...thread, ...changes }) });
  };
  switch (name) {
    case 'utcb':
      return returns(state, thread.utcb);
    case 'start': {
      if (thread.isStarted) return returns(state);
      const registers = [...thread.registers];
      registers[RIP] = BigInt.asUintN(64, BigInt(values[0] as bigint));
      registers[RSP] = BigInt.asUintN(64, BigInt(values[1] as bigint));
      return changed({ registers, isStarted: true });
    }
    case 'pause':
      return changed({ isPaused: true });
    case 'resume':
      // An exception is resolved by whoever lets the thread go on; an access only by an attachment.
      return changed({ isPaused: false, exception: undefined });
    case 'set_state': {
      const isRunning = conditionOf(thread) === ThreadCondition.unavailable;
      return isRunning ? returns(state) : changed({ registers: registersOf(values[0] as readonly number[]) });
    }
    case 'get_state':
      return returns(state, conditionOf(thread), registerBytes(thread.registers));
    case 'exception_sigh':
      return changed({ hasHandler: Number(values[0]) !== 0 });
    case 'single_step':
      return changed({ isStepping: Number(values[0]) !== 0 });
    case 'trace_control_index':
    case 'trace_buffer':
    case 'trace_policy':
      return returns(state, 0);
    default:
      // There is one processor to be on.
      return returns(state);
  }
}
