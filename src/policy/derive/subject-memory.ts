import type { MemoryMapping, MemoryRegion, MemoryType, PolicyDocument, Subject } from '../document.ts';

/** A mapping of a subject together with the region that it shows. */
export interface MappedRegion {
  readonly mapping: MemoryMapping;
  readonly region: MemoryRegion;
}

/** Mapped memory regions of a subject in document order; mappings of regions that do not exist are left out. */
export function mappedRegions(document: PolicyDocument, subject: Subject): readonly MappedRegion[] {
  const regions = new Map(document.memory.map(region => [region.name, region]));
  return subject.memory.flatMap(mapping => {
    const region = regions.get(mapping.physical);
    return region === undefined ? [] : [{ mapping, region }];
  });
}

/** Address at which a subject sees its first region of a type. */
export const addressOfType = (mapped: readonly MappedRegion[], type: MemoryType): number | undefined =>
  mapped.find(({ region }) => region.type === type)?.mapping.virtualAddress;
