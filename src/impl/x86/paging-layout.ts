import type { Caching } from '../../policy/document.ts';
import { frameOf, type Hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { err, ok, type Result } from '../../units/result.ts';
import { MAX_FRAMES, type PhysicalMemory } from '../memory.ts';

/** A page-aligned stretch of an address space and the physical memory behind it. */
export interface PageMapping {
  /** Logical name, for messages. */
  readonly name: string;
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  readonly sizeBytes: number;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly caching: Caching;
  /** Policy line that asks for the mapping; 0 if there is none. */
  readonly line: number;
}

/** Physical region that receives the tables of one address space. */
export interface TableRegion {
  readonly physicalAddress: Hpa;
  readonly sizeBytes: number;
}

/** A table entry as two unsigned halves. */
export interface EntryWords {
  readonly low: number;
  readonly high: number;
}

/** Level of a table: 1 PT, 2 PD, 3 PDPT, 4 PML4. */
export type TableLevel = 1 | 2 | 3 | 4;

/** How one table format writes its entries. */
export interface TableFormat {
  /** Level of the top table: 4, or 3 for device domains of 39-bit IOMMUs. */
  readonly topLevel: 3 | 4;
  /** First address that the format cannot translate. */
  readonly addressLimit: number;
  /** Entry (0 .. 511) of `virtualAddress` in a table of `level`. */
  tableIndex(virtualAddress: number, level: TableLevel): number;
  encodeLeaf(physicalAddress: Hpa, mapping: PageMapping): EntryWords;
  encodeTable(physicalAddress: Hpa): EntryWords;
}

/** Tables of one address space as they stand in memory. */
export interface BuiltTables {
  /** Address of the top-level table. */
  readonly root: Hpa;
  readonly usedBytes: number;
  /** 4 KiB leaves written. */
  readonly leafCount: number;
}

/** Why the tables of a list of mappings cannot be written. */
export type TableError =
  | { readonly kind: 'alignment'; readonly mapping: PageMapping }
  | { readonly kind: 'address-width'; readonly mapping: PageMapping }
  | { readonly kind: 'overlap'; readonly first: PageMapping; readonly second: PageMapping }
  | { readonly kind: 'region-alignment' }
  | { readonly kind: 'region-too-small'; readonly neededBytes: number; readonly regionBytes: number }
  | { readonly kind: 'capacity'; readonly neededBytes: number };

/** Bytes that one entry of a table of level 1, 2, 3 translates. */
const SPAN_BYTES = { 1: 2 ** 21, 2: 2 ** 30, 3: 2 ** 39 } as const;

/** Largest physical address + 1 that an entry can hold (SDM Vol. 3A, "4-Level Paging": bits 51:12). */
const PHYSICAL_ADDRESS_LIMIT = 2 ** 52;

const isPageAligned = (value: number): boolean => Number.isSafeInteger(value) && value % PAGE_SIZE_BYTES === 0;

/** First defect of one mapping, or undefined. */
function mappingError(mapping: PageMapping, addressLimit: number): TableError | undefined {
  const { virtualAddress, physicalAddress, sizeBytes } = mapping;
  if (![virtualAddress, physicalAddress, sizeBytes].every(isPageAligned)) return { kind: 'alignment', mapping };
  if (virtualAddress < 0 || virtualAddress + sizeBytes > addressLimit) return { kind: 'address-width', mapping };
  if (physicalAddress < 0 || physicalAddress + sizeBytes > PHYSICAL_ADDRESS_LIMIT)
    return { kind: 'address-width', mapping };
  return undefined;
}

/** First defect of mappings sorted by virtual address, or undefined. */
function layoutError(sorted: readonly PageMapping[], addressLimit: number): TableError | undefined {
  let previous: PageMapping | undefined;
  for (const mapping of sorted) {
    const error = mappingError(mapping, addressLimit);
    if (error !== undefined) return error;
    if (previous !== undefined && previous.virtualAddress + previous.sizeBytes > mapping.virtualAddress) {
      return { kind: 'overlap', first: previous, second: mapping };
    }
    previous = mapping;
  }
  return undefined;
}

/** First and last entry span that a mapping touches. */
const spanRange = (mapping: PageMapping, span: number): readonly [number, number] => [
  Math.floor(mapping.virtualAddress / span),
  Math.floor((mapping.virtualAddress + mapping.sizeBytes - 1) / span),
];

/** Number of tables of the level whose tables each cover `span` bytes; `sorted` is valid and sorted by virtual address. */
function countTables(sorted: readonly PageMapping[], span: number): number {
  let count = 0;
  let last = -1;
  for (const mapping of sorted) {
    const [from, to] = spanRange(mapping, span);
    count += to - Math.max(from, last + 1) + 1;
    last = to;
  }
  return count;
}

/** Ids (address / span) of the tables of one level, ascending. */
function tableIds(sorted: readonly PageMapping[], span: number): number[] {
  const ids: number[] = [];
  let last = -1;
  for (const mapping of sorted) {
    const [from, to] = spanRange(mapping, span);
    for (let id = Math.max(from, last + 1); id <= to; id++) ids.push(id);
    last = to;
  }
  return ids;
}

/** Tables of one level, which stand in consecutive pages. */
interface LevelTables {
  readonly level: TableLevel;
  /** Empty for the top table, which has no number. */
  readonly ids: readonly number[];
  readonly base: number;
}

/** Writes the entries of `parents` that point to `children`. */
function linkTables(memory: PhysicalMemory, format: TableFormat, parents: LevelTables, children: LevelTables): void {
  const childSpan = SPAN_BYTES[children.level as 1 | 2 | 3];
  const perParent = 512;
  let ordinal = 0;
  children.ids.forEach((id, position) => {
    const parentId = Math.floor(id / perParent);
    while (parents.ids.length > 0 && parents.ids[ordinal] !== parentId) ordinal += 1;
    const entry = format.encodeTable((children.base + position * PAGE_SIZE_BYTES) as Hpa);
    const table = parents.base + ordinal * PAGE_SIZE_BYTES;
    const index = format.tableIndex(id * childSpan, parents.level);
    memory.writePair((table + index * 8) as Hpa, entry.low, entry.high);
  });
}

/** Writes all leaves; returns how many. */
function writeLeaves(
  memory: PhysicalMemory,
  format: TableFormat,
  sorted: readonly PageMapping[],
  tables: LevelTables,
): number {
  let ordinal = 0;
  let slot = -1;
  let currentId = -1;
  let leafCount = 0;
  for (const mapping of sorted) {
    for (let offset = 0; offset < mapping.sizeBytes; offset += PAGE_SIZE_BYTES) {
      const virtualAddress = mapping.virtualAddress + offset;
      const id = Math.floor(virtualAddress / SPAN_BYTES[1]);
      if (id !== currentId) {
        while (tables.ids[ordinal] !== id) ordinal += 1;
        slot = memory.slotOf(frameOf((tables.base + ordinal * PAGE_SIZE_BYTES) as Hpa));
        currentId = id;
      }
      const entry = format.encodeLeaf((mapping.physicalAddress + offset) as Hpa, mapping);
      const index = format.tableIndex(virtualAddress, 1) * 2;
      memory.writeWord(slot, index, entry.low);
      memory.writeWord(slot, index + 1, entry.high);
      leafCount += 1;
    }
  }
  return leafCount;
}

/**
 * Writes tables with 4 KiB leaves for `mappings` into `region`, in the order of the Muen toolchain: the top-level
 * table in the first page, then all PTs, all PDs, all PDPTs, each by ascending virtual address (Muen: libpaging, mugenpt).
 *
 * Mappings of size 0 map nothing. Nothing is written when an error is returned.
 */
export function writeTables(
  memory: PhysicalMemory,
  region: TableRegion,
  mappings: readonly PageMapping[],
  format: TableFormat,
): Result<BuiltTables, TableError> {
  const sorted = mappings
    .filter(mapping => mapping.sizeBytes !== 0)
    .sort((a, b) => a.virtualAddress - b.virtualAddress);
  const error = layoutError(sorted, format.addressLimit);
  if (error !== undefined) return err(error);
  if (!isPageAligned(region.physicalAddress)) return err({ kind: 'region-alignment' });
  const levels = format.topLevel === 4 ? ([1, 2, 3] as const) : ([1, 2] as const);
  const tableCount = 1 + levels.reduce((sum, level) => sum + countTables(sorted, SPAN_BYTES[level]), 0);
  const neededBytes = tableCount * PAGE_SIZE_BYTES;
  if (neededBytes > region.sizeBytes) {
    return err({ kind: 'region-too-small', neededBytes, regionBytes: region.sizeBytes });
  }
  if (memory.frameCount + tableCount > MAX_FRAMES / 2) return err({ kind: 'capacity', neededBytes });

  const root = region.physicalAddress;
  for (let page = 0; page < tableCount; page++) {
    memory.fillWords(memory.slotOf(frameOf((root + page * PAGE_SIZE_BYTES) as Hpa)), 0, PAGE_SIZE_BYTES / 4, 0);
  }
  let base = root + PAGE_SIZE_BYTES;
  const below = levels.map((level): LevelTables => {
    const ids = tableIds(sorted, SPAN_BYTES[level]);
    const tables = { level, ids, base };
    base += ids.length * PAGE_SIZE_BYTES;
    return tables;
  });
  const all = [...below, { level: format.topLevel, ids: [], base: root }];
  for (const [index, children] of below.entries()) linkTables(memory, format, all[index + 1]!, children);
  const leafCount = writeLeaves(memory, format, sorted, below[0]!);
  return ok({ root, usedBytes: neededBytes, leafCount });
}

/** Entry (0 .. 511) of an address in a table of `level` (SDM Vol. 3A, "4-Level Paging": 9 bits per level above bit 12). */
export function tableIndex(virtualAddress: number, level: TableLevel): number {
  return Math.floor(virtualAddress / 2 ** (12 + 9 * (level - 1))) % 512;
}
