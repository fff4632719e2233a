import type { AttachAttributes, AttachError, Region } from '../core/region-map.ts';
import type { RegionFault } from '../core/region-map-table.ts';

/** Address spaces as core's own services use them, by the number of their objects. */
export interface RegionMapAccess {
  create(map: number, sizeBytes: number): void;
  destroy(map: number): void;
  attach(map: number, dataspace: number, attributes: AttachAttributes): Region | AttachError;
  detach(map: number, at: number): void;
  /** Dataspace that stands for a map, always the same; 0 if there is no such map. */
  dataspace(map: number): number;
  faultOf(map: number, address: number, access: RegionFault['access']): RegionFault | undefined;
  read(
    map: number,
    address: number,
    sizeBytes: number,
    access: 'READ' | 'EXEC',
  ): { readonly bytes: Uint8Array; readonly fault: RegionFault | undefined };
  write(map: number, address: number, bytes: Uint8Array): RegionFault | undefined;
}

/** What core's own services may use besides what every service may. */
export interface CoreAccess {
  readonly regionMaps: RegionMapAccess;
  /** Address at which devices reach a dataspace; 0 for one that has none. */
  dmaAddress(dataspace: number): number;
  /** Raises a vmcall event of the subject. */
  raise(event: number): void;
  /** Lets `wake` come again after what waits already. */
  again(): void;
}
