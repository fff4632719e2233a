import type { Result } from '../../units/result.ts';
import type { Finding } from '../finding.ts';
import { formatWord64 } from '../literal.ts';
import { childNamed, childrenNamed, type PolicyTree, type TreeElement } from '../tree.ts';
import { inWorkspace, type ToolOutcome, type Workspace } from '../workspace.ts';
import { FreeMemory, firstOverlap } from './free-memory.ts';

/** A region that waits for an address. */
interface Floating {
  readonly element: TreeElement;
  readonly name: string;
  readonly sizeBytes: number;
  readonly alignmentBytes: number;
}

/** A stretch of physical memory that an element describes. */
interface Stretch {
  readonly element: TreeElement;
  readonly start: number;
  readonly end: number;
}

/**
 * Gives every memory region a physical address: format A becomes format B (Muen's mucfgalloc).
 *
 * The tree is changed in place. Errors: overlapping memory blocks or device memory, a fixed region outside of free
 * memory, two regions that differ in nothing that orders them, memory that does not suffice.
 */
export function allocatePolicy(tree: PolicyTree): Result<ToolOutcome, readonly Finding[]> {
  return inWorkspace(tree, allocate);
}

function allocate(workspace: Workspace): void {
  const memory = physicalMemory(workspace);
  if (workspace.errorCount > 0) return;
  const regions = childrenNamed(workspace.section('memory'), 'memory');
  placeFixed(workspace, memory, regions);
  if (workspace.errorCount > 0) return;
  for (const pass of PASSES) {
    const waiting = regions.filter(region => region.attributes.physicalAddress === undefined && pass(region));
    placeFloating(workspace, memory, waiting);
  }
}

const isFilled = (region: TreeElement): boolean => childNamed(region, 'fill') !== undefined;
const isSystem = ({ attributes }: TreeElement): boolean => (attributes.type ?? '').startsWith('system');

/** Which regions each pass places; a region is placed by the first pass that takes it. */
const PASSES: readonly ((region: TreeElement) => boolean)[] = [
  region => childNamed(region, 'file') !== undefined,
  region => isFilled(region) && isSystem(region),
  isFilled,
  () => true,
];

function physicalMemory(workspace: Workspace): FreeMemory {
  const blocks = workspace.all('hardware/memory/memoryBlock').map(element => ({
    ...stretchOf(workspace, element),
    allocatable: element.attributes.allocatable !== 'false',
  }));
  const devices = workspace.all('hardware/devices/device/memory').map(element => stretchOf(workspace, element));
  const overlap = firstOverlap([...blocks, ...devices].sort((a, b) => a.start - b.start || a.end - b.end));
  if (overlap !== undefined) {
    const [first, second] = overlap;
    const message = `${describe(first)} and ${describe(second)} overlap`;
    workspace.report(second.element, 'ALLOC-OVERLAP', message, 'Correct the address or the size of one of them.');
  }
  return new FreeMemory(blocks, devices);
}

function stretchOf(workspace: Workspace, element: TreeElement): Stretch {
  const start = workspace.word(element, 'physicalAddress');
  return { element, start, end: start + workspace.word(element, 'size') };
}

const describe = ({ element, start, end }: Stretch): string =>
  `${element.name === 'memoryBlock' ? 'memory block' : 'device memory'} '${element.attributes.name ?? ''}' (${formatWord64(BigInt(start))} .. ${formatWord64(BigInt(Math.max(start, end - 1)))})`;

function placeFixed(workspace: Workspace, memory: FreeMemory, regions: readonly TreeElement[]): void {
  for (const region of regions) {
    if (region.attributes.physicalAddress === undefined) continue;
    const { start, end } = stretchOf(workspace, region);
    if (memory.takeFixed(start, end - start)) continue;
    const message = `memory region '${region.attributes.name ?? ''}' at ${region.attributes.physicalAddress} does not lie in one free memory block or one device memory`;
    workspace.report(region, 'ALLOC-FIXED', message, 'Correct its physicalAddress or size, or remove the address.');
  }
}

/** Largest first, then the coarsest alignment, then by name; each at the lowest address where it fits. */
function placeFloating(workspace: Workspace, memory: FreeMemory, regions: readonly TreeElement[]): void {
  const floating = regions
    .map(element => ({
      element,
      name: workspace.text(element, 'name'),
      sizeBytes: workspace.word(element, 'size'),
      alignmentBytes: element.attributes.alignment === undefined ? 0x1000 : workspace.word(element, 'alignment'),
    }))
    .sort(inAllocationOrder);
  floating.forEach((region, index) => {
    const previous = floating[index - 1];
    if (previous !== undefined && inAllocationOrder(previous, region) === 0) {
      const message = `two memory regions are called '${region.name}' and have the same size and alignment`;
      workspace.refuse(region.element, 'ALLOC-DUPLICATE', message, 'Rename one of them.');
    }
    place(workspace, memory, region);
  });
}

const inAllocationOrder = (a: Floating, b: Floating): number =>
  b.sizeBytes - a.sizeBytes || b.alignmentBytes - a.alignmentBytes || byteOrder(a.name, b.name);

/** Order of the names' UTF-8 bytes. */
function byteOrder(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function place(workspace: Workspace, memory: FreeMemory, region: Floating): void {
  const { element, name, sizeBytes, alignmentBytes } = region;
  if (alignmentBytes === 0) {
    workspace.refuse(element, 'ALLOC-ALIGNMENT', `memory region '${name}' has the alignment 0`, 'Write 16#1000#.');
  }
  const start = memory.takeFirst(sizeBytes, alignmentBytes) ?? outOfMemory(workspace, memory, region);
  element.attributes.physicalAddress = formatWord64(BigInt(start));
}

function outOfMemory(workspace: Workspace, memory: FreeMemory, { element, name, sizeBytes }: Floating): never {
  const [wanted, free] = [sizeBytes, memory.freeBytes].map(bytes => formatWord64(BigInt(bytes)));
  const message = `memory region '${name}' of ${wanted} bytes finds no free memory (${free} bytes are free)`;
  const hint = 'Make regions smaller or use hardware with more memory.';
  return workspace.refuse(element, 'ALLOC-OUT-OF-MEMORY', message, hint);
}
