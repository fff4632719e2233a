import { type Hpa, hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';

/** Present context entry of one PCI function, as the IOMMU reads it (VT-d specification, "Context Entry"). */
export interface ContextEntry {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
  readonly entryAddress: Hpa;
  /** 0 translate, 1 translate and answer device TLBs, 2 pass through, 3 reserved. */
  readonly translationType: number;
  /** Top level of the tables, 0 for a width that is reserved. */
  readonly levels: number;
  readonly domainId: number;
  readonly tables: Hpa;
  readonly faultsDisabled: boolean;
  /** Why the IOMMU refuses the entry; empty if it does not. */
  readonly defect: string;
}

/** Present root entry that the IOMMU refuses. */
export interface RefusedRoot {
  readonly bus: number;
  readonly entryAddress: Hpa;
  readonly defect: string;
}

/** What the root and context tables say about all functions of all buses. */
export interface ContextTables {
  readonly entries: readonly ContextEntry[];
  readonly refused: readonly RefusedRoot[];
  /** Context tables that are referenced, by bus. */
  readonly tables: ReadonlyMap<number, Hpa>;
}

const ENTRY_BYTES = 16;
/** Levels by address-width field: 1 is 39 bits, 2 is 48 bits; others are not supported by the IOMMUs that Muen sets up. */
const LEVELS: readonly number[] = [0, 3, 4, 0, 0, 0, 0, 0];
/** Bits 11:4 of the low word of a context entry; bits 6:3 of the third word are ignored, the rest are reserved. */
const CONTEXT_RESERVED_LOW = 0xff0;
const CONTEXT_RESERVED_THIRD = 0xff00_0080;
const ROOT_RESERVED_LOW = 0xffe;
/** Physical addresses have 39 bits or more; bits 63:52 of a pointer are always reserved. */
const POINTER_RESERVED_HIGH = 0xfff0_0000;

const words = (memory: PhysicalMemory, at: number): readonly [number, number, number, number] => [
  memory.readWordAt(hpa(at)),
  memory.readWordAt(hpa(at + 4)),
  memory.readWordAt(hpa(at + 8)),
  memory.readWordAt(hpa(at + 12)),
];

const pointer = (low: number, high: number): Hpa =>
  hpa((high & 0xf_ffff) * TWO32 + ((low / PAGE_SIZE_BYTES) >>> 0) * PAGE_SIZE_BYTES);

function contextDefect(first: number, second: number, third: number, fourth: number): string {
  if ((first & CONTEXT_RESERVED_LOW) !== 0 || (second & POINTER_RESERVED_HIGH) !== 0) return 'reserved bit set';
  if ((third & CONTEXT_RESERVED_THIRD) !== 0 || fourth !== 0) return 'reserved bit set';
  return LEVELS[third & 7] === 0 ? `address width ${third & 7} is not supported` : '';
}

function readContext(memory: PhysicalMemory, at: number, bus: number, index: number): ContextEntry | undefined {
  const [first, second, third, fourth] = words(memory, at);
  if ((first & 1) === 0) return undefined;
  return {
    bus,
    device: index >>> 3,
    function: index & 7,
    entryAddress: hpa(at),
    translationType: (first >>> 2) & 3,
    levels: LEVELS[third & 7]!,
    domainId: (third >>> 8) & 0xffff,
    tables: pointer(first, second),
    faultsDisabled: (first & 2) !== 0,
    defect: contextDefect(first, second, third, fourth),
  };
}

/** Context entry of one function (bus, device, function in 16 bits) as an IOMMU finds it for a request; undefined if none is present. */
export function readContextOf(
  memory: PhysicalMemory,
  root: Hpa,
  source: number,
): ContextEntry | 'no-root' | 'root-reserved' | undefined {
  const bus = source >>> 8;
  const index = source & 0xff;
  const [first, second, third, fourth] = words(memory, root + bus * ENTRY_BYTES);
  if ((first & 1) === 0) return 'no-root';
  if ((first & ROOT_RESERVED_LOW) !== 0 || (second & POINTER_RESERVED_HIGH) !== 0 || third !== 0 || fourth !== 0)
    return 'root-reserved';
  return readContext(memory, pointer(first, second) + index * ENTRY_BYTES, bus, index);
}

/** Reads root and context tables as an IOMMU in legacy mode does; any content is allowed. */
export function readContextTables(memory: PhysicalMemory, root: Hpa): ContextTables {
  const entries: ContextEntry[] = [];
  const refused: RefusedRoot[] = [];
  const tables = new Map<number, Hpa>();
  for (let bus = 0; bus < 256; bus++) {
    const at = root + bus * ENTRY_BYTES;
    const [first, second, third, fourth] = words(memory, at);
    if ((first & 1) === 0) continue;
    const isReserved =
      (first & ROOT_RESERVED_LOW) !== 0 || (second & POINTER_RESERVED_HIGH) !== 0 || third !== 0 || fourth !== 0;
    if (isReserved) {
      refused.push({ bus, entryAddress: hpa(at), defect: 'reserved bit set' });
      continue;
    }
    const table = pointer(first, second);
    tables.set(bus, table);
    for (let index = 0; index < 256; index++) {
      const entry = readContext(memory, table + index * ENTRY_BYTES, bus, index);
      if (entry !== undefined) entries.push(entry);
    }
  }
  return { entries, refused, tables };
}
