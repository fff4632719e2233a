import { type Hpa, hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { TWO32 } from '../../units/word.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { Iommu } from '../platform/iommu.ts';
import { readContextOf } from '../vtd/contexts.ts';
import { DMA_READER } from '../vtd/second-level.ts';

/** How an IOMMU translates the DMA of a device in legacy mode (VT-d specification, "DMA Remapping"). */

/** Why a request is blocked (VT-d specification, "Fault Reason Encodings"). */
export const DmaFault = {
  rootNotPresent: 0x1,
  contextNotPresent: 0x2,
  contextInvalid: 0x3,
  beyondWidth: 0x4,
  writeDenied: 0x5,
  readDenied: 0x6,
  rootReserved: 0xa,
  contextReserved: 0xb,
  entryReserved: 0xc,
  interruptIndex: 0x21,
  interruptNotPresent: 0x22,
  interruptReserved: 0x24,
  interruptSource: 0x26,
} as const;

/** Request of a PCI function to access the page of an address. */
export interface DmaRequest {
  /** Bus, device and function. */
  readonly source: number;
  readonly address: number;
  readonly isWrite: boolean;
}

/** Where an access goes, or the reason why it is blocked; `isSilent` if the context says that its faults are not recorded. */
export type DmaTranslation =
  | { readonly kind: 'physical'; readonly address: number }
  | { readonly kind: 'blocked'; readonly reason: number; readonly isSilent: boolean };

/** A translation that the IOMMU remembers: first byte of the frame and rights, as the leaf says. */
interface Remembered {
  readonly frame: number;
  readonly rights: number;
}

/** IOTLB of a unit: translations by domain and page. */
export type Iotlb = Map<string, Remembered>;

const READ = 1;
const WRITE = 2;
const ENTRY_BYTES = 8;
const PASS_THROUGH = 2;
const ADDRESS_HIGH = 0xf_ffff;

const blocked = (reason: number, isSilent = false): DmaTranslation => ({ kind: 'blocked', reason, isSilent });

/** Decisions of the unit that a seeded fault can replace. */
export interface DmaOps {
  /** Name under which a translation is remembered. */
  readonly iotlbTag: (domainId: number, page: number) => string;
  /** True if rights suffice for an access. */
  readonly permits: (rights: number, isWrite: boolean) => boolean;
  /** Bus, device and function that a request counts as. */
  readonly requester: (source: number) => number;
  /** True if a request is translated, as the status register of the unit says. */
  readonly isTranslated: (unit: Iommu) => boolean;
  /** Bytes of a page that one request may reach from an address on. */
  readonly bytesInPage: (address: number) => number;
}

export const dmaOps: DmaOps = {
  iotlbTag: (domainId, page) => `${domainId} ${page}`,
  permits: (rights, isWrite) => (rights & (isWrite ? WRITE : READ)) !== 0,
  requester: source => source,
  isTranslated: unit => unit.isTranslating,
  bytesInPage: address => PAGE_SIZE_BYTES - (address % PAGE_SIZE_BYTES),
};

/** Walks second-level tables; rights of all levels are combined. */
function walk(memory: PhysicalMemory, tables: Hpa, levels: number, address: number): Remembered | number {
  let table: number = tables;
  let rights = READ | WRITE;
  for (let level = levels; level >= 1; level--) {
    const span = PAGE_SIZE_BYTES * 512 ** (level - 1);
    const at = hpa(table + ENTRY_BYTES * (Math.floor(address / span) % 512));
    const low = memory.readWordAt(at);
    const high = memory.readWordAt(hpa(at + 4));
    if (!DMA_READER.isPresent(low)) return 0;
    if (DMA_READER.defect(level, low, high) !== '') return DmaFault.entryReserved;
    rights &= DMA_READER.rights(low, high);
    const next = (high & ADDRESS_HIGH) * TWO32 + ((low & ~0xfff) >>> 0);
    if (DMA_READER.isLeaf(level, low)) {
      const inside = Math.floor((address % span) / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
      return { frame: next - (next % span) + inside, rights };
    }
    table = next;
  }
  return 0;
}

/** Translates a request through the tables that the unit was given; any tables are allowed. */
export function translateDma(
  memory: PhysicalMemory,
  unit: Iommu,
  iotlb: Iotlb,
  ops: DmaOps,
  { source, address, isWrite }: DmaRequest,
): DmaTranslation {
  if (!ops.isTranslated(unit)) return { kind: 'physical', address };
  const requester = ops.requester(source);
  const context = readContextOf(memory, unit.rootTable, requester);
  if (context === 'no-root') return blocked(DmaFault.rootNotPresent);
  if (context === 'root-reserved') return blocked(DmaFault.rootReserved);
  if (context === undefined) return blocked(DmaFault.contextNotPresent);
  const isSilent = context.faultsDisabled;
  if (context.defect !== '') return blocked(DmaFault.contextReserved, isSilent);
  if (context.translationType === PASS_THROUGH) return { kind: 'physical', address };
  if (context.translationType !== 0) return blocked(DmaFault.contextInvalid, isSilent);
  if (address >= PAGE_SIZE_BYTES * 512 ** context.levels) return blocked(DmaFault.beyondWidth, isSilent);
  const denied = isWrite ? DmaFault.writeDenied : DmaFault.readDenied;
  const page = Math.floor(address / PAGE_SIZE_BYTES);
  const tag = ops.iotlbTag(context.domainId, page);
  let found = iotlb.get(tag);
  if (found === undefined) {
    const walked = walk(memory, context.tables, context.levels, address);
    if (typeof walked === 'number') return blocked(walked === 0 ? denied : walked, isSilent);
    found = walked;
    iotlb.set(tag, found);
  }
  if (!ops.permits(found.rights, isWrite)) return blocked(denied, isSilent);
  return { kind: 'physical', address: found.frame + (address % PAGE_SIZE_BYTES) };
}
