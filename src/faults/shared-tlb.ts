import type { PhysicalMemory } from '../impl/memory.ts';
import type { Access } from '../impl/x86/paging-walk.ts';
import { frameNumber, PAGE_SIZE_BYTES, PHYSICAL_LIMIT } from '../units/address.ts';
import { highWord, joinWords, lowWord } from '../units/word.ts';

/**
 * A translation buffer without tags, for the fault that needs one.
 *
 * It is kept in frames at the top of physical memory that no policy uses: there it is part of snapshots and digests, so
 * that two runs of one trace stay equal. Entry: page number (2 words), frame number (2 words), both plus one.
 */
const ENTRIES = 256;
const ENTRY_WORDS = 4;
const LAST_FRAME = PHYSICAL_LIMIT / PAGE_SIZE_BYTES - 1;

const slotOf = (memory: PhysicalMemory, cpu: number, access: Access): number =>
  memory.slotOf(frameNumber(LAST_FRAME - 2 * cpu - (access === 'write' ? 1 : 0)));

/** Physical address of a cached translation, -1 if there is none. */
export function cachedTranslation(memory: PhysicalMemory, cpu: number, address: number, access: Access): number {
  const slot = slotOf(memory, cpu, access);
  const page = Math.floor(address / PAGE_SIZE_BYTES);
  const entry = (page % ENTRIES) * ENTRY_WORDS;
  const known = joinWords(memory.readWord(slot, entry), memory.readWord(slot, entry + 1));
  if (known !== page + 1) return -1;
  const frame = joinWords(memory.readWord(slot, entry + 2), memory.readWord(slot, entry + 3)) - 1;
  return frame * PAGE_SIZE_BYTES + (address % PAGE_SIZE_BYTES);
}

/** Keeps a translation; it replaces the one in the same entry. */
export function rememberTranslation(
  memory: PhysicalMemory,
  cpu: number,
  address: number,
  access: Access,
  physical: number,
): void {
  const slot = slotOf(memory, cpu, access);
  const page = Math.floor(address / PAGE_SIZE_BYTES) + 1;
  const frame = Math.floor(physical / PAGE_SIZE_BYTES) + 1;
  const entry = ((page - 1) % ENTRIES) * ENTRY_WORDS;
  memory.writeWord(slot, entry, lowWord(page));
  memory.writeWord(slot, entry + 1, highWord(page));
  memory.writeWord(slot, entry + 2, lowWord(frame));
  memory.writeWord(slot, entry + 3, highWord(frame));
}
