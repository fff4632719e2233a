import { ExitReasonCode } from '../impl/vmx/exit-reasons.ts';
import { TWO32 } from '../units/word.ts';
import type { ExitEvent } from './exit-event.ts';

/** The last exit of a CPU, as comparisons and explanations need it. */
export interface ExitNote {
  /** The kernel has not done its first segment for it yet. */
  isNew: boolean;
  /** Subject that exited, -1 before the first exit. */
  subject: number;
  /** The whole field, with the bit of a failed entry. */
  reason: number;
  /** RAX of a VMCALL, else the vector of an interrupt or exception. */
  operand: number;
  /** Privilege level of the code that exited. */
  privilege: number;
}

export const newExitNote = (): ExitNote => ({ isNew: false, subject: -1, reason: 0, operand: 0, privilege: 0 });

/** Notes an exit that was just taken. */
export function noteExit(note: ExitNote, subject: number, reason: number): void {
  note.isNew = true;
  note.subject = subject;
  note.reason = reason;
}

/** Notes what the exit was about, when the kernel begins to handle it. */
export function noteEvent(note: ExitNote, { reason, raxLow, raxHigh, vector, privilege }: ExitEvent): void {
  note.isNew = false;
  note.operand = reason === ExitReasonCode.vmcall ? raxHigh * TWO32 + raxLow : vector;
  note.privilege = privilege;
}
