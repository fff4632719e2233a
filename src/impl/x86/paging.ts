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
} from './paging-layout.ts';

/** First address above the lower canonical half (SDM Vol. 1, "Canonical Addressing"). */
const LOWER_HALF_LIMIT = 2 ** 47;

const PRESENT = 1 << 0;
const WRITABLE = 1 << 1;
const USER = 1 << 2;
const WRITE_THROUGH = 1 << 3;
const CACHE_DISABLE = 1 << 4;
const PAT_4K = 1 << 7;
/** Software bit that Muen's libpaging sets in every entry. */
const ACTIVE = 1 << 11;
/** Bit 63, in the high half. */
const EXECUTE_DISABLE = 0x8000_0000;

/** Bits that select each memory type with the PAT that Muen programs (WB, WT, WC, UC, WP, ...). */
const CACHING_BITS: Readonly<Record<Caching, number>> = {
  WB: 0,
  WT: WRITE_THROUGH,
  WC: CACHE_DISABLE,
  UC: CACHE_DISABLE | WRITE_THROUGH,
  WP: PAT_4K,
};

/** Entry of a page table that maps a 4 KiB page (SDM Vol. 3A, "4-Level Paging and 5-Level Paging", PTE format; Muen libpaging). */
export function encodeIa32eLeaf(
  physicalAddress: Hpa,
  attributes: Pick<PageMapping, 'writable' | 'executable' | 'caching'>,
): EntryWords {
  const flags = PRESENT | USER | ACTIVE | (attributes.writable ? WRITABLE : 0) | CACHING_BITS[attributes.caching];
  return {
    low: (lowWord(physicalAddress) | flags) >>> 0,
    high: (highWord(physicalAddress) | (attributes.executable ? 0 : EXECUTE_DISABLE)) >>> 0,
  };
}

/** Entry that references a lower table: all rights, which only leaves restrict (same source). */
export function encodeIa32eTable(physicalAddress: Hpa): EntryWords {
  return {
    low: (lowWord(physicalAddress) | PRESENT | WRITABLE | USER | ACTIVE) >>> 0,
    high: highWord(physicalAddress),
  };
}

/** Writes IA-32e page tables for `mappings` into `region`; the root is the CR3 value of a native subject or a kernel. */
export function buildIa32e(
  memory: PhysicalMemory,
  region: TableRegion,
  mappings: readonly PageMapping[],
  paging: Pick<PagingOps, 'tableIndex' | 'encodeIa32eLeaf' | 'encodeIa32eTable'>,
): Result<BuiltTables, TableError> {
  return writeTables(memory, region, mappings, {
    topLevel: 4,
    addressLimit: LOWER_HALF_LIMIT,
    tableIndex: paging.tableIndex,
    encodeLeaf: paging.encodeIa32eLeaf,
    encodeTable: paging.encodeIa32eTable,
  });
}
