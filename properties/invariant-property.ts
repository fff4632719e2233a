import type { Mix } from '../src/arbitraries/decode-operation.ts';
import { generate, runSpecArbitrary } from '../src/arbitraries/run-spec.ts';
import type { Area, CheckContext, Property, Task, Witness } from '../src/engine/property.ts';
import type { SystemObserver } from '../src/impl/system-observer.ts';
import type { RunSpec } from '../src/trace/trace.ts';
import { deriveSeed } from '../src/units/rng.ts';
import { BUDGET_FACTOR, shapeOf } from './refinement-property.ts';
import { type RunFinding, runProperty } from './run-property.ts';
import { subjectLine, type Workbench } from './workbench.ts';

/** Watches a run for the first thing that must not happen. */
export interface Watch extends SystemObserver {
  /** What happened, and to which subject; undefined as long as all is well. */
  readonly violation: { readonly what: string; readonly subject: string; readonly tsc: number } | undefined;
  /** Times that the watched-for situation occurred. */
  readonly seen: number;
}

export interface InvariantOptions {
  readonly id: `${Area}/${string}`;
  readonly area: Area;
  readonly claim: string;
  readonly killedBy: readonly string[];
  readonly witness: Witness;
  readonly mix: Mix;
  /** What a person reads before the violation: what the claim says about the present case. */
  readonly premise: string;
  readonly alsoNotApplicable?: (context: CheckContext) => string;
  /** Called for a system that stands at the start of a run. */
  readonly watch: (context: CheckContext, found: Workbench) => Watch;
}

const TASKS = 4;
const RUNS_PER_TASK = 30;
const SHAPE = {
  maxOperations: 500,
  maxInterrupts: 8,
  maxInterleavings: 0,
  operationsPerFrame: 3,
  majorFrames: 3,
} as const;

interface Watched {
  readonly watch: Watch;
  readonly steps: number;
}

function runWatched(options: InvariantOptions, context: CheckContext, found: Workbench, spec: RunSpec): Watched {
  const { bench } = found;
  const loaded = bench.load(spec);
  const watch = options.watch(context, found);
  if (!loaded.ok) return { watch, steps: 0 };
  bench.system.observer = watch;
  while (watch.violation === undefined && bench.system.step());
  bench.system.observer = {};
  return { watch, steps: bench.system.kernelSteps };
}

function judge(options: InvariantOptions, context: CheckContext, found: Workbench, spec: RunSpec): RunFinding {
  const { watch, steps } = runWatched(options, context, found, spec);
  if (watch.violation === undefined) return { what: '', explanation: [], policyLines: [], step: 0 };
  const { what, subject, tsc } = watch.violation;
  const line = subjectLine(context, subject);
  return {
    what,
    explanation: [options.premise, `Then at TSC ${tsc} ${what}: a contradiction.`],
    policyLines: line === 0 ? [] : [line],
    step: steps,
  };
}

/** A property that generated runs keep at every step, stated without the kernel model. */
export function invariantProperty(options: InvariantOptions): Property {
  return runProperty({
    id: options.id,
    area: options.area,
    claim: options.claim,
    method: 'run invariant',
    runsKernel: true,
    passes: 'tested',
    witnesses: [options.witness],
    killedBy: options.killedBy,
    ...(options.alsoNotApplicable === undefined ? {} : { alsoNotApplicable: options.alsoNotApplicable }),
    tasks: () =>
      Array.from({ length: TASKS }, (_, index): Task => ({ property: options.id, index, slice: { part: index } })),
    runSlice(context, found, task, explain) {
      const arbitrary = runSpecArbitrary(shapeOf({ ...SHAPE, mix: options.mix }, context, found));
      const seed = deriveSeed(context.seed, `${options.id}#${task.index}`);
      const { budget } = context;
      const wanted =
        budget.runs === undefined ? RUNS_PER_TASK * BUDGET_FACTOR[budget.name] : Math.ceil(budget.runs / TASKS);
      let steps = 0;
      let seen = 0;
      for (let run = 0; run < wanted; run++) {
        const spec = generate(arbitrary, deriveSeed(seed, String(run)));
        const watched = runWatched(options, context, found, spec);
        steps += watched.steps;
        seen += watched.watch.seen;
        if (watched.watch.violation !== undefined) {
          return {
            runs: run + 1,
            steps,
            states: 0,
            witnesses: { [options.witness.id]: seen },
            unspecified: {},
            failure: explain(spec),
          };
        }
      }
      return { runs: wanted, steps, states: 0, witnesses: { [options.witness.id]: seen }, unspecified: {} };
    },
    judge: (context, found, spec) => judge(options, context, found, spec),
  });
}
