import type { Cpu } from '../../impl/cpu.ts';
import { FRAME_WORDS, type PhysicalMemory } from '../../impl/memory.ts';
import { msrPlace, readMsr } from '../../impl/msrs.ts';

/**
 * Relation between a subject's stored MSRs in the processor and its MSR store (Muen "MSR store page": entries of 16 bytes,
 * index at 0, data at 8), for the MSRs that the policy makes the kernel switch.
 */

const ENTRY_WORDS = 4;
const DATA_WORD = 2;

/** Expected values, low and high words in policy order. */
export type MsrValues = Uint32Array;

/** MSRs by position in the processor's table; one that it does not have keeps a place, for its entry in the store. */
export const msrPlaces = (stored: readonly number[]): readonly number[] => stored.map(msrPlace);

/** The processor's values at an exit. */
export function expectStored(cpu: Cpu, places: readonly number[], values: MsrValues): void {
  for (let entry = 0; entry < places.length; entry++) {
    if (places[entry]! < 0) continue;
    const [low, high] = readMsr(cpu, places[entry]!);
    values[2 * entry] = low;
    values[2 * entry + 1] = high;
  }
}

/** Position of the first entry of the store that is not as expected, -1 if none. */
export function firstStoreDifference(
  memory: PhysicalMemory,
  slot: number,
  stored: readonly number[],
  values: MsrValues,
): number {
  const base = slot * FRAME_WORDS;
  for (let entry = 0; entry < stored.length; entry++) {
    const at = base + ENTRY_WORDS * entry;
    const isEqual =
      memory.words[at] === stored[entry] &&
      memory.words[at + DATA_WORD] === values[2 * entry] &&
      memory.words[at + DATA_WORD + 1] === values[2 * entry + 1];
    if (!isEqual) return entry;
  }
  return -1;
}

/** Position of the first MSR that the processor does not hold as expected, -1 if none. */
export function firstLoadDifference(cpu: Cpu, places: readonly number[], values: MsrValues): number {
  for (let entry = 0; entry < places.length; entry++) {
    if (places[entry]! < 0) continue;
    const [low, high] = readMsr(cpu, places[entry]!);
    if (low !== values[2 * entry] || high !== values[2 * entry + 1]) return entry;
  }
  return -1;
}
