import { ok, type Result } from '../units/result.ts';
import { allocatePolicy } from './allocate/allocate.ts';
import { expandPolicy } from './expand/expand.ts';
import type { Finding } from './finding.ts';
import { childNamed, elementsAt, type PolicyTree } from './tree.ts';
import type { ToolOutcome } from './workspace.ts';

/**
 * Formats of a policy, by the tools that work on them: `src` is put together and has components and all numbers, `a`
 * is expanded, `b` is allocated.
 */
export type PolicyFormat = 'src' | 'a' | 'b';

/** Format of a policy: only expanded ones have a kernel section, and in format B every region has an address. */
export function formatOf({ root }: PolicyTree): PolicyFormat {
  if (childNamed(root, 'kernel') === undefined) return 'src';
  const isFloating = elementsAt(root, 'memory/memory').some(region => region.attributes.physicalAddress === undefined);
  return isFloating ? 'a' : 'b';
}

/** Brings a policy to format A or B, in place; one that has that format already, or a later one, stays as it is. */
export function bringTo(tree: PolicyTree, format: 'a' | 'b'): Result<ToolOutcome, readonly Finding[]> {
  const findings: Finding[] = [];
  if (formatOf(tree) === 'src') {
    const expanded = expandPolicy(tree);
    if (!expanded.ok) return expanded;
    findings.push(...expanded.value.findings);
  }
  if (format === 'b' && formatOf(tree) === 'a') {
    const allocated = allocatePolicy(tree);
    if (!allocated.ok) return allocated;
    findings.push(...allocated.value.findings);
  }
  return ok({ tree, findings });
}
