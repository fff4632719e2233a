import { type Hpa, hpa } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';

/** Ports that each of the two I/O bitmaps covers. */
const BITMAP_PORTS = 0x8000;
const PORTS = 0x1_0000;
/** MSRs of each of the two ranges that an MSR bitmap covers, and the start of the second one. */
const RANGE_MSRS = 0x2000;
const HIGH_RANGE = 0xc000_0000;
const HIGH_PART_BYTES = 1024;
const WRITE_PART_BYTES = 2048;

function isBitSet(memory: PhysicalMemory, base: number, index: number): boolean {
  const byte = base + (index >>> 3);
  return ((memory.readWordAt(hpa(byte - (byte % 4))) >>> (8 * (byte % 4) + (index & 7))) & 1) !== 0;
}

/**
 * True if an access to `sizeBytes` ports from `port` causes a VM exit: the bit of one of them is set, or the access wraps
 * around (SDM Vol. 3C, "I/O-Bitmap Addresses", "Instructions That Cause VM Exits Conditionally").
 */
export function isPortTrapped(
  memory: PhysicalMemory,
  bitmapA: Hpa,
  bitmapB: Hpa,
  port: number,
  sizeBytes: number,
): boolean {
  if (port + sizeBytes > PORTS) return true;
  for (let at = port; at < port + sizeBytes; at++) {
    if (isBitSet(memory, at < BITMAP_PORTS ? bitmapA : bitmapB, at % BITMAP_PORTS)) return true;
  }
  return false;
}

/** True if RDMSR or WRMSR of the MSR causes a VM exit: its bit is set, or it is in neither range (SDM Vol. 3C, "MSR-Bitmap Address"). */
export function isMsrTrapped(memory: PhysicalMemory, bitmap: Hpa, msr: number, isWrite: boolean): boolean {
  const part = bitmap + (isWrite ? WRITE_PART_BYTES : 0);
  if (msr < RANGE_MSRS) return isBitSet(memory, part, msr);
  if (msr < HIGH_RANGE || msr >= HIGH_RANGE + RANGE_MSRS) return true;
  return isBitSet(memory, part + HIGH_PART_BYTES, msr - HIGH_RANGE);
}
