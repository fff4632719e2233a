import type { Cpu } from './cpu.ts';
import { OPERATION_LENGTH_BYTES } from './hosted-subject.ts';
import { ENTRY_FAILURE, ExitReasonCode } from './vmx/exit-reasons.ts';

/** Exit information of a VM exit that an operation causes (SDM Vol. 3C, "VM-Exit Information Fields"). */
export interface ExitCause {
  readonly reason: number;
  readonly qualification: number;
  readonly interruptInfo: number;
  readonly interruptErrorCode: number;
  readonly guestPhysicalAddress: number;
  readonly instructionLength: number;
}

/** An exit of an instruction without further information. */
export const plainExit = (reason: number): ExitCause => ({
  reason,
  qualification: 0,
  interruptInfo: 0,
  interruptErrorCode: 0,
  guestPhysicalAddress: 0,
  instructionLength: OPERATION_LENGTH_BYTES,
});

export const NO_CAUSE: ExitCause = {
  reason: 0,
  qualification: 0,
  interruptInfo: 0,
  interruptErrorCode: 0,
  guestPhysicalAddress: 0,
  instructionLength: 0,
};

/** The VM exit that follows an entry which failed for guest state or an entry of the MSR area. */
export const entryFailureCause = ({ entryFailureReason, entryFailureQualification }: Cpu): ExitCause => ({
  ...NO_CAUSE,
  reason: (ENTRY_FAILURE | entryFailureReason) >>> 0,
  qualification: entryFailureQualification,
});
export const TIMER_CAUSE: ExitCause = { ...NO_CAUSE, reason: ExitReasonCode.preemptionTimer };
export const WINDOW_CAUSE: ExitCause = { ...NO_CAUSE, reason: ExitReasonCode.interruptWindow };
