import type { SubjectId } from '../../units/ids.ts';
import { FRAME_WORDS } from '../memory.ts';
import type { Kernel } from './kernel-context.ts';

/** MSR store of a subject: up to 32 entries {index, reserved, data}, switched by the processor (Muen SK.Subjects_MSR_Store). */

const MAX_ENTRIES = 32;
const ENTRY_WORDS = 4;
const DATA_WORD = 2;

/** Zeroes the data and the rest of the page; the indexes, which the policy gives, stay. */
export function clearMsrStore(kernel: Kernel, subject: SubjectId): void {
  const slot = kernel.at.msrStoreSlots[subject]!;
  if (slot < 0) return;
  for (let entry = 0; entry < MAX_ENTRIES; entry++)
    kernel.memory.fillWords(slot, ENTRY_WORDS * entry + DATA_WORD, 2, 0);
  const used = ENTRY_WORDS * MAX_ENTRIES;
  kernel.memory.fillWords(slot, used, FRAME_WORDS - used, 0);
}
