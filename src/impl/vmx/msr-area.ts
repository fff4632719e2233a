import { type Hpa, hpa } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';

/** Entry of an MSR area that VM entry loads and VM exit stores (SDM Vol. 3C, "Format of an MSR Entry"). */
export interface MsrAreaEntry {
  readonly entryAddress: Hpa;
  readonly msr: number;
  readonly reserved: number;
  readonly low: number;
  readonly high: number;
}

/** Reads the first `count` entries of an MSR area. */
export function readMsrArea(memory: PhysicalMemory, area: Hpa, count: number): readonly MsrAreaEntry[] {
  return Array.from({ length: count }, (_, index) => {
    const at = area + index * 16;
    return {
      entryAddress: hpa(at),
      msr: memory.readWordAt(hpa(at)),
      reserved: memory.readWordAt(hpa(at + 4)),
      low: memory.readWordAt(hpa(at + 8)),
      high: memory.readWordAt(hpa(at + 12)),
    };
  });
}
