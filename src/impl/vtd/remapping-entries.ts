import { type Hpa, hpa } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';

/** Present interrupt-remapping entry, as the IOMMU reads it (VT-d specification, "Interrupt Remapping Table Entry"). */
export interface RemappingEntry {
  readonly index: number;
  readonly entryAddress: Hpa;
  readonly vector: number;
  /** 0 fixed, 1 lowest priority, 2 SMI, 4 NMI, 5 INIT, 7 ExtINT. */
  readonly deliveryMode: number;
  readonly isLogical: boolean;
  readonly isRedirectable: boolean;
  readonly isLevel: boolean;
  readonly isPosted: boolean;
  readonly faultsDisabled: boolean;
  readonly destination: number;
  readonly sourceId: number;
  /** How many function bits of the source are ignored: 0 none. */
  readonly sourceQualifier: number;
  /** 0 the source is not verified, 1 it is, 2 only its bus is. */
  readonly sourceValidation: number;
  /** Why the IOMMU refuses the entry; empty if it does not. */
  readonly defect: string;
}

/** Entries of a table with size field 7, as Muen sets it. */
export const REMAPPING_ENTRIES = 256;

/** Bits 14:12 and 31:24 of the first word; the upper part of the third and the fourth. */
const RESERVED_FIRST = 0xff00_7000;
const RESERVED_THIRD = 0xfff0_0000;

/** Reads one entry; undefined if it is not present. */
export function readRemappingEntry(memory: PhysicalMemory, table: Hpa, index: number): RemappingEntry | undefined {
  const at = table + index * 16;
  const first = memory.readWordAt(hpa(at));
  if ((first & 1) === 0) return undefined;
  const third = memory.readWordAt(hpa(at + 8));
  const isReserved =
    (first & RESERVED_FIRST) !== 0 || (third & RESERVED_THIRD) !== 0 || memory.readWordAt(hpa(at + 12)) !== 0;
  return {
    index,
    entryAddress: hpa(at),
    vector: (first >>> 16) & 0xff,
    deliveryMode: (first >>> 5) & 7,
    isLogical: (first & 4) !== 0,
    isRedirectable: (first & 8) !== 0,
    isLevel: (first & 0x10) !== 0,
    isPosted: (first & 0x8000) !== 0,
    faultsDisabled: (first & 2) !== 0,
    destination: memory.readWordAt(hpa(at + 4)),
    sourceId: third & 0xffff,
    sourceQualifier: (third >>> 16) & 3,
    sourceValidation: (third >>> 18) & 3,
    defect: isReserved ? 'reserved bit set' : '',
  };
}

/** Reads all present entries, ascending; any content is allowed. */
export function readRemappingTable(memory: PhysicalMemory, table: Hpa): readonly RemappingEntry[] {
  const entries: RemappingEntry[] = [];
  for (let index = 0; index < REMAPPING_ENTRIES; index++) {
    const entry = readRemappingEntry(memory, table, index);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}
