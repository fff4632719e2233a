import type { EventNr, SubjectId } from '../../units/ids.ts';
import { AtomicAccess, type Kernel, type Segments } from './kernel-context.ts';

/** Global_Pending_Events: an atomic 64-bit bitmap per subject in the shared page (Muen SK.Subjects_Events). */

const wordOf = (kernel: Kernel, subject: SubjectId): number => kernel.at.pendingBase + 2 * subject;

/** Atomically sets event `event` of `subject` pending. */
export function* setEventPending(kernel: Kernel, subject: SubjectId, event: EventNr): Segments {
  yield AtomicAccess.pendingSet;
  const word = wordOf(kernel, subject) + (event >>> 5);
  kernel.memory.writeWord(
    kernel.at.globalSlot,
    word,
    (kernel.memory.readWord(kernel.at.globalSlot, word) | (1 << (event & 31))) >>> 0,
  );
}

/** True if any event of `subject` is pending. */
export function* hasPendingEvents(kernel: Kernel, subject: SubjectId): Segments<boolean> {
  yield AtomicAccess.pendingRead;
  const word = wordOf(kernel, subject);
  return (
    kernel.memory.readWord(kernel.at.globalSlot, word) !== 0 ||
    kernel.memory.readWord(kernel.at.globalSlot, word + 1) !== 0
  );
}

/** Atomically takes the highest pending event of `subject`; -1 if there is none. */
export function* consumeEvent(kernel: Kernel, subject: SubjectId): Segments<EventNr> {
  yield AtomicAccess.pendingConsume;
  const base = wordOf(kernel, subject);
  for (let half = 1; half >= 0; half--) {
    const bits = kernel.memory.readWord(kernel.at.globalSlot, base + half);
    if (bits !== 0) {
      const bit = 31 - Math.clz32(bits);
      kernel.memory.writeWord(kernel.at.globalSlot, base + half, (bits & ~(1 << bit)) >>> 0);
      return half * 32 + bit;
    }
  }
  return -1;
}

/** Drops all pending events of `subject` (subject reset). */
export function* clearEvents(kernel: Kernel, subject: SubjectId): Segments {
  yield AtomicAccess.pendingClear;
  const base = wordOf(kernel, subject);
  kernel.memory.writeWord(kernel.at.globalSlot, base, 0);
  kernel.memory.writeWord(kernel.at.globalSlot, base + 1, 0);
}
