import type { Mix } from '../src/arbitraries/decode-operation.ts';
import { operationDecoder } from '../src/arbitraries/decode-operation.ts';
import { generate, type RunShape, runSpecArbitrary } from '../src/arbitraries/run-spec.ts';
import type { Area, CheckContext, Failure, Property, Task, TaskResult, Witness } from '../src/engine/property.ts';
import { cyclesPerInstruction } from '../src/impl/time-model.ts';
import type { Lockstep } from '../src/refinement/lockstep.ts';
import type { RunSpec, SubjectProgram } from '../src/trace/trace.ts';
import { deriveSeed } from '../src/units/rng.ts';
import { withDirectedInterleavings } from './directed-interleavings.ts';
import { finiteKernel } from './finite-kernel.ts';
import { judgeByModel, runBesideModel } from './refinement-judge.ts';
import { runProperty } from './run-property.ts';
import { shortestFailure } from './shortest-failure.ts';
import type { Workbench } from './workbench.ts';

/** Witness of a refinement property: a mode of the kernel model that must be entered, or an exit reason that must occur. */
export interface RefinementWitness extends Witness {
  readonly mode?: string;
  readonly exit?: number;
}

export interface RefinementOptions {
  readonly id: `${Area}/${string}`;
  readonly area: Area;
  readonly claim: string;
  readonly killedBy: readonly string[];
  readonly witnesses: readonly RefinementWitness[];
  readonly mix: Mix;
  readonly maxOperations: number;
  readonly maxInterrupts: number;
  readonly maxInterleavings: number;
  /** Half of the runs take their interleavings from where wake-ups get lost, instead of anywhere. */
  readonly directsInterleavings?: boolean;
  /** Operations that the shortest minor frame holds. */
  readonly operationsPerFrame: number;
  /** Major frames per run. */
  readonly majorFrames: number;
  /** Kernel steps and runs per task at the smoke budget, whichever ends it first. */
  readonly stepsPerTask: number;
  readonly runsPerTask: number;
  /** Reason why the property does not apply to a policy, beyond being unable to run it. */
  readonly notApplicable?: (context: CheckContext) => string;
}

const TASKS = 8;
const MAX_KERNEL_STEPS = 600;
/** With more operations than this, the minimiser has often got stuck, and another failing run leads to fewer. */
const FEW_OPERATIONS = 5;
const FIRST_DEVICE_VECTOR = 32;
/** Budgets other than smoke multiply the work of a task. */
export const BUDGET_FACTOR = { smoke: 1, deep: 20, exhaustive: 200 } as const;

/** A property that runs generated programs and compares every atomic segment of the kernel with the model. */
export function refinementProperty(options: RefinementOptions): Property {
  return runProperty({
    id: options.id,
    area: options.area,
    claim: options.claim,
    method: 'step refinement with frame condition',
    runsKernel: true,
    passes: 'tested',
    witnesses: options.witnesses,
    killedBy: options.killedBy,
    ...(options.notApplicable === undefined ? {} : { alsoNotApplicable: options.notApplicable }),
    tasks: () =>
      Array.from({ length: TASKS }, (_, index): Task => ({ property: options.id, index, slice: { part: index } })),
    runSlice: (context, found, task, explain) => runSlice(options, context, found, task, explain),
    judge: judgeByModel,
    finite: finiteKernel,
  });
}

export function shapeOf(
  options: Pick<
    RefinementOptions,
    'mix' | 'maxOperations' | 'maxInterrupts' | 'maxInterleavings' | 'operationsPerFrame' | 'majorFrames'
  >,
  context: CheckContext,
  { bench, model, vocabularies }: Workbench,
): RunShape {
  const { kernel, time } = bench.system;
  const period = kernel.tables.majorFrames[0]!.periodCycles;
  const endTsc = time.startTsc + period * options.majorFrames;
  const { routes, subjectCpu } = model.config;
  // VT-d delivers an interrupt to the CPU of its owner, as the policy names it, whatever the kernel's tables say.
  const vectors = routes.flatMap((route, vector) =>
    route.subject < 0 ? [] : [{ vector, cpu: subjectCpu[route.subject]! }],
  );
  const unrouted = routes.findIndex((route, vector) => vector >= FIRST_DEVICE_VECTOR && route.subject < 0);
  return {
    decoders: vocabularies.map(vocabulary => ({
      subject: vocabulary.subject,
      decoder: operationDecoder(vocabulary, options.mix, time.startTsc, endTsc),
    })),
    cyclesPerInstruction: cyclesPerInstruction(time, options.operationsPerFrame),
    startTsc: time.startTsc,
    endTsc,
    maxKernelSteps: Math.min(MAX_KERNEL_STEPS, context.budget.maxSteps ?? MAX_KERNEL_STEPS),
    maxOperations: options.maxOperations,
    maxInterrupts: options.maxInterrupts,
    maxInterleavings: options.maxInterleavings,
    // Vectors that no subject owns must have no effect; the spurious one and an unrouted one stand for them.
    vectors: [...vectors, { vector: 255, cpu: 0 }, { vector: unrouted, cpu: 0 }],
    cpuCount: kernel.tables.cpuCount,
  };
}

/** Every other run keeps the scenario's own software in its subjects. */
function withScenario(spec: RunSpec, context: CheckContext, index: number): RunSpec {
  if (context.software.length === 0 || index % 2 === 0) return spec;
  const named = new Set(context.software.map(row => row.subject));
  const rest = spec.programs.filter(program => !named.has(program.subject));
  return { ...spec, programs: [...context.software.map((row): SubjectProgram => row), ...rest] };
}

function runSlice(
  options: RefinementOptions,
  context: CheckContext,
  found: Workbench,
  task: Task,
  explain: (spec: RunSpec) => Failure,
): TaskResult {
  const arbitrary = runSpecArbitrary(shapeOf(options, context, found));
  const seed = deriveSeed(context.seed, `${options.id}#${task.index}`);
  const factor = BUDGET_FACTOR[context.budget.name];
  const maxRuns =
    context.budget.runs === undefined ? options.runsPerTask * factor : Math.ceil(context.budget.runs / TASKS);
  const maxSteps = context.budget.runs === undefined ? options.stepsPerTask * factor : Number.POSITIVE_INFINITY;
  const witnesses: Record<string, number> = {};
  let runs = 0;
  let steps = 0;
  const specOf = (run: number): RunSpec => {
    const generated = withScenario(generate(arbitrary, deriveSeed(seed, String(run))), context, run);
    const isDirected = options.directsInterleavings === true && run % 4 < 2;
    return isDirected ? withDirectedInterleavings(found, generated, deriveSeed(seed, `points ${run}`)) : generated;
  };
  const unspecified = (): Record<string, number> =>
    Object.fromEntries(found.model.unspecified.map(reason => [reason, runs]));
  const follow = (spec: RunSpec) => ({ hasFailed: runBesideModel(found, spec).divergence !== undefined });
  while (runs < maxRuns && steps < maxSteps) {
    const spec = specOf(runs);
    const lockstep = runBesideModel(found, spec);
    runs += 1;
    steps += lockstep.steps;
    countWitnesses(options, found, lockstep, witnesses);
    if (lockstep.divergence !== undefined) {
      const isCounted = context.budget.countsOnly === true;
      const failure = isCounted ? explain(spec) : shortestFailure(runs - 1, specOf, follow, explain, FEW_OPERATIONS);
      return { runs, steps, states: 0, witnesses, unspecified: unspecified(), failure };
    }
  }
  return { runs, steps, states: 0, witnesses, unspecified: unspecified() };
}

function countWitnesses(
  options: RefinementOptions,
  { model }: Workbench,
  lockstep: Lockstep,
  witnesses: Record<string, number>,
): void {
  for (const { id, mode, exit } of options.witnesses) {
    let seen = 0;
    if (mode !== undefined) seen = lockstep.modeVisits[model.compiled.modeIndex(mode)]!;
    if (exit !== undefined) seen = lockstep.exits[exit]!;
    witnesses[id] = (witnesses[id] ?? 0) + seen;
  }
}
