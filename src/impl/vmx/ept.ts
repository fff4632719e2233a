import type { Caching } from '../../policy/document.ts';
import type { Hpa } from '../../units/address.ts';
import type { Result } from '../../units/result.ts';
import { highWord, lowWord } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { PagingOps } from '../paging-ops.ts';
import {
  type BuiltTables,
  type EntryWords,
  type PageMapping,
  type TableError,
  type TableRegion,
  writeTables,
} from '../x86/paging-layout.ts';

/** First guest-physical address beyond a 4-level walk (SDM Vol. 3C, "EPT Translation Mechanism"). */
const GUEST_PHYSICAL_LIMIT = 2 ** 48;

const READ = 1 << 0;
const WRITE = 1 << 1;
const EXECUTE = 1 << 2;
const MEMORY_TYPE_SHIFT = 3;
const IGNORE_PAT = 1 << 6;
/** Bit 52, in the high half: software bit that Muen's libpaging sets in every entry. */
const ACTIVE_HIGH = 1 << 20;

/** EPT memory types (SDM Vol. 3C, "EPT and Memory Typing"). */
const MEMORY_TYPE: Readonly<Record<Caching, number>> = { UC: 0, WC: 1, WT: 4, WP: 5, WB: 6 };

/** EPT entry that maps a 4 KiB page (SDM Vol. 3C, "Extended Page-Table Mechanism", EPT PTE format; Muen libpaging). */
export function encodeEptLeaf(
  physicalAddress: Hpa,
  attributes: Pick<PageMapping, 'writable' | 'executable' | 'caching'>,
): EntryWords {
  const rights = READ | (attributes.writable ? WRITE : 0) | (attributes.executable ? EXECUTE : 0);
  const typing = (MEMORY_TYPE[attributes.caching] << MEMORY_TYPE_SHIFT) | IGNORE_PAT;
  return {
    low: (lowWord(physicalAddress) | rights | typing) >>> 0,
    high: (highWord(physicalAddress) | ACTIVE_HIGH) >>> 0,
  };
}

/** EPT entry that references a lower table: all rights, which only leaves restrict (same source). */
export function encodeEptTable(physicalAddress: Hpa): EntryWords {
  return {
    low: (lowWord(physicalAddress) | READ | WRITE | EXECUTE) >>> 0,
    high: (highWord(physicalAddress) | ACTIVE_HIGH) >>> 0,
  };
}

/** Writes EPT tables for `mappings` (guest-physical addresses) into `region`. */
export function buildEpt(
  memory: PhysicalMemory,
  region: TableRegion,
  mappings: readonly PageMapping[],
  paging: Pick<PagingOps, 'tableIndex' | 'encodeEptLeaf' | 'encodeEptTable'>,
): Result<BuiltTables, TableError> {
  return writeTables(memory, region, mappings, {
    topLevel: 4,
    addressLimit: GUEST_PHYSICAL_LIMIT,
    tableIndex: paging.tableIndex,
    encodeLeaf: paging.encodeEptLeaf,
    encodeTable: paging.encodeEptTable,
  });
}
