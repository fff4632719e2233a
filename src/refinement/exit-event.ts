import type { Cpu } from '../impl/cpu.ts';
import { ENTRY_FAILURE, ExitReasonCode } from '../impl/vmx/exit-reasons.ts';
import { RFLAGS_IF, Vmcs } from '../impl/vmx/vmcs.ts';

/** Mutable form of an exit event: one object serves all exits of a run. */
export type ExitEvent = { -readonly [Key in keyof typeof EXIT_TEMPLATE]: (typeof EXIT_TEMPLATE)[Key] };

/** An exit event with all fields of all kinds. */
export const EXIT_TEMPLATE = {
  type: 'trap' as string,
  cpu: 0,
  nowTsc: 0,
  ripLow: 0,
  ripHigh: 0,
  interruptFlag: false,
  interruptibility: 0,
  activity: 0,
  instructionLength: 0,
  entryFailed: false,
  vector: 0,
  raxLow: 0,
  raxHigh: 0,
  reason: 0,
  privilege: 0,
  index: 0,
  valueLow: 0,
  valueHigh: 0,
};

/** Words of the subject state that an exit event carries. */
const WORD = {
  rax: 2,
  rcx: 6,
  rdx: 8,
  interruptibility: 33,
  activity: 34,
  instructionLength: 36,
  rip: 41,
  rflags: 55,
  csSelector: 63,
} as const;

/** Describes an exit to the model: `saved` is what the state page must hold, `exitReason` the full field. */
export function fillExitEvent(event: ExitEvent, cpu: Cpu, saved: Uint32Array, exitReason: number): ExitEvent {
  const info = cpu.vmread(Vmcs.exitInterruptInfo);
  event.cpu = cpu.id;
  event.nowTsc = cpu.tsc;
  event.ripLow = saved[WORD.rip]!;
  event.ripHigh = saved[WORD.rip + 1]!;
  event.interruptFlag = (saved[WORD.rflags]! & RFLAGS_IF) !== 0;
  event.interruptibility = saved[WORD.interruptibility]!;
  event.activity = saved[WORD.activity]!;
  event.instructionLength = saved[WORD.instructionLength]!;
  event.entryFailed = exitReason >= ENTRY_FAILURE;
  event.reason = exitReason & 0xffff;
  event.vector = info & 0xff;
  event.raxLow = saved[WORD.rax]!;
  event.raxHigh = saved[WORD.rax + 1]!;
  event.privilege = saved[WORD.csSelector]! & 3;
  event.index = saved[WORD.rcx]!;
  event.valueLow = saved[WORD.rax]!;
  event.valueHigh = saved[WORD.rdx]!;
  event.type = exitType(event.reason, info, event.privilege);
  return event;
}

/** Kind of an exit in the model's alphabet (Muen's dispatch by basic exit reason). */
function exitType(reason: number, interruptInfo: number, privilege: number): string {
  switch (reason) {
    case ExitReasonCode.externalInterrupt:
      return 'externalInterrupt';
    case ExitReasonCode.vmcall:
      return privilege === 0 ? 'vmcall' : 'trap';
    case ExitReasonCode.preemptionTimer:
      return 'timerExpiry';
    case ExitReasonCode.interruptWindow:
      return 'interruptWindow';
    case ExitReasonCode.xsetbv:
      return 'xsetbv';
    case ExitReasonCode.entryFailureMachineCheck:
      return 'fatal';
    case ExitReasonCode.exception: {
      const typeAndVector = interruptInfo & 0x7ff;
      return typeAndVector === 0x202 || typeAndVector === 0x312 ? 'fatal' : 'trap';
    }
    default:
      return 'trap';
  }
}
