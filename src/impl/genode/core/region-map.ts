import { PAGE_BYTES, wholePages } from './ram.ts';

/** Dataspace as a region map needs it. */
export interface DataspaceFacts {
  readonly sizeBytes: number;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
  /** Guest-physical address; undefined for a region map that is used as a dataspace. */
  readonly address: number | undefined;
  /** Region map that a managed dataspace stands for. */
  readonly regionMap: number | undefined;
}

/** A dataspace, or a part of it, in an address space. */
export interface Region {
  readonly dataspace: number;
  readonly at: number;
  readonly sizeBytes: number;
  /** Offset in the dataspace. */
  readonly offset: number;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
}

export type FaultKind = 'NONE' | 'READ' | 'WRITE' | 'EXEC';

/** An address space (Genode `Region_map`); regions do not overlap. */
export interface RegionMap {
  readonly sizeBytes: number;
  readonly regions: readonly Region[];
}

export interface AttachAttributes {
  /** 0 for all of the dataspace from the offset on. */
  readonly sizeBytes: number;
  readonly offset: number;
  readonly useAt: boolean;
  readonly at: number;
  readonly executable: boolean;
  readonly writeable: boolean;
}

export type AttachError = 'REGION_CONFLICT' | 'INVALID_DATASPACE';

export const createRegionMap = (sizeBytes: number): RegionMap => ({ sizeBytes, regions: [] });

const overlaps = (region: Region, at: number, sizeBytes: number): boolean =>
  at < region.at + region.sizeBytes && region.at < at + sizeBytes;

/** Lowest free place of this size; page 0 is never used. */
function freePlace({ regions, sizeBytes }: RegionMap, wanted: number): number | undefined {
  const candidates = [PAGE_BYTES, ...regions.map(region => region.at + region.sizeBytes)].sort((a, b) => a - b);
  return candidates.find(at => at + wanted <= sizeBytes && !regions.some(region => overlaps(region, at, wanted)));
}

/** Attaches a dataspace. What the dataspace forbids stays forbidden. */
export function attach(
  map: RegionMap,
  dataspace: number,
  facts: DataspaceFacts | undefined,
  attributes: AttachAttributes,
): { readonly map: RegionMap; readonly result: Region | AttachError } {
  const { offset, useAt, at: wantedAt, executable, writeable } = attributes;
  const failed = (result: AttachError) => ({ map, result });
  if (facts === undefined || offset % PAGE_BYTES !== 0 || offset >= facts.sizeBytes) return failed('INVALID_DATASPACE');
  const sizeBytes = wholePages(attributes.sizeBytes === 0 ? facts.sizeBytes - offset : attributes.sizeBytes);
  if (offset + sizeBytes > wholePages(facts.sizeBytes)) return failed('INVALID_DATASPACE');
  const at = useAt ? wantedAt : freePlace(map, sizeBytes);
  if (at === undefined || at % PAGE_BYTES !== 0 || at + sizeBytes > map.sizeBytes) return failed('REGION_CONFLICT');
  if (map.regions.some(region => overlaps(region, at, sizeBytes))) return failed('REGION_CONFLICT');
  const region: Region = {
    dataspace,
    at,
    sizeBytes,
    offset,
    isWritable: writeable && facts.isWritable,
    isExecutable: executable && facts.isExecutable,
  };
  return { map: { ...map, regions: [...map.regions, region] }, result: region };
}

/** Detaches what is attached at an address, if anything is. */
export const detach = (map: RegionMap, at: number): RegionMap => ({
  ...map,
  regions: map.regions.filter(region => !overlaps(region, at, 1)),
});

/** A dataspace is gone: no address reaches it any longer. */
export const revoke = (map: RegionMap, dataspace: number): RegionMap => ({
  ...map,
  regions: map.regions.filter(region => region.dataspace !== dataspace),
});

/** Deepest nesting of managed dataspaces that is followed. */
const MAX_DEPTH = 4;

/** Where an access to an address space ends: in a dataspace, or as a fault of the map that has nothing there. */
export type Location =
  | { readonly kind: 'dataspace'; readonly dataspace: number; readonly offset: number }
  | { readonly kind: 'fault'; readonly map: number; readonly address: number };

/**
 * Follows a virtual address through managed dataspaces. A permission must be granted on every level; a fault is of the
 * map that does not resolve it, with the address in that map.
 */
export function locate(
  maps: ReadonlyMap<number, RegionMap>,
  factsOf: (dataspace: number) => DataspaceFacts | undefined,
  mapIndex: number,
  address: number,
  access: Exclude<FaultKind, 'NONE'>,
): Location {
  let map = mapIndex;
  let place = address;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const fault: Location = { kind: 'fault', map, address: place };
    const region = maps.get(map)?.regions.find(candidate => overlaps(candidate, place, 1));
    const isGranted =
      access === 'READ' || (access === 'WRITE' ? region?.isWritable === true : region?.isExecutable === true);
    const facts = region === undefined || !isGranted ? undefined : factsOf(region.dataspace);
    if (region === undefined || facts === undefined) return fault;
    const offset = place - region.at + region.offset;
    if (facts.regionMap === undefined)
      return offset < facts.sizeBytes ? { kind: 'dataspace', dataspace: region.dataspace, offset } : fault;
    map = facts.regionMap;
    place = offset;
  }
  return { kind: 'fault', map, address: place };
}

/** Guest-physical address behind a virtual one; undefined if there is none. */
export function resolve(
  maps: ReadonlyMap<number, RegionMap>,
  dataspaces: readonly (DataspaceFacts | undefined)[],
  mapIndex: number,
  address: number,
  access: Exclude<FaultKind, 'NONE'>,
): number | undefined {
  const place = locate(maps, index => dataspaces[index], mapIndex, address, access);
  const start = place.kind === 'dataspace' ? dataspaces[place.dataspace]!.address : undefined;
  return place.kind === 'dataspace' && start !== undefined ? start + place.offset : undefined;
}

/** True if a map is reached from a dataspace, directly or through others: attaching it there would close a circle. */
export function reaches(
  maps: ReadonlyMap<number, RegionMap>,
  factsOf: (dataspace: number) => DataspaceFacts | undefined,
  dataspace: number,
  mapIndex: number,
  depth = 0,
): boolean {
  const inner = factsOf(dataspace)?.regionMap;
  if (inner === undefined) return false;
  if (inner === mapIndex || depth >= MAX_DEPTH) return true;
  const regions = maps.get(inner)?.regions ?? [];
  return regions.some(region => reaches(maps, factsOf, region.dataspace, mapIndex, depth + 1));
}
