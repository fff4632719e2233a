import { ok, type Result } from '../../units/result.ts';
import type { StepInduction, StepQuery } from './transition-induction.ts';

/** Outcome of an induction. */
export interface InductionResult {
  readonly verdict: 'proved' | 'inconclusive';
  /** Questions that the solver answered. */
  readonly queries: number;
  /** Pairs of a lemma and a step that needed no solver. */
  readonly folded: number;
  /** What is not proved, in words. */
  readonly open: readonly string[];
}

/** Answers an SMT-LIB script, one line per `check-sat`. */
export type Solver = (script: string) => Result<string, string>;

/** Questions that one process of the solver gets. */
const BATCH = 64;

function answersOf(texts: readonly string[], limitMs: number, solver: Solver): Result<readonly string[], string> {
  const blocks = texts.map(text => `(push)\n${text}\n(check-sat)\n(pop)\n`);
  const output = solver(`(set-option :timeout ${limitMs})\n(set-logic QF_BV)\n${blocks.join('')}`);
  if (!output.ok) return output;
  return ok(output.value.split('\n').filter(line => /^(sat|unsat|unknown|timeout)$/.test(line.trim())));
}

/**
 * Puts the questions of an induction to a solver: first with few assumptions, then what is left with all of them.
 *
 * @param limitMs solver time for one question in milliseconds.
 */
export function decideSteps(
  { queries, folded, initiallyFalse }: StepInduction,
  solver: Solver,
  limitMs: number,
): Result<InductionResult, string> {
  let left: readonly StepQuery[] = queries;
  const last = new Map<StepQuery, string>();
  for (let round = 0; left.length > 0 && round < 2; round++) {
    const open: StepQuery[] = [];
    for (let from = 0; from < left.length; from += BATCH) {
      const batch = left.slice(from, from + BATCH);
      const texts = batch.map(({ texts: its }) => its[Math.min(round, its.length - 1)]!);
      const answers = answersOf(texts, limitMs, solver);
      if (!answers.ok) return answers;
      batch.forEach((query, index) => {
        const answer = answers.value[index]?.trim() ?? 'no answer';
        if (answer === 'unsat') return;
        last.set(query, answer);
        open.push(query);
      });
    }
    left = open;
  }
  const open = [
    ...initiallyFalse.map(lemma => `${lemma}: does not hold in the initial state`),
    ...left.map(query => `${query.lemma}: is not shown to be preserved by ${query.step} (${last.get(query)})`),
  ];
  return ok({ verdict: open.length === 0 ? 'proved' : 'inconclusive', queries: queries.length, folded, open });
}
