import type { MemoryType, PolicyDocument } from '../policy/document.ts';
import { formatAddress } from '../units/address.ts';

/** Named stretch of physical memory: a region of the policy or a device's memory. */
export interface PhysicalPlace {
  readonly name: string;
  readonly type: MemoryType | 'device';
  readonly base: number;
  readonly sizeBytes: number;
  readonly line: number;
}

/** All named physical memory of a policy, by ascending address. */
export interface PhysicalAtlas {
  readonly places: readonly PhysicalPlace[];
}

export function createAtlas(document: PolicyDocument): PhysicalAtlas {
  const regions = document.memory.map(region => ({
    name: region.name,
    type: region.type,
    base: region.physicalAddress,
    sizeBytes: region.sizeBytes,
    line: region.at.line,
  }));
  const devices = document.hardware.devices.flatMap(device =>
    device.memory.map(memory => ({
      name: `${device.name}/${memory.name}`,
      type: 'device' as const,
      base: memory.physicalAddress,
      sizeBytes: memory.sizeBytes,
      line: memory.at.line,
    })),
  );
  return { places: [...regions, ...devices].sort((a, b) => a.base - b.base) };
}

/** Places that share at least one byte with [base, base + sizeBytes), by ascending address. */
export function placesWithin(atlas: PhysicalAtlas, base: number, sizeBytes: number): readonly PhysicalPlace[] {
  return atlas.places.filter(place => place.base < base + sizeBytes && base < place.base + place.sizeBytes);
}

/** Names a place with its owner: names of the form `owner|region` say whose it is (Muen: mucfgexpand). */
export function describePlace(place: PhysicalPlace): string {
  if (place.type === 'device') return `device memory '${place.name}'`;
  const bar = place.name.indexOf('|');
  const owner = bar > 0 ? ` of '${place.name.slice(0, bar)}'` : '';
  return `region '${place.name}'${owner}, type ${place.type}`;
}

/** Names the physical memory from `base`, for messages. */
export function describePhysical(atlas: PhysicalAtlas, base: number, sizeBytes: number): string {
  const places = placesWithin(atlas, base, sizeBytes);
  const [first] = places;
  if (first === undefined) return `hpa ${formatAddress(base)} (in no region of the policy)`;
  const more = places.length > 1 ? ` and ${places.length - 1} more` : '';
  return `hpa ${formatAddress(base)} (${describePlace(first)}${more})`;
}
