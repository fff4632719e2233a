import { minimise } from '../src/engine/minimise.ts';
import type { CheckContext, Failure, Property, Task, TaskResult } from '../src/engine/property.ts';
import type { RunSpec, Trace, TraceBody, TraceOutcome } from '../src/trace/trace.ts';
import { defined, invariant } from '../src/units/invariant.ts';
import { withShortest } from './with-shortest.ts';
import { cannotRun, isWorkbench, timeline, type Workbench, workbench } from './workbench.ts';

/** What one run showed: nothing wrong, or one line that says what. */
export interface RunFinding {
  /** Empty if the run is fine. */
  readonly what: string;
  readonly explanation: readonly string[];
  readonly policyLines: readonly number[];
  /** Kernel step up to which the timeline and the digests go. */
  readonly step: number;
}

/** Digests kept in a counterexample. */
const MAX_DIGESTS = 256;

/** Parts of a property that judges single runs; the rest is the same for all of them. */
export interface RunPropertyOptions extends Omit<Property, 'notApplicable' | 'runTask' | 'replay'> {
  readonly alsoNotApplicable?: (context: CheckContext) => string;
  /** Runs the slice; `judgeFails` turns a failing run into a minimised failure. */
  readonly runSlice: (
    context: CheckContext,
    found: Workbench,
    task: Task,
    explain: (spec: RunSpec) => Failure,
  ) => TaskResult;
  /** Most executions that minimisation may take; for judgements that are slow. */
  readonly minimiseExecutions?: number;
  /** Judges one run again, for minimisation and replay. */
  readonly judge: (context: CheckContext, found: Workbench, spec: RunSpec) => RunFinding;
}

/** Builds a property from a judgement of single runs. */
export function runProperty(options: RunPropertyOptions): Property {
  const { alsoNotApplicable, runSlice, judge, minimiseExecutions, ...rest } = options;
  const outcomeOf = (
    context: CheckContext,
    found: Workbench,
    spec: RunSpec,
    isFull: boolean,
  ): TraceOutcome | undefined => {
    const finding = judge(context, found, spec);
    if (finding.what === '') return undefined;
    return {
      summary: finding.what,
      explanation: isFull ? finding.explanation : [],
      policyLines: finding.policyLines,
      timeline: isFull ? timeline(found.bench.system, found.bench, spec, finding.step + 1) : [],
      digests: isFull ? found.bench.digests(spec, Math.min(MAX_DIGESTS, finding.step + 1)) : [],
    };
  };
  const explain = (context: CheckContext, found: Workbench, spec: RunSpec): Failure => {
    const fails = (body: TraceBody): TraceOutcome | undefined =>
      body.kind === 'run' ? outcomeOf(context, found, body.run, false) : undefined;
    const body: TraceBody = { kind: 'run', run: spec };
    if (context.budget.countsOnly === true)
      return { body, outcome: defined(outcomeOf(context, found, spec, false), 'outcome of a run that just failed') };
    const small = minimise(
      { body, outcome: defined(fails(body), 'outcome of a run that just failed') },
      fails,
      minimiseExecutions === undefined ? {} : { maxExecutions: minimiseExecutions },
    );
    const run = small.body.kind === 'run' ? small.body.run : spec;
    return { body: small.body, outcome: defined(outcomeOf(context, found, run, true), 'outcome of the minimised run') };
  };
  return {
    ...rest,
    notApplicable: context => cannotRun(context) || (alsoNotApplicable?.(context) ?? ''),
    runTask(context, task) {
      const found = workbench(context);
      if (!isWorkbench(found)) return { runs: 0, steps: 0, states: 0, witnesses: {}, unspecified: {} };
      const result = runSlice(context, found, task, spec => explain(context, found, spec));
      return withShortest(options.finite, context, result, body => {
        invariant(body.kind === 'run', 'a search for runs found something else');
        return explain(context, found, body.run);
      });
    },
    replay(context, trace: Trace) {
      const found = workbench(context);
      if (!isWorkbench(found) || trace.body.kind !== 'run') return undefined;
      return outcomeOf(context, found, trace.body.run, true);
    },
  };
}
