import { PhysicalMemory } from '../../src/impl/memory.ts';
import { hpa } from '../../src/units/address.ts';

/** Tables of the hand-written chain PML4[0] -> PDPT[0] -> PD[0] -> PT; entry flags 7 are full rights in both formats. */
export const ROOT = hpa(0x1000);
export const PDPT = 0x2000;
export const PD = 0x3000;
export const PT = 0x4000;

/** Writes one table entry. */
export const put = (memory: PhysicalMemory, table: number, index: number, entry: bigint): void =>
  memory.writePair(hpa(table + index * 8), Number(entry & 0xffff_ffffn), Number(entry >> 32n));

export function chain(): PhysicalMemory {
  const memory = new PhysicalMemory();
  put(memory, ROOT, 0, 0x2007n);
  put(memory, PDPT, 0, 0x3007n);
  put(memory, PD, 0, 0x4007n);
  return memory;
}
