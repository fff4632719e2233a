import type { Hpa } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';
import {
  DEFAULT_LIMITS,
  type EntryReader,
  type Enumeration,
  type EnumerationLimits,
  enumerateTables,
  type LeafMemoryType,
} from '../x86/paging-enumerate.ts';
import { DEFAULT_WALK, reservedHighMask } from '../x86/paging-walk.ts';
import { eptReservedLow, isEptLeaf, isEptMisconfigured, isReservedEptMemoryType } from './ept-walk.ts';

/** EPT memory types by number; 2, 3 and 7 are reserved and never asked for (SDM Vol. 3C, "EPT and Memory Typing"). */
const MEMORY_TYPES: Readonly<Record<number, LeafMemoryType>> = { 0: 'UC', 1: 'WC', 4: 'WT', 5: 'WP', 6: 'WB' };

const RESERVED_HIGH = reservedHighMask(DEFAULT_WALK.physicalAddressBits);

/** Why a misconfigured entry is refused. */
function describeDefect(level: number, low: number): string {
  if ((low & 3) === 2) return 'writable but not readable';
  if ((low & eptReservedLow(level, low)) === 0 && isEptLeaf(level, low) && isReservedEptMemoryType(low))
    return 'reserved memory type';
  return 'reserved bit set';
}

/** Entries of EPT tables. */
export const EPT_READER: EntryReader = {
  isSignExtended: false,
  isPresent: low => (low & 7) !== 0,
  isLeaf: isEptLeaf,
  defect: (level, low, high) => (isEptMisconfigured(level, low, high, RESERVED_HIGH) ? describeDefect(level, low) : ''),
  rights: low => low & 7,
  memoryType: (_level, low) => MEMORY_TYPES[(low >>> 3) & 7]!,
  forcesMemoryType: low => (low & 0x40) !== 0,
};

/** Visits every leaf below an EPT root (bits 11:0 of an EPT pointer are ignored). */
export function enumerateEpt(
  memory: PhysicalMemory,
  root: Hpa,
  limits: EnumerationLimits = DEFAULT_LIMITS,
): Enumeration {
  return enumerateTables(memory, root, EPT_READER, limits);
}
