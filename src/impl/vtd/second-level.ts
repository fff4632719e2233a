import type { Hpa } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';
import {
  DEFAULT_LIMITS,
  type EntryReader,
  type Enumeration,
  type EnumerationLimits,
  enumerateTables,
} from '../x86/paging-enumerate.ts';

const READ = 1 << 0;
const WRITE = 1 << 1;
const PAGE_SIZE = 1 << 7;
/** Snoop behaviour: reserved unless the IOMMU supports it, which no policy states. */
const SNOOP = 1 << 11;
/** Bit 62, in the high half: transient mapping, reserved without device TLBs. */
const TRANSIENT_HIGH = 1 << 30;
/** Bits 20:12 of a 2 MiB leaf, 29:12 of a 1 GiB leaf. */
const LARGE_RESERVED: Readonly<Record<number, number>> = { 2: 0x1f_f000, 3: 0x3fff_f000 };

const isLarge = (level: number, low: number): boolean => level < 4 && level > 1 && (low & PAGE_SIZE) !== 0;

/**
 * Entries of second-level tables in legacy mode: bits 0 and 1 are the rights; execute, memory type and bits 61:52 are ignored
 * (VT-d specification, "Second-Level Paging Entries").
 */
export const DMA_READER: EntryReader = {
  isSignExtended: false,
  isPresent: low => (low & (READ | WRITE)) !== 0,
  isLeaf: (level, low) => level === 1 || isLarge(level, low),
  defect: (level, low, high) => {
    const isLeaf = level === 1 || isLarge(level, low);
    if (level === 4 && (low & PAGE_SIZE) !== 0) return 'reserved bit set';
    if (isLeaf && ((low & SNOOP) !== 0 || (high & TRANSIENT_HIGH) !== 0)) return 'snoop or transient bit set';
    return isLarge(level, low) && (low & LARGE_RESERVED[level]!) !== 0 ? 'reserved bit set' : '';
  },
  rights: low => low & (READ | WRITE),
  memoryType: () => 'WB',
  forcesMemoryType: () => true,
};

/** Visits everything that DMA through these tables can reach. */
export function enumerateDma(
  memory: PhysicalMemory,
  root: Hpa,
  levels: 3 | 4,
  limits: EnumerationLimits = DEFAULT_LIMITS,
): Enumeration {
  return enumerateTables(memory, root, DMA_READER, limits, levels);
}
