import type { MemoryRegion, PolicyDocument, SourcePosition } from '../../policy/document.ts';
import type { Finding } from '../../policy/finding.ts';

/** Memory regions by name; a missing one becomes a finding, so that compilation can go on and report all of them. */
export class RegionIndex {
  readonly #regions: ReadonlyMap<string, MemoryRegion>;
  readonly #findings: Finding[];

  constructor(document: PolicyDocument, findings: Finding[]) {
    this.#regions = new Map(document.memory.map(region => [region.name, region]));
    this.#findings = findings;
  }

  /** Host-physical address of a region that `at` needs. */
  address(name: string, at: SourcePosition): number {
    const region = this.#regions.get(name);
    if (region !== undefined) return region.physicalAddress;
    this.#findings.push({
      code: 'COMPILE-REGION',
      severity: 'error',
      message: `memory region '${name}' is needed but not in the policy`,
      line: at.line,
      column: at.column,
      hint: 'expand the policy with mucfgexpand, which adds the kernel-managed regions',
    });
    return 0;
  }

  /** Size in bytes, 0 for an unknown region. */
  size(name: string): number {
    return this.#regions.get(name)?.sizeBytes ?? 0;
  }
}
