import { type LabelPattern, lastElement, matchesParts } from './label.ts';

/**
 * Index of the policy node that applies to a session label at a server, -1 if only a default policy can
 * (Genode `Session_policy`, release 26.02).
 *
 * An equal label beats any prefix, the longest prefix beats any suffix, and every attribute that is present must match.
 * Of equal scores the first in document order wins. A node without any label attribute never matches.
 */
export function selectPolicy(policies: readonly LabelPattern[], label: string): number {
  let best = -1;
  let bestScore: Score = NO_SCORE;
  policies.forEach((policy, index) => {
    if (!matchesPolicy(policy, label)) return;
    const score = scoreOf(policy);
    if (best < 0 || isHigher(score, bestScore)) {
      best = index;
      bestScore = score;
    }
  });
  return best;
}

/** Compared from the first member to the last. */
type Score = readonly [exact: number, prefixLength: number, suffixLength: number];
const NO_SCORE: Score = [0, 0, 0];

function matchesPolicy(policy: LabelPattern, label: string): boolean {
  const { label: exact, labelPrefix, labelSuffix, labelLast } = policy;
  if ([exact, labelPrefix, labelSuffix, labelLast].every(part => part === undefined)) return false;
  return matchesParts(policy, label) && (labelLast === undefined || labelLast === lastElement(label));
}

const scoreOf = (policy: LabelPattern): Score => [
  policy.label === undefined ? 0 : 1,
  policy.labelPrefix?.length ?? 0,
  Math.max(policy.labelSuffix?.length ?? 0, policy.labelLast?.length ?? 0),
];

const isHigher = (a: Score, b: Score): boolean => {
  const index = a.findIndex((part, place) => part !== b[place]);
  return index >= 0 && a[index]! > b[index]!;
};
