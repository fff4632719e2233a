import { MEMORY_BLOCKS } from './policy-hardware.ts';
import type { Region } from './policy-memory.ts';

/** Placement class of the toolchain: files first, then filled system regions, other filled ones, uninitialised ones. */
function placementClass(region: Region): number {
  if (region.content?.kind === 'file') return 0;
  if (region.content?.kind === 'fill') return region.type.startsWith('system') ? 1 : 2;
  return 3;
}

/** Gives every region an address: class by class, large before small, then by name; first fit at the lowest address. */
export function placeRegions(regions: readonly Region[]): (Region & { readonly address: number })[] {
  const taken = regions.flatMap(({ address, sizeBytes }): [number, number][] =>
    address === undefined ? [] : [[address, sizeBytes]],
  );
  const isFree = (start: number, size: number): boolean =>
    taken.every(([from, length]) => start + size <= from || start >= from + length);
  const order = regions
    .filter(({ address }) => address === undefined)
    .sort((a, b) => placementClass(a) - placementClass(b) || b.sizeBytes - a.sizeBytes || (a.name < b.name ? -1 : 1));
  const placed = new Map<string, number>();
  for (const { name, sizeBytes } of order) {
    const candidates = MEMORY_BLOCKS.filter(block => block.allocatable).flatMap(block => {
      const ends = taken.map(([from, length]) => from + length).filter(end => end > block.address);
      return [block.address, ...ends.sort((a, b) => a - b)].filter(
        start => start + sizeBytes <= block.address + block.sizeBytes,
      );
    });
    const address = candidates.find(start => isFree(start, sizeBytes));
    if (address === undefined) throw new Error(`no memory left for ${name}`);
    taken.push([address, sizeBytes]);
    placed.set(name, address);
  }
  return regions.map(region => ({ ...region, address: region.address ?? placed.get(region.name)! }));
}
