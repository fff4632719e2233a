import type { MemoryRegion, PolicyDocument } from '../../policy/document.ts';
import { type Finding, findingAt } from '../../policy/finding.ts';

/**
 * Findings for memory that a loader restores from a given file of which the policy has no hash.
 *
 * @param given names of the memory regions whose files are given.
 */
export function unstatedHashes(document: PolicyDocument, given: ReadonlySet<string>): readonly Finding[] {
  const regions = new Map(document.memory.map(region => [region.name, region]));
  return document.memory.flatMap((restored): readonly Finding[] => {
    const source = restored.hashRef === undefined ? undefined : regions.get(restored.hashRef);
    if (source === undefined || source.hash !== undefined || !given.has(source.name)) return [];
    return [unstated(source, restored)];
  });
}

function unstated(source: MemoryRegion, restored: MemoryRegion): Finding {
  const message = `memory region '${restored.name}' is restored from '${source.name}', which has no hash: Muen's loader looks for its content by hash and would stop with an error`;
  const hint = 'Build the policy with the files, or add hashes to it as mucfgmemhashes does.';
  return findingAt(source.at, 'LOAD-HASH', 'warning', message, hint);
}
