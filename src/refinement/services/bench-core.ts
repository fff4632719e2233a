import type { DataspaceFacts, RegionMap } from '../../impl/genode/core/region-map.ts';
import { type RegionMapOps, type RegionMapStore, RegionMapTable } from '../../impl/genode/core/region-map-table.ts';
import type { CoreAccess, RegionMapAccess } from '../../impl/genode/services/core-access.ts';

/** Memory that dataspaces are in. */
export interface BenchMemory {
  readonly memory: Map<number, Uint8Array>;
  read(dataspace: number, offset: number, sizeBytes: number): Uint8Array;
  write(dataspace: number, offset: number, bytes: Uint8Array): void;
}

/** Numbers of dataspaces that stand for region maps: no other dataspace of a bench has so large a one. */
const FIRST_MANAGED = 1_000_000;

/** What core lends its own services, on plain memory. */
export class BenchCore implements CoreAccess, RegionMapStore {
  readonly #bench: BenchMemory;
  maps: ReadonlyMap<number, RegionMap> = new Map();
  readonly regionMaps: RegionMapAccess;
  /** Events of the subject that were raised. */
  readonly raised: number[] = [];
  /** A service wants to run on. */
  isAgain = false;

  constructor(bench: BenchMemory, ops: RegionMapOps) {
    this.#bench = bench;
    const table = new RegionMapTable(ops, this);
    this.regionMaps = {
      create: (map, sizeBytes) => table.create(map, sizeBytes),
      destroy: map => table.destroy(map),
      attach: (map, dataspace, attributes) => table.attach(map, dataspace, attributes),
      detach: (map, at) => table.detach(map, at),
      dataspace: map => (this.maps.has(map) ? FIRST_MANAGED + map : 0),
      faultOf: (map, address, access) => table.faultOf(map, address, access),
      read: (map, address, sizeBytes, access) => table.read(map, address, sizeBytes, access),
      write: (map, address, bytes) => table.write(map, address, bytes),
    };
  }

  factsOf(dataspace: number): DataspaceFacts | undefined {
    const map = this.maps.get(dataspace - FIRST_MANAGED);
    const sizeBytes = map?.sizeBytes ?? this.#bench.memory.get(dataspace)?.length;
    if (sizeBytes === undefined) return undefined;
    const regionMap = map === undefined ? undefined : dataspace - FIRST_MANAGED;
    return {
      sizeBytes,
      isWritable: true,
      isExecutable: true,
      address: regionMap === undefined ? 0 : undefined,
      regionMap,
    };
  }

  read(dataspace: number, offset: number, sizeBytes: number): Uint8Array {
    return this.#bench.read(dataspace, offset, sizeBytes);
  }

  write(dataspace: number, offset: number, bytes: Uint8Array): void {
    this.#bench.write(dataspace, offset, bytes);
  }

  dmaAddress(dataspace: number): number {
    return this.#bench.memory.has(dataspace) ? 0x100_0000 * dataspace : 0;
  }

  raise(event: number): void {
    this.raised.push(event);
  }

  again(): void {
    this.isAgain = true;
  }
}
