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
  /** Latest fault that no attachment resolved. */
  readonly fault: { readonly kind: FaultKind; readonly address: number };
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

const NO_FAULT = { kind: 'NONE', address: 0 } as const;

export const createRegionMap = (sizeBytes: number): RegionMap => ({ sizeBytes, regions: [], fault: NO_FAULT });

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
  const isResolved = map.fault.kind !== 'NONE' && overlaps(region, map.fault.address, 1);
  return {
    map: { ...map, regions: [...map.regions, region], fault: isResolved ? NO_FAULT : map.fault },
    result: region,
  };
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

/**
 * Guest-physical address behind a virtual one, through managed dataspaces; the fault if there is none. A permission must
 * be granted on every level.
 */
export function resolve(
  maps: readonly RegionMap[],
  dataspaces: readonly (DataspaceFacts | undefined)[],
  mapIndex: number,
  address: number,
  access: Exclude<FaultKind, 'NONE'>,
): number | undefined {
  let index = mapIndex;
  let place = address;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const region = maps[index]?.regions.find(candidate => overlaps(candidate, place, 1));
    if (region === undefined) return undefined;
    if (access === 'WRITE' && !region.isWritable) return undefined;
    if (access === 'EXEC' && !region.isExecutable) return undefined;
    const facts = dataspaces[region.dataspace];
    if (facts === undefined) return undefined;
    place = place - region.at + region.offset;
    if (facts.address !== undefined) return place < facts.sizeBytes ? facts.address + place : undefined;
    if (facts.regionMap === undefined) return undefined;
    index = facts.regionMap;
  }
  return undefined;
}

/** Notes a fault; the thread stays paused until an attachment resolves it. */
export const noteFault = (map: RegionMap, kind: FaultKind, address: number): RegionMap => ({
  ...map,
  fault: { kind, address },
});
