import type { VerdictWord } from '../engine/verdict.ts';

/** What each verdict word says, and what it does not; `explain` and the README show this table. */
export const VERDICT_MEANINGS: Readonly<Record<VerdictWord, string>> = {
  proved: 'complete for this policy: every case was enumerated',
  exhausted: 'every case of a closed list was executed, each from one starting state',
  tested: 'sampled: no failure in the runs that the table counts, with this seed',
  refuted: 'a counterexample was found, minimised and written to the report folder',
  inconclusive: 'the budget or the time limit ended the work before it was done',
  vacuous: 'nothing failed, but something that the property must see never happened',
  'not-applicable': 'the policy has nothing of this kind, or cannot be run; the reason says which',
};
