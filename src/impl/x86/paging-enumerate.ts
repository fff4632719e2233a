import type { Caching } from '../../policy/document.ts';
import { type FrameNumber, frameBase, frameOf, type Hpa } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import { MAX_FRAMES, type PhysicalMemory } from '../memory.ts';
import { DEFAULT_WALK, entryFrame, ia32eReservedLow, isIa32eLeaf, leafMask, reservedHighMask } from './paging-walk.ts';

/** Effective type of a leaf; 'UC-' gives way to a WC range of the MTRRs. */
export type LeafMemoryType = Caching | 'UC-';

/** Leaves with equal rights and type that are contiguous in both address spaces. */
export interface LeafRun {
  /** First address translated; negative in the upper canonical half. */
  readonly virtualAddress: number;
  readonly physicalAddress: Hpa;
  readonly sizeBytes: number;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly memoryType: LeafMemoryType;
  /** False if the guest's own PAT may change the type (EPT leaves without ignore-PAT). */
  readonly forcesMemoryType: boolean;
}

/** Present entry that the CPU refuses. */
export interface MalformedEntry {
  readonly entryAddress: Hpa;
  /** First address that the entry would translate. */
  readonly virtualAddress: number;
  readonly reason: string;
}

export interface EnumerationLimits {
  /** Table visits; a table reached twice counts twice. */
  readonly maxTables: number;
  readonly maxRuns: number;
  readonly maxMalformed: number;
}

/** Tables of one tree are at most the frames that a memory holds; runs of a valid policy are about as many as its mappings. */
export const DEFAULT_LIMITS: EnumerationLimits = { maxTables: MAX_FRAMES, maxRuns: 0x2_0000, maxMalformed: 0x1000 };

/** Everything that the tables below one root translate. */
export interface Enumeration {
  /** By ascending virtual address, lower canonical half first. */
  readonly runs: readonly LeafRun[];
  readonly malformed: readonly MalformedEntry[];
  /** Frames that the CPU reads as tables, in order of first visit. */
  readonly tables: readonly Hpa[];
  /** Leaf entries seen, whatever their page size. */
  readonly leafCount: number;
  /** Empty if everything was visited, else the limit that stopped the walk. */
  readonly incomplete: string;
}

/** How one table format reads its entries; rights are bits 0 read, 1 write, 2 execute. */
export interface EntryReader {
  readonly isSignExtended: boolean;
  isPresent(low: number): boolean;
  isLeaf(level: number, low: number): boolean;
  /** Why the CPU refuses a present entry; empty if it does not. */
  defect(level: number, low: number, high: number): string;
  rights(low: number, high: number): number;
  memoryType(level: number, low: number): LeafMemoryType;
  forcesMemoryType(low: number): boolean;
}

type MutableRun = { -readonly [Key in keyof LeafRun]: LeafRun[Key] };

/** Bytes that one entry of a table of `level` translates. */
const entrySpan = (level: number): number => 2 ** (12 + 9 * (level - 1));

/** Depth-first walk over all tables below one root; work is bounded whatever the tables hold. */
class TableEnumerator {
  readonly runs: LeafRun[] = [];
  readonly malformed: MalformedEntry[] = [];
  readonly tables = new Set<number>();
  leafCount = 0;
  incomplete = '';
  #visits = 0;
  #run: MutableRun | undefined;
  #runRights = 0;
  readonly #memory: PhysicalMemory;
  readonly #reader: EntryReader;
  readonly #limits: EnumerationLimits;

  constructor(memory: PhysicalMemory, reader: EntryReader, limits: EnumerationLimits) {
    this.#memory = memory;
    this.#reader = reader;
    this.#limits = limits;
  }

  visitTable(frame: number, level: number, base: number, rightsAbove: number): void {
    if (this.#visits >= this.#limits.maxTables) {
      this.incomplete = `more than ${this.#limits.maxTables} tables`;
      return;
    }
    this.#visits += 1;
    this.tables.add(frameBase(frame as FrameNumber));
    const slot = this.#memory.findSlot(frame as FrameNumber);
    if (slot < 0) return;
    const span = entrySpan(level);
    for (let index = 0; index < 512 && this.incomplete === ''; index++) {
      const low = this.#memory.readWord(slot, index * 2);
      if (!this.#reader.isPresent(low)) continue;
      const high = this.#memory.readWord(slot, index * 2 + 1);
      const unsigned = base + index * span;
      const isUpper = level === 4 && this.#reader.isSignExtended && index >= 256;
      this.#visitEntry(frame, level, index, isUpper ? unsigned - 2 ** 48 : unsigned, low, high, rightsAbove);
    }
  }

  #visitEntry(
    frame: number,
    level: number,
    index: number,
    address: number,
    low: number,
    high: number,
    rightsAbove: number,
  ): void {
    const reason = this.#reader.defect(level, low, high);
    if (reason !== '') {
      if (this.malformed.length >= this.#limits.maxMalformed)
        this.incomplete = `more than ${this.#limits.maxMalformed} malformed entries`;
      else
        this.malformed.push({
          entryAddress: (frameBase(frame as FrameNumber) + index * 8) as Hpa,
          virtualAddress: address,
          reason,
        });
      return;
    }
    const rights = rightsAbove & this.#reader.rights(low, high);
    if (this.#reader.isLeaf(level, low)) this.#visitLeaf(level, address, low, high, rights);
    else this.visitTable(entryFrame(low, high), level - 1, address, rights);
  }

  #visitLeaf(level: number, address: number, low: number, high: number, rights: number): void {
    this.leafCount += 1;
    const sizeBytes = entrySpan(level);
    const physical = (high & 0xf_ffff) * TWO32 + ((low & leafMask(level)) >>> 0);
    const memoryType = this.#reader.memoryType(level, low);
    const forcesMemoryType = this.#reader.forcesMemoryType(low);
    const run = this.#run;
    if (
      run !== undefined &&
      this.#runRights === rights &&
      run.memoryType === memoryType &&
      run.forcesMemoryType === forcesMemoryType &&
      run.virtualAddress + run.sizeBytes === address &&
      run.physicalAddress + run.sizeBytes === physical
    ) {
      run.sizeBytes += sizeBytes;
      return;
    }
    if (this.runs.length >= this.#limits.maxRuns) {
      this.incomplete = `more than ${this.#limits.maxRuns} separate stretches of pages`;
      return;
    }
    this.#runRights = rights;
    this.#run = {
      virtualAddress: address,
      physicalAddress: physical as Hpa,
      sizeBytes,
      readable: (rights & 1) !== 0,
      writable: (rights & 2) !== 0,
      executable: (rights & 4) !== 0,
      memoryType,
      forcesMemoryType,
    };
    this.runs.push(this.#run);
  }
}

/** Visits every leaf below `root` with the given entry format; robust against any content. */
export function enumerateTables(
  memory: PhysicalMemory,
  root: Hpa,
  reader: EntryReader,
  limits: EnumerationLimits,
  topLevel: 3 | 4 = 4,
): Enumeration {
  const enumerator = new TableEnumerator(memory, reader, limits);
  enumerator.visitTable(frameOf(root), topLevel, 0, 7);
  return {
    runs: enumerator.runs,
    malformed: enumerator.malformed,
    tables: [...enumerator.tables] as Hpa[],
    leafCount: enumerator.leafCount,
    incomplete: enumerator.incomplete,
  };
}

/** Addresses of the entries that a translation of `address` reads, top table first; the last one grants or refuses it. */
export function entriesOnPath(
  memory: PhysicalMemory,
  root: Hpa,
  address: number,
  reader: Pick<EntryReader, 'isPresent' | 'isLeaf'>,
  topLevel: 3 | 4 = 4,
): readonly Hpa[] {
  const entries: Hpa[] = [];
  let table: number = frameBase(frameOf(root));
  for (let level: number = topLevel; level >= 1; level--) {
    const index = Math.floor((address < 0 ? address + 2 ** 48 : address) / entrySpan(level)) % 512;
    const entry = (table + index * 8) as Hpa;
    entries.push(entry);
    const low = memory.readWordAt(entry);
    if (!reader.isPresent(low) || reader.isLeaf(level, low)) break;
    table = frameBase(entryFrame(low, memory.readWordAt((entry + 4) as Hpa)) as FrameNumber);
  }
  return entries;
}

/** Memory types by PAT index with the PAT that Muen programs, 0x0007040500010406 (SDM Vol. 3A, "Page Attribute Table (PAT)"). */
const MUEN_PAT: readonly LeafMemoryType[] = ['WB', 'WT', 'WC', 'UC', 'WP', 'WT', 'UC-', 'UC'];

const RESERVED_HIGH = reservedHighMask(DEFAULT_WALK.physicalAddressBits);

/** Entries of IA-32e page tables. */
export const IA32E_READER: EntryReader = {
  isSignExtended: true,
  isPresent: low => (low & 1) !== 0,
  isLeaf: isIa32eLeaf,
  defect: (level, low, high) =>
    (low & ia32eReservedLow(level, low)) !== 0 || (high & RESERVED_HIGH) !== 0 ? 'reserved bit set' : '',
  rights: (low, high) => 1 | (low & 2) | (high >>> 31 === 0 ? 4 : 0),
  memoryType: (level, low) => {
    const patBit = level === 1 ? (low >>> 7) & 1 : (low >>> 12) & 1;
    return MUEN_PAT[(patBit << 2) | ((low >>> 3) & 3)]!;
  },
  forcesMemoryType: () => true,
};

/** Visits every leaf below a CR3 value, with the rights of a supervisor (see translateIa32e). */
export function enumerateIa32e(
  memory: PhysicalMemory,
  root: Hpa,
  limits: EnumerationLimits = DEFAULT_LIMITS,
): Enumeration {
  return enumerateTables(memory, root, IA32E_READER, limits);
}
