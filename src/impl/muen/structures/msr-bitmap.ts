import type { MsrRange, Subject } from '../../../policy/document.ts';
import type { StructureOps } from './ops.ts';

/** Bytes of an MSR bitmap: read low, read high, write low, write high, 1 KiB each. */
export const MSR_BITMAP_BYTES = 0x1000;

const WRITE_PART = 0x800;
const HIGH_PART = 0x400;
/** MSRs of each of the two ranges 0 .. 0x1fff and 0xc0000000 .. 0xc0001fff that a bitmap covers. */
const RANGE_MSRS = 0x2000;
const HIGH_RANGE = 0xc000_0000;

/** Clears the bits of a range of MSRs; those outside of the two ranges of a bitmap always exit. */
export function allowMsrs(bitmap: Uint8Array, { start, end, mode }: MsrRange): void {
  const parts = mode === 'rw' ? [0, WRITE_PART] : [mode === 'r' ? 0 : WRITE_PART];
  for (const base of [0, HIGH_RANGE]) {
    const first = Math.max(start, base);
    const last = Math.min(end, base + RANGE_MSRS - 1);
    for (let msr = first; msr <= last; msr++) {
      const byte = (base === 0 ? 0 : HIGH_PART) + ((msr - base) >>> 3);
      for (const part of parts) bitmap[part + byte]! &= ~(1 << (msr & 7));
    }
  }
}

/**
 * MSR bitmap of a subject: every RDMSR and WRMSR exits, except as its `<msrs>` say (SDM Vol. 3C, "MSR-Bitmap Address";
 * Muen: mugenmsrbm, region `<subject>|msrbm`).
 */
export function buildMsrBitmap(subject: Subject, ops: StructureOps): Uint8Array {
  const bitmap = new Uint8Array(MSR_BITMAP_BYTES).fill(0xff);
  for (const range of subject.vcpu.msrs) ops.allowMsrs(bitmap, range);
  return bitmap;
}
