import { OPERATION_LENGTH_BYTES } from './hosted-subject.ts';

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
