import type { CheckContext, Failure, TaskResult } from '../src/engine/property.ts';
import type { System } from '../src/impl/system.ts';
import type { SystemObserver } from '../src/impl/system-observer.ts';
import type { SoftwareDivergence } from '../src/refinement/channel-access.ts';
import type { RunSpec } from '../src/trace/trace.ts';
import { BUDGET_FACTOR } from './refinement-property.ts';
import type { RunFinding } from './run-property.ts';
import { shortestFailure } from './shortest-failure.ts';
import { subjectLine } from './workbench.ts';

/** What a checker saw in one run. */
export interface FollowedRun {
  /** Steps that were compared. */
  readonly steps: number;
  readonly witnesses: Readonly<Record<string, number>>;
  readonly unspecified: Readonly<Record<string, number>>;
  readonly hasFailed: boolean;
}

/** Sums two sets of counts. */
export function addCounts(
  left: Readonly<Record<string, number>>,
  right: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum: Record<string, number> = { ...left };
  for (const [name, count] of Object.entries(right)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** Actions of a system in one run: more than any generated run has, fewer than a minimiser that slows time down could ask for. */
const MAX_ACTIONS = 40_000;

/** Runs a loaded system under an observer until it is over or `isDone`. */
export function runWatched(system: System, observer: SystemObserver, isDone: () => boolean): void {
  system.observer = observer;
  for (let actions = 0; actions < MAX_ACTIONS && !isDone() && system.step(); actions++);
  system.observer = {};
}

/** Runs one slice of a sampled property: generates, follows, counts up to the first failing run, and explains it. */
export function sliceRuns(
  { budget }: CheckContext,
  size: { readonly tasks: number; readonly runsPerTask: number },
  specOf: (run: number) => RunSpec,
  follow: (spec: RunSpec) => FollowedRun,
  explain: (spec: RunSpec) => Failure,
): TaskResult {
  const wanted =
    budget.runs === undefined ? size.runsPerTask * BUDGET_FACTOR[budget.name] : Math.ceil(budget.runs / size.tasks);
  let steps = 0;
  let witnesses: Record<string, number> = {};
  let unspecified: Record<string, number> = {};
  for (let run = 0; run < wanted; run++) {
    const spec = specOf(run);
    const followed = follow(spec);
    steps += followed.steps;
    witnesses = addCounts(witnesses, followed.witnesses);
    unspecified = addCounts(unspecified, followed.unspecified);
    if (!followed.hasFailed) continue;
    const failure = shortestFailure(run, specOf, follow, explain);
    return { runs: run + 1, steps, states: 0, witnesses, unspecified, failure };
  }
  return { runs: wanted, steps, states: 0, witnesses, unspecified };
}

/** A divergence for a person; an empty finding for none. */
export function divergenceFinding(
  context: CheckContext,
  divergence: SoftwareDivergence | undefined,
  premises: readonly string[],
): RunFinding {
  if (divergence === undefined) return { what: '', explanation: [], policyLines: [], step: 0 };
  const { what, subject, cpu, nowTsc, step } = divergence;
  const line = subjectLine(context, subject);
  return {
    what,
    explanation: [
      ...premises,
      `Then at TSC ${nowTsc}, after ${step} kernel steps, ${subject} does its next operation on CPU ${cpu}.`,
      `Then ${what}: the implementation does what the model does not allow.`,
    ],
    policyLines: line === 0 ? [] : [line],
    step,
  };
}
