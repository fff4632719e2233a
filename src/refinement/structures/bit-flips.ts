import { addressSpaceKind } from '../../impl/muen/address-spaces.ts';
import { dmaAddressBits } from '../../model/dma-grants.ts';
import type { MemoryRegion, PolicyDocument } from '../../policy/document.ts';
import { frameOf, hpa, pageOffset } from '../../units/address.ts';
import { ignoredPagingBit, ignoredWideBit, type PagingFormat, tableLevels } from './ignored-bits.ts';
import { type StructureItem, type StructureKind, type StructureMemory, structureItems } from './items.ts';

/** A structure whose bits can be flipped. */
export interface FlipTarget {
  /** For counts: `ept`, `ia32e`, `dma`, or the type of table. */
  readonly kind: string;
  readonly region: MemoryRegion;
  readonly sizeBytes: number;
  /** What is judged again after a flip. */
  readonly items: readonly StructureItem[];
  /** Why the flip of a bit (0 .. 7) of a byte changes no access; empty if it must be found. */
  ignored(offset: number, bit: number): string;
}

/** What a flip did. */
export interface FlipOutcome {
  readonly detected: boolean;
  /** Why the bit does not matter; empty if it does. */
  readonly ignored: string;
}

const KINDS: readonly StructureKind[] = [
  'subject-page-tables',
  'kernel-page-tables',
  'io-bitmaps',
  'msr-bitmaps',
  'msr-stores',
  'vtd-tables',
  'interrupt-remapping',
  'subject-info',
];

/** Table format of a page-table region. */
function pagingFormat(document: PolicyDocument, region: MemoryRegion): PagingFormat {
  if (region.name.startsWith('vtd_')) return 'dma';
  const subject = document.subjects.find(({ name }) => region.name === `${name}|pt`);
  return subject === undefined ? 'ia32e' : addressSpaceKind(subject);
}

const WIDE = {
  system_vtd_root: 'root',
  system_vtd_context: 'context',
  system_vtd_ir: 'remapping',
} as const;

/** First byte of the hashes in subject information, its distance and length (muen.md 5.7). */
const HASHES = { first: 80 + 72 + 24, stride: 128, bytes: 32 };

/** True if a byte of subject information belongs to the hash of memory whose hash the policy does not state. */
function isUnstatedHash(document: PolicyDocument, region: MemoryRegion, offset: number): boolean {
  const subject = document.subjects.find(({ name }) => region.name === `${name}|sinfo`);
  const index = Math.floor((offset - HASHES.first) / HASHES.stride);
  const isHash = offset >= HASHES.first && (offset - HASHES.first) % HASHES.stride < HASHES.bytes;
  const mapping = isHash ? subject?.memory[index] : undefined;
  const target = document.memory.find(({ name }) => name === mapping?.physical);
  if (target === undefined) return false;
  const stated = target.hash ?? document.memory.find(({ name }) => name === target.hashRef)?.hash;
  return stated === undefined && (target.content !== undefined || target.hashRef !== undefined);
}

function flipTarget(world: StructureMemory, region: MemoryRegion, items: readonly StructureItem[]): FlipTarget {
  const { document, memory } = world;
  const base = { region, sizeBytes: world.sizeOf(region.name), items };
  if (region.type === 'system_pt') {
    const format = pagingFormat(document, region);
    const topLevel = format === 'dma' && dmaAddressBits(document) === 39 ? 3 : 4;
    let levels: ReadonlyMap<number, number> | undefined;
    return {
      ...base,
      kind: format,
      ignored: (offset, bit) => {
        levels ??= tableLevels(memory, region.physicalAddress, format, topLevel);
        const entry = region.physicalAddress + offset - (offset % 8);
        return ignoredPagingBit(memory, format, levels, entry, (offset % 8) * 8 + bit);
      },
    };
  }
  const kind = region.type in WIDE ? WIDE[region.type as keyof typeof WIDE] : undefined;
  if (kind !== undefined) {
    return {
      ...base,
      kind: region.type,
      ignored: (offset, bit) =>
        ignoredWideBit(memory, kind, region.physicalAddress + offset - (offset % 16), (offset % 16) * 8 + bit),
    };
  }
  return {
    ...base,
    kind: region.type,
    ignored: offset =>
      region.type === 'subject_info' && isUnstatedHash(document, region, offset)
        ? 'content hash that the policy does not state'
        : '',
  };
}

/** Bytes of a structure that are read: a region may be larger. */
const READ_BYTES: Partial<Record<MemoryRegion['type'], number>> = { subject_info: 32720 };

/** All structures of a policy that `has` says are there, with the number of bytes that are read. */
export function flipTargets(world: StructureMemory, has: (region: string) => boolean): readonly FlipTarget[] {
  const items = KINDS.flatMap(kind => structureItems(world.document, kind)).filter(item => item.regions.every(has));
  const targets = new Map<string, StructureItem[]>();
  for (const item of items)
    for (const region of item.regions) targets.set(region, [...(targets.get(region) ?? []), item]);
  return [...targets].flatMap(([name, using]) => {
    const region = world.document.memory.find(candidate => candidate.name === name);
    if (region === undefined) return [];
    const target = flipTarget(world, region, using);
    const stored =
      region.type === 'kernel_msrstore' ? using.map(item => item.judge(world).entries * 16)[0]! : undefined;
    const most = stored ?? READ_BYTES[region.type] ?? target.sizeBytes;
    return [{ ...target, sizeBytes: Math.min(target.sizeBytes, most) }];
  });
}

const flip = ({ memory }: StructureMemory, address: number, bit: number): void => {
  const slot = memory.slotOf(frameOf(hpa(address)));
  const offset = pageOffset(address);
  memory.writeByte(slot, offset, memory.readByte(slot, offset) ^ (1 << bit));
};

/** What the judges of a structure say, as text. */
export const judgedText = (world: StructureMemory, target: FlipTarget): string =>
  JSON.stringify(
    target.items.map(item => {
      const { differences, differenceCount } = item.judge(world);
      return [differenceCount, differences.map(({ message }) => message)];
    }),
  );

/** Flips one bit, judges everything that reads it, and flips it back. `before` is what the judges say of the unchanged structure. */
export function tryFlip(
  world: StructureMemory,
  target: FlipTarget,
  offset: number,
  bit: number,
  before: string,
): FlipOutcome {
  const ignored = target.ignored(offset, bit);
  const address = target.region.physicalAddress + offset;
  flip(world, address, bit);
  const detected = judgedText(world, target) !== before;
  flip(world, address, bit);
  return { detected, ignored };
}
