import type { FrameNumber, Hpa } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';

/** What an access wants of a page. */
export type Access = 'read' | 'write' | 'execute';

/** Translation outcomes other than an address: a table entry on the way is not present. */
export const NOT_PRESENT = -1;
/** Write to a page that some entry on the way makes read-only. */
export const WRITE_DENIED = -2;
/** Instruction fetch from a page that some entry on the way makes non-executable. */
export const EXECUTE_DENIED = -3;
/** A reserved bit is set (IA-32e), or the entry is misconfigured (EPT). */
export const MISCONFIGURED = -4;
/** The address is not canonical (IA-32e), or beyond the width of the walk (EPT). */
export const NOT_CANONICAL = -5;
/** Read of a page that may only be executed (EPT alone has such). */
export const READ_DENIED = -6;

export interface WalkOptions {
  /** MAXPHYADDR, 32 .. 52: address bits from here to 51 are reserved (CPUID.80000008H:EAX[7:0]). */
  readonly physicalAddressBits: number;
  /**
   * Sets the accessed bits of the entries used by a successful translation and the dirty bit of a written leaf, as a CPU
   * does. Off by default: Muen's tables stay as the toolchain wrote them, so that a changed table frame is a finding.
   */
  readonly setAccessedDirty: boolean;
}

export const DEFAULT_WALK: WalkOptions = { physicalAddressBits: 52, setAccessedDirty: false };

/** Frame number that the address field (bits 51:12) of an entry holds. */
export const entryFrame = (low: number, high: number): number => (high & 0xf_ffff) * 2 ** 20 + (low >>> 12);

/** Address bits physicalAddressBits .. 51 of an entry's high half. */
export const reservedHighMask = (physicalAddressBits: number): number =>
  (0xf_ffff << (physicalAddressBits - 32)) & 0xf_ffff;

/** Entry (0 .. 511) for an address, given as its low 32 and next 16 bits, in a table of level 4 (PML4) .. 1 (PT). */
export function walkIndex(level: number, low: number, high: number): number {
  switch (level) {
    case 4:
      return (high >>> 7) & 0x1ff;
    case 3:
      return ((high & 0x7f) << 2) | (low >>> 30);
    case 2:
      return (low >>> 21) & 0x1ff;
    default:
      return (low >>> 12) & 0x1ff;
  }
}

/** Address bits of the low half that a leaf of level 1 (4 KiB), 2 (2 MiB), 3 (1 GiB) takes from the entry. */
export function leafMask(level: number): number {
  if (level === 1) return 0xffff_f000;
  return level === 2 ? 0xffe0_0000 : 0xc000_0000;
}

/** True if the entry maps a page instead of referencing a table. */
export const isIa32eLeaf = (level: number, low: number): boolean => level === 1 || (level < 4 && (low & 0x80) !== 0);

/** Reserved bits of the low half (SDM Vol. 3A, "4-Level Paging and 5-Level Paging", table formats; PS of a PML4E is reserved). */
export function ia32eReservedLow(level: number, low: number): number {
  if (level === 4) return 0x80;
  if ((low & 0x80) === 0) return 0;
  if (level === 3) return 0x3fff_e000;
  return level === 2 ? 0x001f_e000 : 0;
}

/** Sets accessed and dirty bits along a translation that is known to succeed. */
function markUsed(memory: PhysicalMemory, cr3: Hpa, low: number, high: number, isWrite: boolean): void {
  let frame = Math.floor(cr3 / 4096);
  for (let level = 4; level >= 1; level--) {
    const slot = memory.findSlot(frame as FrameNumber);
    const index = walkIndex(level, low, high) * 2;
    const entryLow = memory.readWord(slot, index);
    const isLeaf = isIa32eLeaf(level, entryLow);
    const marked = (entryLow | 0x20 | (isLeaf && isWrite ? 0x40 : 0)) >>> 0;
    if (marked !== entryLow) memory.writeWord(slot, index, marked);
    if (isLeaf) return;
    frame = entryFrame(entryLow, memory.readWord(slot, index + 1));
  }
}

/**
 * Translates a linear address through 4-level IA-32e tables as a supervisor access with CR0.WP = 1, EFER.NXE = 1 and
 * CR4.SMEP = SMAP = PKE = 0 (Muen kernels and native subjects; SDM Vol. 3A, "Determination of Access Rights").
 *
 * `address` is 0 .. 2^47-1, or -2^47 .. -1 for the upper canonical half. Returns the physical address, or a negative code:
 * NOT_PRESENT, WRITE_DENIED, EXECUTE_DENIED, MISCONFIGURED or NOT_CANONICAL.
 */
export function translateIa32e(
  memory: PhysicalMemory,
  cr3: Hpa,
  address: number,
  access: Access,
  options: WalkOptions = DEFAULT_WALK,
): number {
  if (!(address >= -(2 ** 47) && address < 2 ** 47)) return NOT_CANONICAL;
  const low = address >>> 0;
  const high = Math.floor(address / TWO32) & 0xffff;
  const reservedHigh = reservedHighMask(options.physicalAddressBits);
  let isWritable = true;
  let isExecutable = true;
  let frame = Math.floor(cr3 / 4096);
  for (let level = 4; level >= 1; level--) {
    const slot = memory.findSlot(frame as FrameNumber);
    if (slot < 0) return NOT_PRESENT;
    const index = walkIndex(level, low, high) * 2;
    const entryLow = memory.readWord(slot, index);
    const entryHigh = memory.readWord(slot, index + 1);
    if ((entryLow & 1) === 0) return NOT_PRESENT;
    if ((entryLow & ia32eReservedLow(level, entryLow)) !== 0 || (entryHigh & reservedHigh) !== 0) return MISCONFIGURED;
    isWritable &&= (entryLow & 2) !== 0;
    isExecutable &&= entryHigh >>> 31 === 0;
    if (isIa32eLeaf(level, entryLow)) {
      if (access === 'write' && !isWritable) return WRITE_DENIED;
      if (access === 'execute' && !isExecutable) return EXECUTE_DENIED;
      if (options.setAccessedDirty) markUsed(memory, cr3, low, high, access === 'write');
      const mask = leafMask(level);
      return (entryHigh & 0xf_ffff) * TWO32 + (((entryLow & mask) | (low & ~mask)) >>> 0);
    }
    frame = entryFrame(entryLow, entryHigh);
  }
  return NOT_PRESENT;
}
