import type { ScriptJudgement } from '../../refinement/script.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { everyStep } from './operand-values.ts';

/** Where a breadth-first search over scripts ends. */
export interface ScriptSearchBounds {
  /** Longest script that is tried, in steps. */
  readonly maxSteps: number;
  readonly maxRuns: number;
}

/** Different states whose scripts are kept, for memory: their texts take a few hundred bytes each. */
const MAX_STATES = 1_000_000;

/** What the search found. */
export interface ScriptSearchResult {
  /** A shortest failing script; absent if none was found. */
  readonly script?: readonly ScriptStep[];
  /** Every shorter script over the alphabet is known not to fail: all were run, or reach a state that a tried one reaches. */
  readonly isComplete: boolean;
  readonly runs: number;
  readonly states: number;
}

/**
 * Breadth-first search over scripts on the implementation: shortest first, one script a state.
 *
 * @param operations the alphabet; operands are varied over what the runner tells apart.
 * @param run judges a script; a runner that does not tell its state has every effective script tried.
 */
export function shortestScript(
  operations: readonly string[],
  run: (steps: readonly ScriptStep[]) => ScriptJudgement,
  { maxSteps, maxRuns }: ScriptSearchBounds,
): ScriptSearchResult {
  const begin = run([]);
  if (begin.what !== '') return { script: [], isComplete: true, runs: 1, states: 1 };
  const seen = new Set<string>();
  let runs = 1;
  let states = 1;
  if (begin.state !== undefined) seen.add(begin.state());
  let frontier: { readonly script: readonly ScriptStep[]; readonly effective: number }[] = [
    { script: [], effective: begin.effective },
  ];
  let found: readonly ScriptStep[] | undefined;
  for (let length = 1; length <= maxSteps && frontier.length > 0; length++) {
    const next: typeof frontier = [];
    for (const { script, effective } of frontier) {
      for (const operation of operations) {
        const isOver = everyStep(operation, step => {
          if (runs >= maxRuns || states >= MAX_STATES) return true;
          const extended = [...script, step];
          const judgement = run(extended);
          runs += 1;
          const plain = { operation, operands: step.operands };
          if (judgement.what !== '') {
            found = [...script, plain];
            return true;
          }
          const isNew =
            judgement.state === undefined ? judgement.effective > effective : isFirst(seen, judgement.state());
          if (isNew && length < maxSteps) {
            states += 1;
            next.push({ script: [...script, plain], effective: judgement.effective });
          }
          return false;
        });
        if (found !== undefined) return { script: found, isComplete: true, runs, states };
        if (isOver) return { isComplete: false, runs, states };
      }
    }
    frontier = next;
  }
  return { isComplete: true, runs, states };
}

function isFirst(seen: Set<string>, state: string): boolean {
  if (seen.has(state)) return false;
  seen.add(state);
  return true;
}
