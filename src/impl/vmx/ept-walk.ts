import type { FrameNumber, Hpa } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';
import {
  type Access,
  DEFAULT_WALK,
  EXECUTE_DENIED,
  entryFrame,
  leafMask,
  MISCONFIGURED,
  NOT_CANONICAL,
  NOT_PRESENT,
  READ_DENIED,
  reservedHighMask,
  type WalkOptions,
  WRITE_DENIED,
  walkIndex,
} from '../x86/paging-walk.ts';

/** True if the entry maps a page instead of referencing a table. */
export const isEptLeaf = (level: number, low: number): boolean => level === 1 || (level < 4 && (low & 0x80) !== 0);

/** Reserved bits of the low half (SDM Vol. 3C, "EPT Translation Mechanism", formats of EPT entries). */
export function eptReservedLow(level: number, low: number): number {
  if (level === 4) return 0xf8;
  if (level === 1) return 0;
  if ((low & 0x80) === 0) return 0x78;
  return level === 3 ? 0x3fff_f000 : 0x001f_f000;
}

/** True for the memory types 2, 3 and 7, which are reserved (SDM Vol. 3C, "EPT Misconfigurations"). */
export function isReservedEptMemoryType(low: number): boolean {
  const type = (low >>> 3) & 7;
  return type === 2 || type === 3 || type === 7;
}

/**
 * True if a present entry is misconfigured: writable but not readable, a reserved bit set, or a leaf with a reserved memory
 * type (SDM Vol. 3C, "EPT Misconfigurations"). Execute-only entries are supported (IA32_VMX_EPT_VPID_CAP bit 0).
 */
export function isEptMisconfigured(level: number, low: number, high: number, reservedHigh: number): boolean {
  if ((low & 3) === 2) return true;
  if ((low & eptReservedLow(level, low)) !== 0 || (high & reservedHigh) !== 0) return true;
  return isEptLeaf(level, low) && isReservedEptMemoryType(low);
}

/**
 * Translates a guest-physical address (0 .. 2^48-1) through 4-level EPT tables (SDM Vol. 3C, "EPT Translation Mechanism").
 *
 * `eptp` may be the whole EPT pointer: its bits 11:0 are ignored, as is bit 6 (accessed and dirty flags stay disabled, as
 * in Muen). Returns the host-physical address or a negative code: MISCONFIGURED is an EPT misconfiguration, all others are
 * EPT violations (NOT_PRESENT, READ_DENIED, WRITE_DENIED, EXECUTE_DENIED; NOT_CANONICAL beyond 48 bits).
 */
export function translateEpt(
  memory: PhysicalMemory,
  eptp: Hpa,
  address: number,
  access: Access,
  options: Pick<WalkOptions, 'physicalAddressBits'> = DEFAULT_WALK,
): number {
  if (!(address >= 0 && address < 2 ** 48)) return NOT_CANONICAL;
  const low = address >>> 0;
  const high = Math.floor(address / TWO32);
  const reservedHigh = reservedHighMask(options.physicalAddressBits);
  let rights = 7;
  let frame = Math.floor(eptp / 4096);
  for (let level = 4; level >= 1; level--) {
    const slot = memory.findSlot(frame as FrameNumber);
    if (slot < 0) return NOT_PRESENT;
    const index = walkIndex(level, low, high) * 2;
    const entryLow = memory.readWord(slot, index);
    if ((entryLow & 7) === 0) return NOT_PRESENT;
    const entryHigh = memory.readWord(slot, index + 1);
    if (isEptMisconfigured(level, entryLow, entryHigh, reservedHigh)) return MISCONFIGURED;
    rights &= entryLow;
    if (isEptLeaf(level, entryLow)) {
      if (access === 'read' && (rights & 1) === 0) return READ_DENIED;
      if (access === 'write' && (rights & 2) === 0) return WRITE_DENIED;
      if (access === 'execute' && (rights & 4) === 0) return EXECUTE_DENIED;
      const mask = leafMask(level);
      return (entryHigh & 0xf_ffff) * TWO32 + (((entryLow & mask) | (low & ~mask)) >>> 0);
    }
    frame = entryFrame(entryLow, entryHigh);
  }
  return NOT_PRESENT;
}
