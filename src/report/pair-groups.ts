import type { PairCount } from '../engine/verdict.ts';

/** Excluded pairs with the same cause. */
export interface PairGroup {
  readonly pairs: number;
  /** The whole reason if all pairs have the same, else the common part and how often each mechanism occurs. */
  readonly reason: string;
}

interface Cause {
  pairs: number;
  readonly reasons: Set<string>;
  readonly mechanisms: Map<string, number>;
}

const byCount = (left: readonly [string, number], right: readonly [string, number]): number =>
  right[1] - left[1] || (left[0] < right[0] ? -1 : 1);

function describe(head: string, { reasons, mechanisms }: Cause): string {
  const [only] = reasons;
  if (reasons.size === 1 && only !== undefined) return only;
  const counts = [...mechanisms].sort(byCount).map(([mechanism, pairs]) => `${mechanism} ${pairs}`);
  return `${head}: ${counts.join(', ')}`;
}

/**
 * Groups excluded pairs by the part of their reason before the first colon, most frequent first.
 *
 * Reasons of one group that differ are counted by their first word after the colon: the mechanism of a flow.
 */
export function groupExclusions(pairs: readonly PairCount[]): readonly PairGroup[] {
  const causes = new Map<string, Cause>();
  for (const { excluded } of pairs) {
    if (excluded === undefined) continue;
    const [head = '', detail = ''] = excluded.split(/: (.*)/s);
    const cause = causes.get(head) ?? { pairs: 0, reasons: new Set(), mechanisms: new Map() };
    const mechanism = detail.split(' ')[0] ?? '';
    cause.pairs += 1;
    cause.reasons.add(excluded);
    cause.mechanisms.set(mechanism, (cause.mechanisms.get(mechanism) ?? 0) + 1);
    causes.set(head, cause);
  }
  return [...causes]
    .map(([head, cause]) => ({ pairs: cause.pairs, reason: describe(head, cause) }))
    .sort((left, right) => right.pairs - left.pairs || (left.reason < right.reason ? -1 : 1));
}
