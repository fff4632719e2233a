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
const ENTRY_FAILURE_CAUSE: ExitCause = {
  ...NO_CAUSE,
  reason: (ENTRY_FAILURE | ExitReasonCode.entryFailureGuestState) >>> 0,
};

/** Entry failure for invalid guest state, or for the entry of the MSR area with the given number. */
export const entryFailureCause = (failingMsr: number): ExitCause =>
  failingMsr === 0
    ? ENTRY_FAILURE_CAUSE
    : {
        ...NO_CAUSE,
        reason: (ENTRY_FAILURE | ExitReasonCode.entryFailureMsrLoading) >>> 0,
        qualification: failingMsr,
      };
export const TIMER_CAUSE: ExitCause = { ...NO_CAUSE, reason: ExitReasonCode.preemptionTimer };
export const WINDOW_CAUSE: ExitCause = { ...NO_CAUSE, reason: ExitReasonCode.interruptWindow };
