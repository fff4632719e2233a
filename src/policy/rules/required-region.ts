import { formatAddress } from '../../units/address.ts';
import type { MemoryRegion, MemoryType, PolicyNode } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import type { Visit } from '../rule.ts';

/** A region that must exist. */
export interface RequiredRegion {
  readonly name: string;
  readonly types: readonly MemoryType[];
  /** Exact size; absent where another rule or none looks at it. */
  readonly sizeBytes?: number;
  /** Node that demands the region, and how it is called. */
  readonly node: PolicyNode;
  readonly whom: string;
}

/** Reports a missing region, a wrong type or a wrong size; returns the region that is there. */
export function requireRegion(
  { regions }: PolicyIndex,
  visit: Visit,
  { name, types, sizeBytes, node, whom }: RequiredRegion,
): MemoryRegion | undefined {
  visit.examined();
  const region = regions.get(name);
  if (region === undefined) {
    const size = sizeBytes === undefined ? '' : `, ${formatAddress(sizeBytes)} bytes`;
    const hint = `mucfgexpand adds it; add a region '${name}' of type ${types.join(' or ')}${size}.`;
    visit.report(node, `the memory region '${name}' of ${whom} does not exist`, hint);
    return undefined;
  }
  if (!types.includes(region.type)) {
    const message = `region '${name}' has type ${region.type}, expected ${types.join(' or ')}`;
    visit.report(region, message, 'Correct the type.');
  }
  if (sizeBytes !== undefined) requireSize(visit, region, sizeBytes);
  return region;
}

/** Reports a region whose size is not the one expected. */
export function requireSize(visit: Visit, region: MemoryRegion, sizeBytes: number): void {
  if (region.sizeBytes === sizeBytes) return;
  const message = `region '${region.name}' has ${formatAddress(region.sizeBytes)} bytes, expected ${formatAddress(sizeBytes)}`;
  visit.report(region, message, 'Correct the size.');
}
