import { err, ok } from '../../../units/result.ts';
import type { SubjectInfo } from '../instance/subject-info.ts';
import { interfaceNamed } from './interfaces.ts';
import { type DataspaceId, fails, returns, type Service, type SessionNumber } from './service.ts';

/**
 * Names, in the subject information, of what belongs to the one guest of a subject: the page with its state, the event that
 * lets it run, and the vector with which it comes back.
 */
const STATE_REGION = 'monitor_state';
const RESUME_EVENT = 'resume_guest_vm';
export const TRAP_VECTOR = 'trap_to_base_hw';
/** Opcode by which the guest's exits are signalled. */
export const VCPU_EXCEPTION_HANDLER = 1;

export interface VmState {
  readonly sessions: ReadonlySet<SessionNumber>;
  /** The one processor, and its session. */
  readonly vcpu: SessionNumber | undefined;
  readonly owner: SessionNumber | undefined;
  readonly page: DataspaceId;
  readonly isRunning: boolean;
}

/**
 * VM: the guest is a subject of its own, beside this one, whose state the policy maps here. `run` hands the processor over to
 * it until it traps or is preempted; each time it comes back its handler is told. Its memory is the policy's, so nothing
 * is attached or detached at run time, and there is one guest with one processor.
 */
export function vmService(info: SubjectInfo): Service<VmState> {
  const state = info.memory.find(({ name, isWritable }) => name === STATE_REGION && isWritable);
  const resume = info.events.find(({ name }) => name === RESUME_EVENT);
  return {
    faces: [interfaceNamed('VM')],
    initial: { sessions: new Set(), vcpu: undefined, owner: undefined, page: 0, isRunning: false },
    open: (before, session) =>
      state === undefined || resume === undefined
        ? err('DENIED')
        : ok({ ...before, sessions: new Set(before.sessions).add(session) }),
    close(before, session) {
      const sessions = new Set(before.sessions);
      sessions.delete(session);
      if (before.owner !== session) return { ...before, sessions };
      return { ...before, sessions, vcpu: undefined, owner: undefined, isRunning: false };
    },
    call(before, session, name, _values, env) {
      if (session !== before.vcpu) {
        if (name === 'attach' || name === 'detach') return returns(before);
        // There is no interrupt controller whose registers could be attached.
        if (name === 'attach_pic') return fails(before, 'INVALID_DATASPACE');
        if (before.vcpu !== undefined) return fails(before, 'DENIED');
        const page = before.page || (env.deviceMemory?.(state!.address, state!.sizeBytes, true) ?? 0);
        const vcpu = env.createObject(session, 'Vcpu');
        return returns({ ...before, vcpu, owner: session, page }, vcpu);
      }
      switch (name) {
        case 'cpu_state':
          return returns(before, before.page);
        case 'run':
          env.core?.raise(resume!.value);
          // The guest ran while the event was raised; that it came back is known by an interrupt.
          return returns({ ...before, isRunning: true });
        case 'pause':
          return returns({ ...before, isRunning: false });
        default:
          return returns(before);
      }
    },
    interrupt(before, _vector, env) {
      if (!before.isRunning || before.vcpu === undefined) return before;
      // Any interrupt ends the run: the guest's own trap, or one that made this subject run again.
      env.notify(before.vcpu, VCPU_EXCEPTION_HANDLER);
      return { ...before, isRunning: false };
    },
  };
}
