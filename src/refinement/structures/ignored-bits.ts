import type { PhysicalMemory } from '../../impl/memory.ts';
import { hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';

/**
 * Which bits of a table the processor or the IOMMU does not look at, or looks at without granting more or less: written from
 * the formats' tables, apart from the walks that are tested with it. Rows of bits are inclusive.
 */

/** Format of the tables of one address space. */
export type PagingFormat = 'ia32e' | 'ept' | 'dma';

interface FormatBits {
  /** Bits that make an entry present. */
  readonly present: readonly number[];
  /** Ignored in an entry that maps a 4 KiB page, with the reason. */
  readonly leaf: readonly (readonly [first: number, last: number, reason: string])[];
  /** Ignored in an entry that references a table. */
  readonly table: readonly (readonly [first: number, last: number, reason: string])[];
  /** Bits of a referencing entry that restrict what the leaves below grant, by the bit of the leaf that they restrict. */
  readonly restricting: readonly (readonly [bit: number, leafBit: number, leafGrantsWhenSet: boolean])[];
}

const UNUSED = 'ignored by the hardware';
const STATE = 'accessed, dirty or global flag';

/** SDM Vol. 3A "4-Level Paging and 5-Level Paging", Vol. 3C "EPT Translation Mechanism", VT-d "Second-Level Paging Entries". */
const FORMATS: Readonly<Record<PagingFormat, FormatBits>> = {
  ia32e: {
    present: [0],
    leaf: [
      [2, 2, 'access from user mode, which the policy does not distinguish'],
      [5, 6, STATE],
      [8, 8, STATE],
      [9, 11, UNUSED],
      [52, 62, 'ignored without protection keys'],
    ],
    table: [
      [2, 2, 'access from user mode, which the policy does not distinguish'],
      [3, 4, 'memory type of the table walk itself'],
      [5, 5, STATE],
      [6, 6, UNUSED],
      [8, 11, UNUSED],
      [52, 62, UNUSED],
    ],
    restricting: [
      [1, 1, true],
      [63, 63, false],
    ],
  },
  ept: {
    present: [0, 1, 2],
    leaf: [
      [7, 7, UNUSED],
      [8, 9, STATE],
      [10, 11, UNUSED],
      [52, 63, UNUSED],
    ],
    table: [
      [8, 8, STATE],
      [9, 11, UNUSED],
      [52, 63, UNUSED],
    ],
    restricting: [
      [1, 1, true],
      [2, 2, true],
    ],
  },
  dma: {
    present: [0, 1],
    leaf: [
      [2, 2, 'execute right, ignored without nested translation'],
      [3, 6, 'memory type, ignored in legacy mode'],
      [7, 10, UNUSED],
      [52, 61, UNUSED],
      [63, 63, UNUSED],
    ],
    table: [
      [2, 6, UNUSED],
      [8, 11, UNUSED],
      [52, 63, UNUSED],
    ],
    restricting: [[1, 1, true]],
  },
};

interface Entry {
  readonly low: number;
  readonly high: number;
}

const bitOf = ({ low, high }: Entry, bit: number): boolean => (((bit < 32 ? low : high) >>> (bit % 32)) & 1) !== 0;

const readEntry = (memory: PhysicalMemory, table: number, index: number): Entry => ({
  low: memory.readWordAt(hpa(table + index * 8)),
  high: memory.readWordAt(hpa(table + index * 8 + 4)),
});

const target = ({ low, high }: Entry): number =>
  (high & 0xf_ffff) * 2 ** 32 + Math.floor(low / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;

const isPresent = (format: FormatBits, entry: Entry): boolean => format.present.some(bit => bitOf(entry, bit));

/** Level of every table below a root. */
export function tableLevels(
  memory: PhysicalMemory,
  root: number,
  kind: PagingFormat,
  topLevel: 3 | 4,
): ReadonlyMap<number, number> {
  const levels = new Map([[root, topLevel as number]]);
  for (const [table, level] of levels) {
    if (level === 1) continue;
    for (let index = 0; index < 512; index++) {
      const entry = readEntry(memory, table, index);
      if (isPresent(FORMATS[kind], entry) && !levels.has(target(entry))) levels.set(target(entry), level - 1);
    }
  }
  return levels;
}

/** True if some page below a table has the right that a referencing entry would take away. */
function isUsedBelow(
  memory: PhysicalMemory,
  format: FormatBits,
  table: number,
  level: number,
  [, leafBit, grantsWhenSet]: FormatBits['restricting'][number],
): boolean {
  for (let index = 0; index < 512; index++) {
    const entry = readEntry(memory, table, index);
    if (!isPresent(format, entry)) continue;
    if (level === 1 && bitOf(entry, leafBit) === grantsWhenSet) return true;
    if (level > 1 && isUsedBelow(memory, format, target(entry), level - 1, [0, leafBit, grantsWhenSet])) return true;
  }
  return false;
}

/** Why a change of one bit of a paging entry changes no access; empty if it must change one. `bit` is 0 .. 63. */
export function ignoredPagingBit(
  memory: PhysicalMemory,
  kind: PagingFormat,
  levels: ReadonlyMap<number, number>,
  entryAddress: number,
  bit: number,
): string {
  const format = FORMATS[kind];
  const table = entryAddress - (entryAddress % PAGE_SIZE_BYTES);
  const level = levels.get(table);
  if (level === undefined) return 'page that no table references';
  const entry = readEntry(memory, table, (entryAddress % PAGE_SIZE_BYTES) / 8);
  if (!isPresent(format, entry)) return format.present.includes(bit) ? '' : 'entry that is not present';
  const rows = level === 1 ? format.leaf : format.table;
  const row = rows.find(([first, last]) => first <= bit && bit <= last);
  if (row !== undefined) return row[2];
  const restricting = level === 1 ? undefined : format.restricting.find(([own]) => own === bit);
  if (restricting === undefined) return '';
  return isUsedBelow(memory, format, target(entry), level - 1, restricting)
    ? ''
    : 'right that no page below the entry has';
}

/** Tables of 256 entries of 128 bits: bit 0 is present, and some bits are free for software. */
const WIDE_FREE: Readonly<Record<'root' | 'context' | 'remapping', readonly (readonly [number, number])[]>> = {
  root: [],
  context: [[67, 70]],
  remapping: [[8, 11]],
};

/** The same for an entry of a root, context or interrupt-remapping table; `bit` is 0 .. 127. */
export function ignoredWideBit(
  memory: PhysicalMemory,
  kind: keyof typeof WIDE_FREE,
  entryAddress: number,
  bit: number,
): string {
  if ((memory.readWordAt(hpa(entryAddress)) & 1) === 0) return bit === 0 ? '' : 'entry that is not present';
  return WIDE_FREE[kind].some(([first, last]) => first <= bit && bit <= last) ? UNUSED : '';
}
