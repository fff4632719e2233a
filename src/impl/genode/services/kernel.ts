import { err, ok } from '../../../units/result.ts';
import type { GenodeOps } from '../core/genode-ops.ts';
import { interfaceNamed } from './interfaces.ts';
import { callCpu, callThread, killThread, priorityOf } from './kernel-cpu.ts';
import { callMap, callRm, destroyMap } from './kernel-maps.ts';
import { callPd, closePd, openPd, upgradePd } from './kernel-pd.ts';
import { type KernelState, NO_KERNEL, withRow } from './kernel-state.ts';
import { runThread } from './kernel-threads.ts';
import { type Called, fails, type Service, type ServiceEnv, type SessionNumber } from './service.ts';

/** Ends all threads that a condition names. */
function killThreads(
  before: KernelState,
  isMeant: (thread: { readonly cpu: SessionNumber; readonly pd: SessionNumber }) => boolean,
  env: ServiceEnv,
): KernelState {
  let state = before;
  for (const [id, thread] of before.threads) if (isMeant(thread)) state = killThread(state, id, env);
  return state;
}

/**
 * PD, CPU and RM: protection domains with their quota, threads, and region maps of core. A thread is of a CPU session, runs in
 * the address space of a PD session, and executes the instructions of `core/thread-code.ts` from memory that is attached
 * there, one at a time, the highest priority first.
 */
export function kernelService({ account, service: ops }: GenodeOps): Service<KernelState> {
  const faces = ['PD', 'CPU', 'RM'].map(interfaceNamed);
  const capsOf = (name: string): number => interfaceNamed(name).caps;
  return {
    faces,
    initial: NO_KERNEL,
    open(state, session, { service, args, ramBytes }, env) {
      const quota = { ramBytes, caps: capsOf(service) };
      if (service === 'PD') return ok(openPd(state, session, quota, env));
      if (service === 'RM') return ok({ ...state, rms: withRow(state.rms, session, quota) });
      if (service !== 'CPU') return err('DENIED');
      const cpu = { quota, priority: priorityOf(args.priority), threads: [] };
      return ok({ ...state, cpus: withRow(state.cpus, session, cpu) });
    },
    upgrade(state, session, more) {
      if (state.pds.has(session)) return upgradePd(state, session, more);
      const cpu = state.cpus.get(session);
      const quota = cpu?.quota ?? state.rms.get(session)!;
      const raised = { ramBytes: quota.ramBytes + more.ramBytes, caps: quota.caps + more.caps };
      return cpu === undefined
        ? { ...state, rms: withRow(state.rms, session, raised) }
        : { ...state, cpus: withRow(state.cpus, session, { ...cpu, quota: raised }) };
    },
    close(state, session, env) {
      if (state.pds.has(session))
        return closePd(
          account,
          killThreads(state, ({ pd }) => pd === session, env),
          session,
          env,
        );
      if (state.cpus.has(session)) {
        const stopped = killThreads(state, ({ cpu }) => cpu === session, env);
        return { ...stopped, cpus: withRow(stopped.cpus, session, undefined) };
      }
      let closed: KernelState = { ...state, rms: withRow(state.rms, session, undefined) };
      for (const [map, owner] of state.maps) if (owner === session) closed = destroyMap(closed, map, env);
      return closed;
    },
    call(state, session, name, values, env): Called<KernelState> {
      if (state.pds.has(session)) return callPd(account, state, session, name, values, env);
      if (state.cpus.has(session)) return callCpu(ops, state, session, name, values, env);
      if (state.rms.has(session)) return callRm(state, session, name, values, env);
      if (state.maps.has(session)) return callMap(ops, state, session, name, values, env);
      const thread = state.threads.get(session);
      // Signal sources, contexts and RPC objects have no functions of their own.
      return thread === undefined ? fails(state, 'INVALID') : callThread(state, session, thread, name, values, env);
    },
    wake: (state, env) => runThread(ops, state, env),
  };
}
