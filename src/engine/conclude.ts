import type { Trace } from '../trace/trace.ts';
import type { MergedResult } from './merge.ts';
import type { Property } from './property.ts';
import type { PropertyVerdict, VerdictWord } from './verdict.ts';

interface Conclusion {
  readonly verdict: VerdictWord;
  readonly reason: string;
}

const listIds = (ids: readonly string[]): string =>
  ids.length > 4 ? `${ids.slice(0, 4).join(', ')} and ${ids.length - 4} more` : ids.join(', ');

/** What speaks against a passing verdict although nothing failed and nothing was cut; empty if nothing does. */
function vacuousReason(property: Property, merged: MergedResult): string {
  if (merged.runs === 0 && merged.steps === 0 && merged.states === 0) return 'nothing was examined';
  const missing = property.witnesses
    .filter(witness => (merged.witnesses[witness.id] ?? 0) === 0)
    .map(witness => witness.id);
  if (missing.length > 0) return `never seen: ${listIds(missing)}`;
  const tested = (merged.pairs ?? []).filter(pair => pair.excluded === undefined);
  if (merged.pairs !== undefined && tested.length === 0) return 'every pair of subjects is excluded';
  if (tested.length > 0 && tested.every(pair => pair.effectiveRuns === 0))
    return "no run was effective: the high subject's own state never differed";
  return '';
}

/** A caveat of a passing verdict: pairs of subjects in which the high subject never acted. */
function pairCaveat(merged: MergedResult): string {
  const idle = (merged.pairs ?? []).filter(pair => pair.excluded === undefined && pair.effectiveRuns === 0);
  return idle.length === 0 ? '' : `no effective run for ${listIds(idle.map(pair => `${pair.high} -> ${pair.low}`))}`;
}

function conclusion(property: Property, merged: MergedResult): Conclusion {
  if (merged.failure !== undefined) return { verdict: 'refuted', reason: merged.failure.outcome.summary };
  if (merged.cut !== '') return { verdict: 'inconclusive', reason: merged.cut };
  const { given = 0, missing = [] } = merged.tables ?? {};
  if (given > 0 && missing.length > 0)
    return { verdict: 'inconclusive', reason: `not among the given tables: ${listIds(missing)}` };
  const vacuous = vacuousReason(property, merged);
  if (vacuous !== '') return { verdict: 'vacuous', reason: vacuous };
  if (missing.length > 0)
    return { verdict: property.passes, reason: `own tables only; not given: ${listIds(missing)}` };
  return { verdict: property.passes, reason: pairCaveat(merged) };
}

/**
 * Verdict of one property.
 *
 * Refuted if something failed, else inconclusive if work was left, else vacuous if a witness is missing or nothing was
 * examined, else the property's own passing word.
 */
export function concludeProperty(
  property: Property,
  merged: MergedResult,
  counterexample: Trace | undefined,
): PropertyVerdict {
  const { verdict, reason } = conclusion(property, merged);
  const witnesses = Object.fromEntries(
    property.witnesses.map(witness => [witness.id, merged.witnesses[witness.id] ?? 0]),
  );
  return {
    id: property.id,
    area: property.area,
    claim: property.claim,
    verdict,
    method: property.method,
    reason,
    runs: merged.runs,
    steps: merged.steps,
    states: merged.states,
    ...(merged.pairs === undefined ? {} : { pairs: merged.pairs }),
    ...(merged.tables === undefined ? {} : { tables: merged.tables }),
    ...(merged.sharing === undefined ? {} : { sharing: merged.sharing }),
    witnesses: { ...witnesses, ...merged.witnesses },
    unspecified: merged.unspecified,
    ...(counterexample === undefined ? {} : { counterexample }),
  };
}

/** Verdict of a property that does not apply to the policy. */
export function notApplicableVerdict(property: Property, reason: string): PropertyVerdict {
  return {
    id: property.id,
    area: property.area,
    claim: property.claim,
    verdict: 'not-applicable',
    method: property.method,
    reason,
    runs: 0,
    steps: 0,
    states: 0,
    witnesses: {},
    unspecified: {},
  };
}

// Worst first; a whole is called by the weakest word of its parts.
const WEAKEST_FIRST: readonly VerdictWord[] = [
  'refuted',
  'inconclusive',
  'vacuous',
  'tested',
  'exhausted',
  'proved',
  'not-applicable',
];

/** The word for a set of verdicts: its weakest; `not-applicable` for none. */
export function overallVerdict(words: readonly VerdictWord[]): VerdictWord {
  return WEAKEST_FIRST.find(word => words.includes(word)) ?? 'not-applicable';
}
