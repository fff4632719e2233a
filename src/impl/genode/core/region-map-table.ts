import {
  type AttachAttributes,
  type AttachError,
  attach,
  createRegionMap,
  type DataspaceFacts,
  detach,
  type FaultKind,
  locate,
  type Region,
  type RegionMap,
  reaches,
} from './region-map.ts';

/** An access that nothing was attached for, or that is not allowed: of which map, and where in it. */
export interface RegionFault {
  readonly map: number;
  readonly access: Exclude<FaultKind, 'NONE'>;
  readonly address: number;
}

/** Where region maps and the memory behind them are kept. */
export interface RegionMapStore {
  maps: ReadonlyMap<number, RegionMap>;
  factsOf(dataspace: number): DataspaceFacts | undefined;
  read(dataspace: number, offset: number, sizeBytes: number): Uint8Array;
  write(dataspace: number, offset: number, bytes: Uint8Array): void;
}

/** Leaf decisions of region maps; a seeded fault replaces one of them. */
export interface RegionMapOps {
  /** True if a region may be written, as it was attached and as its dataspace is. */
  mayWrite(asAttached: boolean, asDataspace: boolean): boolean;
  /** True if a map may be attached, given that this would close a circle. */
  mayNest(isCircle: boolean): boolean;
}

export const regionMapOps: RegionMapOps = {
  mayWrite: (asAttached, asDataspace) => asAttached && asDataspace,
  mayNest: isCircle => !isCircle,
};

/** Address spaces as objects: attachments, and accesses through them. */
export class RegionMapTable {
  readonly #ops: RegionMapOps;
  readonly #store: RegionMapStore;

  constructor(ops: RegionMapOps, store: RegionMapStore) {
    this.#ops = ops;
    this.#store = store;
  }

  #set(map: number, value: RegionMap | undefined): void {
    const maps = new Map(this.#store.maps);
    if (value === undefined) maps.delete(map);
    else maps.set(map, value);
    this.#store.maps = maps;
  }

  create(map: number, sizeBytes: number): void {
    this.#set(map, createRegionMap(sizeBytes));
  }

  destroy(map: number): void {
    this.#set(map, undefined);
  }

  attach(map: number, dataspace: number, attributes: AttachAttributes): Region | AttachError {
    const known = this.#store.maps.get(map);
    if (known === undefined) return 'INVALID_DATASPACE';
    const factsOf = (id: number): DataspaceFacts | undefined => this.#store.factsOf(id);
    const facts = factsOf(dataspace);
    if (!this.#ops.mayNest(reaches(this.#store.maps, factsOf, dataspace, map))) return 'INVALID_DATASPACE';
    const isWritable = this.#ops.mayWrite(attributes.writeable, facts?.isWritable === true);
    const done = attach(known, dataspace, facts === undefined ? undefined : { ...facts, isWritable }, {
      ...attributes,
      writeable: isWritable,
    });
    this.#set(map, done.map);
    return done.result;
  }

  detach(map: number, at: number): void {
    const known = this.#store.maps.get(map);
    if (known !== undefined) this.#set(map, detach(known, at));
  }

  #locate(map: number, address: number, access: RegionFault['access']) {
    return locate(this.#store.maps, id => this.#store.factsOf(id), map, address, access);
  }

  /** The fault that an access to one byte would be, undefined if it would be none. */
  faultOf(map: number, address: number, access: RegionFault['access']): RegionFault | undefined {
    const place = this.#locate(map, address, access);
    return place.kind === 'fault' ? { map: place.map, address: place.address, access } : undefined;
  }

  /** Pieces of a range that lie side by side in one dataspace each, up to the first byte that is not there. */
  #pieces(map: number, address: number, sizeBytes: number, access: RegionFault['access']) {
    const pieces: { dataspace: number; offset: number; sizeBytes: number }[] = [];
    for (let done = 0; done < sizeBytes; done++) {
      const place = this.#locate(map, address + done, access);
      if (place.kind === 'fault') return { pieces, fault: { map: place.map, address: place.address, access } };
      const last = pieces.at(-1);
      if (last !== undefined && last.dataspace === place.dataspace && last.offset + last.sizeBytes === place.offset)
        last.sizeBytes += 1;
      else pieces.push({ dataspace: place.dataspace, offset: place.offset, sizeBytes: 1 });
    }
    return { pieces, fault: undefined };
  }

  /** Bytes from an address; as many as there are, and the fault that the next one would be. */
  read(
    map: number,
    address: number,
    sizeBytes: number,
    access: 'READ' | 'EXEC',
  ): { readonly bytes: Uint8Array; readonly fault: RegionFault | undefined } {
    const { pieces, fault } = this.#pieces(map, address, sizeBytes, access);
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(this.#store.read(piece.dataspace, piece.offset, piece.sizeBytes), at);
      at += piece.sizeBytes;
    }
    return { bytes, fault };
  }

  /** Writes bytes; nothing is written if one of them cannot be. */
  write(map: number, address: number, bytes: Uint8Array): RegionFault | undefined {
    const { pieces, fault } = this.#pieces(map, address, bytes.length, 'WRITE');
    if (fault !== undefined) return fault;
    let at = 0;
    for (const { dataspace, offset, sizeBytes } of pieces) {
      this.#store.write(dataspace, offset, bytes.subarray(at, at + sizeBytes));
      at += sizeBytes;
    }
    return undefined;
  }
}
