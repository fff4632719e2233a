import { type Hpa, hpa } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';

/** Stretch of numbers (ports, MSRs), both ends inclusive. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** Ports that each of the two bitmaps covers. */
const BITMAP_PORTS = 0x8000;
const PORTS = 0x1_0000;

/** Bit `index` of a bitmap in physical memory that need not be aligned. */
export function readBit(memory: PhysicalMemory, base: number, index: number): boolean {
  const byte = base + (index >>> 3);
  const word = memory.readWordAt(hpa(byte - (byte % 4)));
  return ((word >>> (8 * (byte % 4) + (index & 7))) & 1) !== 0;
}

/**
 * True if an access to `sizeBytes` ports from `port` causes a VM exit: a bit of one of them is set, or the access wraps
 * around (SDM Vol. 3C, "I/O-Bitmap Addresses" and "Instructions That Cause VM Exits Conditionally").
 */
export function isPortTrapped(
  memory: PhysicalMemory,
  bitmapA: Hpa,
  bitmapB: Hpa,
  port: number,
  sizeBytes: 1 | 2 | 4,
): boolean {
  if (port + sizeBytes > PORTS) return true;
  for (let at = port; at < port + sizeBytes; at++) {
    const base = at < BITMAP_PORTS ? bitmapA : bitmapB;
    if (readBit(memory, base, at % BITMAP_PORTS)) return true;
  }
  return false;
}

/** All ports whose accesses of one byte do not exit, ascending. */
export function openPorts(memory: PhysicalMemory, bitmapA: Hpa, bitmapB: Hpa): readonly NumberRange[] {
  return openBits(PORTS, port => readBit(memory, port < BITMAP_PORTS ? bitmapA : bitmapB, port % BITMAP_PORTS));
}

/** Stretches of indexes below `count` whose bit is clear. */
export function openBits(count: number, isSet: (index: number) => boolean, offset = 0): NumberRange[] {
  const ranges: NumberRange[] = [];
  let first = -1;
  for (let index = 0; index <= count; index++) {
    const open = index < count && !isSet(index);
    if (open && first < 0) first = index;
    if (!open && first >= 0) {
      ranges.push({ first: offset + first, last: offset + index - 1 });
      first = -1;
    }
  }
  return ranges;
}
