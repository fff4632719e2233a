import type { Hpa } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';
import { type NumberRange, openBits, readBit } from './io-bitmap-walk.ts';

export type MsrAccess = 'read' | 'write';

/** MSRs of each of the two ranges that a bitmap covers. */
const RANGE_MSRS = 0x2000;
const HIGH_RANGE = 0xc000_0000;

/** Byte offset of the part of the page that stands for an access to one of the two ranges. */
const PARTS: Readonly<Record<MsrAccess, { readonly low: number; readonly high: number }>> = {
  read: { low: 0, high: 1024 },
  write: { low: 2048, high: 3072 },
};

/** True if RDMSR or WRMSR of the MSR causes a VM exit: its bit is set, or it is in neither range (SDM Vol. 3C, "MSR-Bitmap Address"). */
export function isMsrTrapped(memory: PhysicalMemory, bitmap: Hpa, msr: number, access: MsrAccess): boolean {
  const part = PARTS[access];
  if (msr < RANGE_MSRS) return readBit(memory, bitmap + part.low, msr);
  if (msr >= HIGH_RANGE && msr < HIGH_RANGE + RANGE_MSRS) return readBit(memory, bitmap + part.high, msr - HIGH_RANGE);
  return true;
}

/** All MSRs that can be read, or written, without a VM exit, ascending. */
export function openMsrs(memory: PhysicalMemory, bitmap: Hpa, access: MsrAccess): readonly NumberRange[] {
  const part = PARTS[access];
  return [
    ...openBits(RANGE_MSRS, index => readBit(memory, bitmap + part.low, index)),
    ...openBits(RANGE_MSRS, index => readBit(memory, bitmap + part.high, index), HIGH_RANGE),
  ];
}
