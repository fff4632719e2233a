import type { EventNr, SubjectId } from '../../units/ids.ts';
import { highWord, lessOrEqual64, lowWord } from '../../units/word.ts';
import type { Kernel } from './kernel-context.ts';

/** Timed-event page: trigger (u64 TSC) at 0, event number (6 bits) at 8; the subject writes it at any time (Muen SK.Timed_Events). */

const NEVER = 0xffff_ffff;

/** True if the trigger is at or before `nowTsc`; 0 is always expired. */
export function isTimedEventDue(kernel: Kernel, subject: SubjectId, nowTsc: number): boolean {
  const slot = kernel.at.timedEventSlots[subject]!;
  return lessOrEqual64(
    kernel.memory.readWord(slot, 0),
    kernel.memory.readWord(slot, 1),
    lowWord(nowTsc),
    highWord(nowTsc),
  );
}

/** Event number of the subject's timed event, 0 .. 63. */
export function timedEventNumber(kernel: Kernel, subject: SubjectId): EventNr {
  return kernel.memory.readWord(kernel.at.timedEventSlots[subject]!, 2) & 63;
}

/** Sets the trigger to "never"; the event number stays, so that the subject need not write it again. */
export function clearTimedEvent(kernel: Kernel, subject: SubjectId): void {
  const slot = kernel.at.timedEventSlots[subject]!;
  kernel.memory.writeWord(slot, 0, NEVER);
  kernel.memory.writeWord(slot, 1, NEVER);
}

/** Trigger "never" and event 0 (subject initialisation). */
export function initTimedEvent(kernel: Kernel, subject: SubjectId): void {
  clearTimedEvent(kernel, subject);
  const slot = kernel.at.timedEventSlots[subject]!;
  kernel.memory.writeWord(slot, 2, 0);
  kernel.memory.writeWord(slot, 3, 0);
}
