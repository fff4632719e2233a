import { type RegionMapStore, RegionMapTable } from '../core/region-map-table.ts';
import type { CoreAccess, RegionMapAccess } from '../services/core-access.ts';
import { CORE, type Workspace } from './workspace.ts';

/** Key of the map behind an object: components have the small ones. */
const OBJECT_MAPS = 0x100_0000;

/** The instance's maps and the memory of the subject, by the numbers of dataspaces. */
const storeOf = (ws: Workspace): RegionMapStore => ({
  get maps() {
    return ws.state.maps;
  },
  set maps(maps) {
    ws.change({ maps });
  },
  factsOf: dataspace => {
    const facts = ws.state.dataspaces[dataspace];
    return facts?.isAlive === true ? facts : undefined;
  },
  read: (dataspace, offset, sizeBytes) => ws.guest.read(ws.state.dataspaces[dataspace]!.address! + offset, sizeBytes),
  write: (dataspace, offset, bytes) => ws.guest.write(ws.state.dataspaces[dataspace]!.address! + offset, bytes),
});

function regionMapsOf(ws: Workspace): RegionMapAccess {
  const table = new RegionMapTable(ws.ops.regionMap, storeOf(ws));
  const key = (map: number): number => OBJECT_MAPS + map;
  /** Faults name maps by their objects. */
  const named = <Fault extends { readonly map: number } | undefined>(fault: Fault): Fault =>
    fault === undefined ? fault : { ...fault, map: fault.map - OBJECT_MAPS };
  return {
    create: (map, sizeBytes) => table.create(key(map), sizeBytes),
    destroy(map) {
      const index = ws.state.dataspaces.findIndex(row => row.isAlive && row.regionMap === key(map));
      const identity = ws.state.capabilities.objects.findIndex(
        object => object.isAlive && object.kind === 'dataspace' && object.value === index,
      );
      if (index >= 0) ws.dropDataspace(index, identity);
      table.destroy(key(map));
    },
    attach: (map, dataspace, attributes) => table.attach(key(map), ws.dataspaceOf(CORE, dataspace) ?? -1, attributes),
    detach: (map, at) => table.detach(key(map), at),
    dataspace(map) {
      const known = ws.state.maps.get(key(map));
      if (known === undefined) return 0;
      const index = ws.state.dataspaces.findIndex(row => row.isAlive && row.regionMap === key(map));
      return index < 0 ? ws.managedDataspace(key(map), known.sizeBytes) : ws.capOfDataspace(CORE, index);
    },
    faultOf: (map, address, access) => named(table.faultOf(key(map), address, access)),
    read(map, address, sizeBytes, access) {
      const { bytes, fault } = table.read(key(map), address, sizeBytes, access);
      return { bytes, fault: named(fault) };
    },
    write: (map, address, bytes) => named(table.write(key(map), address, bytes)),
  };
}

/** What core's own services may use. */
export const coreAccess = (ws: Workspace): CoreAccess => ({
  regionMaps: regionMapsOf(ws),
  dmaAddress(dataspace) {
    const index = ws.dataspaceOf(CORE, dataspace);
    return index === undefined ? 0 : (ws.state.dataspaces[index]!.address ?? 0);
  },
  raise: event => ws.guest.raise(event),
  again: () => ws.post(CORE, { kind: 'wake' }),
});
