import fc from 'fast-check';
import { generate } from '../../src/arbitraries/run-spec.ts';
import {
  AREAS,
  type Area,
  type CheckContext,
  type Failure,
  type FiniteModel,
  type Property,
  type Task,
  type TaskResult,
} from '../../src/engine/property.ts';
import { shortestScript } from '../../src/engine/shortest/shortest-script.ts';
import { shrinkList } from '../../src/engine/shrink-list.ts';
import { AskingStep, type ScriptJudgement } from '../../src/refinement/script.ts';
import type { ScriptStep, TraceOutcome } from '../../src/trace/trace.ts';
import { defined, invariant } from '../../src/units/invariant.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { addCounts } from '../follow-runs.ts';
import { BUDGET_FACTOR } from '../refinement-property.ts';
import { withShortest } from '../with-shortest.ts';

const TASKS = 2;
const RUNS_PER_TASK = 150;
const MAX_STEPS = 60;
/** Operands of a step; each machine brings them into its own ranges. */
const OPERANDS = 5;
/** Further runs that are tried for a shorter failure. */
const FURTHER_RUNS = 100;
/** Further runs of scripts that take long. */
const FEW_FURTHER_RUNS = 4;

/** Scripts take some 16 microseconds, runs of a system some 300. */
const RUNS_PER_SYSTEM_RUN = 50;

/** A property of a machine that needs no Muen system around it. */
export interface ScriptPropertyOptions extends Pick<Property, 'id' | 'claim' | 'method' | 'witnesses' | 'killedBy'> {
  /** Operations and how often each is drawn. */
  readonly operations: Readonly<Record<string, number>>;
  /** Operations of somebody hostile, left out of every other script: some claims are made for honest peers only. */
  readonly hostile?: Readonly<Record<string, number>>;
  readonly run: (context: CheckContext, steps: readonly ScriptStep[]) => ScriptJudgement;
  /** Runs of each of the two tasks, for scripts that take long; 150 by default. */
  readonly runsPerTask?: number;
  /** Cases that are all tried, one a task: the first step of a script, `case`, says which. */
  readonly cases?: number;
  /** What the property assumes, for explanations. */
  readonly premise: string;
  /** Why a policy has nothing that the property is about, empty if it has; absent for what needs Genode. */
  readonly applicable?: (context: CheckContext) => string;
  /** Registered model, with finitely many states, that describes the operations of honest scripts. */
  readonly model?: string;
}

export const usesGenode = ({ software }: CheckContext): boolean =>
  software.some(({ software: name }) => name.startsWith('log-proxy') || name.startsWith('genode'));

function scriptArbitrary(operations: Readonly<Record<string, number>>): fc.Arbitrary<readonly ScriptStep[]> {
  const names = Object.entries(operations).map(([name, weight]) => ({
    weight: 10 * weight,
    arbitrary: fc.constant(name),
  }));
  const step = fc.record({
    operation: fc.oneof(...names),
    operands: fc.array(fc.oneof(fc.nat(7), fc.nat(0x3_ffff)), { minLength: OPERANDS, maxLength: OPERANDS }),
  });
  return fc.array(step, { maxLength: MAX_STEPS, size: 'max' });
}

/** Steps with the operands that their runner asks for. */
function shownSteps(steps: readonly ScriptStep[], run: (steps: readonly ScriptStep[]) => unknown): readonly string[] {
  const asking = steps.map(({ operation, operands }) => new AskingStep(operation, operands));
  run(asking);
  return asking.map(({ operation, operands, asked }, index) => {
    const values = [...asked.keys()].sort((a, b) => a - b).map(place => operands[place] ?? 0);
    return `  ${index}: ${operation}(${values.join(', ')})`;
  });
}

/** Fewest steps first, then operands as small as possible unless a run takes long. */
function minimiseScript(
  steps: readonly ScriptStep[],
  isSlow: boolean,
  fails: (steps: readonly ScriptStep[]) => boolean,
): readonly ScriptStep[] {
  let current = shrinkList(steps, fails);
  if (isSlow) return current;
  for (const [index, { operands }] of current.entries()) {
    for (let place = 0; place < operands.length; place++) {
      for (const value of [0, 1, 2, 3]) {
        const tried = current.map((step, other) =>
          other === index ? { ...step, operands: step.operands.map((old, at) => (at === place ? value : old)) } : step,
        );
        if (!fails(tried)) continue;
        current = tried;
        break;
      }
    }
  }
  return current;
}

/** Area of a property: the part of its id before the slash. */
function areaOf(id: Property['id']): Area {
  const area = AREAS.find(name => id.startsWith(`${name}/`));
  invariant(area !== undefined, `area of ${id}`);
  return area;
}

/** Builds a property from a machine that runs scripts. */
export function scriptProperty(options: ScriptPropertyOptions): Property {
  const { operations, hostile, run, premise, runsPerTask, cases, model, applicable, ...rest } = options;
  const finite = model === undefined ? undefined : finiteScripts(options, model);
  const outcomeOf = (context: CheckContext, steps: readonly ScriptStep[]): TraceOutcome | undefined => {
    const { what, step } = run(context, steps);
    if (what === '') return undefined;
    const shown = shownSteps(steps, asking => run(context, asking));
    const when = step < steps.length ? `at step ${step}` : 'at the end';
    return {
      summary: what,
      explanation: [premise, ...shown, `Then, ${when}: ${what}.`],
      policyLines: [],
      timeline: [],
      digests: [],
    };
  };
  const explain = (context: CheckContext, steps: readonly ScriptStep[]): Failure => {
    const small = minimiseScript(steps, runsPerTask !== undefined, tried => run(context, tried).what !== '');
    return failureOf(context, small);
  };
  const failureOf = (context: CheckContext, steps: readonly ScriptStep[]): Failure => ({
    body: { kind: 'script', steps },
    outcome: defined(outcomeOf(context, steps), 'outcome of a script that fails'),
  });
  return {
    ...rest,
    ...(finite === undefined ? {} : { finite }),
    area: areaOf(rest.id),
    passes: 'tested',
    notApplicable: applicable ?? (context => (usesGenode(context) ? '' : 'no Genode software in any subject')),
    tasks: () =>
      Array.from(
        { length: cases ?? TASKS },
        (_, index): Task => ({ property: rest.id, index, slice: { part: index } }),
      ),
    runTask: (context, task) =>
      withShortest(
        finite,
        context,
        runSlice(options, context, task, steps => explain(context, steps)),
        body => failureOf(context, body.kind === 'script' ? body.steps : []),
      ),
    replay: (context, trace) => (trace.body.kind === 'script' ? outcomeOf(context, trace.body.steps) : undefined),
  };
}

/** Search for the shortest scripts of a machine; hostile steps are outside of its model. */
function finiteScripts({ operations, run, runsPerTask }: ScriptPropertyOptions, model: string): FiniteModel {
  const honest = Object.keys(operations);
  return {
    model,
    runsPerSystemRun: runsPerTask === undefined ? RUNS_PER_SYSTEM_RUN : 1,
    outside(body) {
      const isHostile = body.kind === 'script' && body.steps.some(({ operation }) => !honest.includes(operation));
      return isHostile ? 'a hostile step: the model has no hostile peer' : '';
    },
    shorter(context, body, maxRuns) {
      if (body.kind !== 'script') return { isComplete: false, runs: 0 };
      const bounds = { maxSteps: body.steps.length - 1, maxRuns };
      const { script, isComplete, runs } = shortestScript(honest, steps => run(context, steps), bounds);
      return script === undefined
        ? { isComplete, runs }
        : { body: { kind: 'script', steps: script }, isComplete, runs };
    },
  };
}

function runSlice(
  { id, operations, hostile, run, runsPerTask, cases }: ScriptPropertyOptions,
  context: CheckContext,
  task: Task,
  explain: (steps: readonly ScriptStep[]) => Failure,
): TaskResult {
  const { budget } = context;
  const honest = scriptArbitrary(operations);
  const attacked = scriptArbitrary({ ...operations, ...hostile });
  const seed = deriveSeed(context.seed, `${id}#${task.index}`);
  const first: readonly ScriptStep[] = cases === undefined ? [] : [{ operation: 'case', operands: [task.index] }];
  const scriptOf = (index: number) => [
    ...first,
    ...generate(index % 2 === 0 ? attacked : honest, deriveSeed(seed, String(index))),
  ];
  const wanted =
    budget.runs === undefined
      ? (runsPerTask ?? RUNS_PER_TASK) * BUDGET_FACTOR[budget.name]
      : Math.ceil(budget.runs / (cases ?? TASKS));
  let steps = 0;
  let witnesses: Record<string, number> = {};
  for (let index = 0; index < wanted; index++) {
    const script = scriptOf(index);
    const judgement = run(context, script);
    steps += judgement.effective;
    witnesses = addCounts(witnesses, judgement.witnesses);
    if (judgement.what === '') continue;
    const failure = shortest(
      explain(script),
      Math.min(wanted, index + (runsPerTask === undefined ? FURTHER_RUNS : FEW_FURTHER_RUNS)),
      index + 1,
      scriptOf,
      script => (run(context, script).what === '' ? undefined : explain(script)),
    );
    return { runs: index + 1, steps, states: 0, witnesses, unspecified: {}, failure };
  }
  return { runs: wanted, steps, states: 0, witnesses, unspecified: {} };
}

/** The shortest of a failure and those of some later runs. */
function shortest(
  first: Failure,
  end: number,
  start: number,
  scriptOf: (index: number) => readonly ScriptStep[],
  failureOf: (steps: readonly ScriptStep[]) => Failure | undefined,
): Failure {
  const length = ({ body }: Failure): number => (body.kind === 'script' ? body.steps.length : 0);
  let best = first;
  for (let index = start; index < end && length(best) > 4; index++) {
    const other = failureOf(scriptOf(index));
    if (other !== undefined && length(other) < length(best)) best = other;
  }
  return best;
}
