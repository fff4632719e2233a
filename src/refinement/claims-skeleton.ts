import type { FlowGraph } from '../model/flow-policy.ts';
import { findPath, relays } from './claims.ts';

/** A flow claim by names. */
export interface FlowClaim {
  readonly from: string;
  readonly to: string;
  /** Empty: nothing may flow at all. */
  readonly via: readonly string[];
}

/** Claims that a policy fulfils as it is. */
export interface ClaimsSkeleton {
  readonly noFlow: readonly FlowClaim[];
  readonly onlyVia: readonly FlowClaim[];
}

const NONE: ReadonlySet<string> = new Set();

/** Parties through which every path from one to another passes; where no single one is, those that reach the other directly. */
function gates(graph: FlowGraph, from: string, to: string): readonly string[] {
  const between = graph.nodes.map(({ id }) => id).filter(id => id !== from && id !== to && relays(graph, id));
  const single = between.find(id => findPath(graph, from, to, new Set([id])) === undefined);
  if (single !== undefined) return [single];
  return between.filter(
    id => graph.allowsDirect(id, to).length > 0 && findPath(graph, from, id, new Set([to])) !== undefined,
  );
}

/**
 * The strictest flow claims between the named subjects that the policy fulfils as it is: who does not reach whom, and who
 * reaches whom only through others. Pairs with a direct flow need no claim.
 */
export function claimsSkeleton(graph: FlowGraph, subjects: readonly string[]): ClaimsSkeleton {
  const noFlow: FlowClaim[] = [];
  const onlyVia: FlowClaim[] = [];
  for (const from of subjects) {
    for (const to of subjects) {
      if (from === to || graph.allowsDirect(from, to).length > 0) continue;
      if (findPath(graph, from, to, NONE) === undefined) noFlow.push({ from, to, via: [] });
      else onlyVia.push({ from, to, via: gates(graph, from, to) });
    }
  }
  return { noFlow, onlyVia };
}
