import { formatAddress } from '../../units/address.ts';
import type { MemoryRegion, MemoryType, PolicyNode } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import type { Visit } from '../rule.ts';

/** A region that must exist; `exact` demands its size, otherwise it is a minimum. */
export interface RequiredRegion {
  readonly name: string;
  readonly types: readonly MemoryType[];
  readonly sizeBytes: number;
  readonly exact: boolean;
  /** Node that demands the region, and how it is called. */
  readonly node: PolicyNode;
  readonly whom: string;
}

/** Reports a missing region, a wrong type or a wrong size; returns the region that is there. */
export function requireRegion(
  { regions }: PolicyIndex,
  visit: Visit,
  required: RequiredRegion,
): MemoryRegion | undefined {
  visit.examined();
  const { name, types, sizeBytes, exact, node, whom } = required;
  const region = regions.get(name);
  if (region === undefined) {
    const hint = `mucfgexpand adds it; add a region '${name}' of type ${types.join(' or ')}, ${formatAddress(sizeBytes)} bytes.`;
    visit.report(node, `the memory region '${name}' of ${whom} does not exist`, hint);
    return undefined;
  }
  if (!types.includes(region.type)) {
    visit.report(
      region,
      `region '${name}' has type ${region.type}, expected ${types.join(' or ')}`,
      'Correct the type.',
    );
  }
  if (exact ? region.sizeBytes !== sizeBytes : region.sizeBytes < sizeBytes) {
    const relation = exact ? 'expected' : 'expected at least';
    const message = `region '${name}' has ${formatAddress(region.sizeBytes)} bytes, ${relation} ${formatAddress(sizeBytes)}`;
    visit.report(region, message, 'Correct the size.');
  }
  return region;
}
