import type { Operation } from '../../units/operation.ts';
import { highWord, lowWord } from '../../units/word.ts';
import type { HostedSoftware, SoftwareInput } from '../hosted.ts';

/** Offsets in the subject-state page (Muen `subject_state`: Exit_Reason, Instruction_Len, RIP). */
const STATE = { exitReason: 128, instructionLength: 144, rip: 164 } as const;
/** Exit reason 33, VM-entry failure due to invalid guest state: the guest cannot be resumed as it is. */
const INVALID_GUEST_STATE = 33;

export interface SubjectMonitorConfig {
  /** Virtual address of the monitored subject's state page. */
  readonly stateAddress: number;
  /** vmcall event that hands the CPU to the monitored subject. */
  readonly resumeEvent: number;
  /** vmcall event that resets the monitored subject and hands over; undefined to resume instead. */
  readonly resetEvent: number | undefined;
  /** Bytes by which it skips what traps without an instruction length: faults. */
  readonly faultSkip?: number;
}

type Phase = 'resume' | 'reason' | 'length' | 'ripLow' | 'ripHigh' | 'storeLow' | 'storeHigh';

export interface SubjectMonitorState {
  readonly phase: Phase;
  readonly exitReason: number;
  readonly instructionLength: number;
  readonly ripLow: number;
  readonly ripHigh: number;
  /** Traps handled since the monitor started. */
  readonly handled: number;
}

interface Next {
  readonly state: SubjectMonitorState;
  readonly operation: Operation;
}

const vmcall = (event: number): Operation => ({ kind: 'vmcall', low: event, high: 0, cpl: 0 });

function nextOfMonitor(config: SubjectMonitorConfig, state: SubjectMonitorState, input: SoftwareInput): Next {
  const read = (phase: Phase, offset: number, changes: Partial<SubjectMonitorState> = {}): Next => ({
    state: { ...state, ...changes, phase },
    operation: { kind: 'read', address: config.stateAddress + offset, sizeBytes: 4 },
  });
  const write = (phase: Phase, offset: number, low: number): Next => ({
    state: { ...state, phase },
    operation: { kind: 'write', address: config.stateAddress + offset, sizeBytes: 4, low, high: 0 },
  });
  switch (state.phase) {
    case 'resume':
      return read('reason', STATE.exitReason);
    case 'reason':
      if (input.low % 0x1_0000 === INVALID_GUEST_STATE) {
        const event = config.resetEvent ?? config.resumeEvent;
        return { state: { ...state, phase: 'resume', exitReason: input.low }, operation: vmcall(event) };
      }
      return read('length', STATE.instructionLength, { exitReason: input.low });
    case 'length':
      return read('ripLow', STATE.rip, { instructionLength: input.low === 0 ? (config.faultSkip ?? 0) : input.low });
    case 'ripLow':
      return read('ripHigh', STATE.rip + 4, { ripLow: input.low });
    case 'ripHigh': {
      const ripHigh = input.low;
      const sum = state.ripLow + state.instructionLength;
      const high = (ripHigh + highWord(sum)) >>> 0;
      const next = { ...state, ripLow: lowWord(sum), ripHigh: high };
      return { ...write('storeLow', STATE.rip, next.ripLow), state: { ...next, phase: 'storeLow' } };
    }
    case 'storeLow':
      return write('storeHigh', STATE.rip + 4, state.ripHigh);
    case 'storeHigh':
      return {
        state: { ...state, phase: 'resume', handled: state.handled + 1 },
        operation: vmcall(config.resumeEvent),
      };
  }
}

/**
 * Smallest subject monitor: after each trap of its subject it skips the instruction and hands the CPU back.
 *
 * A subject that could not be entered (exit reason 33) is reset instead, if the policy gave the monitor such an event.
 */
export function subjectMonitorSoftware(config: SubjectMonitorConfig): HostedSoftware<SubjectMonitorState> {
  return {
    name: 'subject-monitor',
    initial: { phase: 'resume', exitReason: 0, instructionLength: 0, ripLow: 0, ripHigh: 0, handled: 0 },
    next: (state, input) => nextOfMonitor(config, state, input),
  };
}
