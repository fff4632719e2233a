import fc from 'fast-check';
import type { OperationDecoder } from '../../src/arbitraries/decode-operation.ts';
import { generate } from '../../src/arbitraries/run-spec.ts';
import { minimise } from '../../src/engine/minimise.ts';
import type { CheckContext, Failure, Property, Task, TaskResult } from '../../src/engine/property.ts';
import type { PairCount } from '../../src/engine/verdict.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import {
  firstMemoryDifference,
  firstViewDifference,
  PairObserver,
  ReadableFrames,
  readableMemory,
  type SubjectView,
} from '../../src/refinement/noninterference.ts';
import type { RunSpec, SubjectProgram, Trace, TraceBody, TraceOutcome } from '../../src/trace/trace.ts';
import { defined } from '../../src/units/invariant.ts';
import type { Operation } from '../../src/units/operation.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { cannotRun, isWorkbench, subjectLine, timeline, type Workbench, workbench } from '../workbench.ts';
import { type PairPlan, pairPlan } from './pair-plan.ts';

/** Effective runs that every pair gets at the smoke budget. */
const EFFECTIVE_RUNS = 20;
/** Runs tried per pair before it counts as not effective enough. */
const MAX_TRIES = 120;
const BUDGET_FACTOR = { smoke: 1, deep: 20, exhaustive: 200 } as const;
const HIGH_OPERATIONS = 20;
const OTHER_OPERATIONS = 60;
const MAJOR_FRAMES = 2;
const OPERATIONS_PER_FRAME = 3;
/** Beyond what any run of two major frames needs. */
const MAX_KERNEL_STEPS = 100_000;
const MAX_DIGESTS = 128;

interface PairBody {
  readonly high: string;
  readonly low: string;
  readonly left: RunSpec;
  readonly right: RunSpec;
}

/** What a pair of runs showed. */
interface PairOutcome {
  /** The high subject really behaved differently, and the low subject ran. */
  readonly effective: boolean;
  /** Empty if the low subject saw no difference. */
  readonly difference: string;
  readonly steps: number;
  readonly stepOfDifference: number;
}

/**
 * Noninterference of every ordered pair of subjects: two runs that differ only in the program of `high` look the same to
 * `low` in registers, memory, interrupts and every time value it reads, operation by operation.
 */
export const noninterference: Property = {
  id: 'isolation/noninterference',
  area: 'isolation',
  claim: 'A subject learns nothing from what another subject does, except over a flow that the policy permits.',
  method: 'pair runs',
  passes: 'tested',
  witnesses: [{ id: 'effective-run', description: 'a pair of runs in which the high subject behaved differently and the low subject ran' }],
  killedBy: ['event-to-wrong-subject', 'registers-not-cleared', 'interrupt-to-wrong-subject'],
  notApplicable: context => cannotRun(context) || (someTestable(context) ? '' : 'no ordered pair of subjects is without a permitted flow'),
  tasks: context => context.document.subjects.map((subject, index): Task => ({ property: 'isolation/noninterference', index, slice: { high: subject.name } })),
  runTask,
  replay(context, trace: Trace) {
    const found = workbench(context);
    if (!isWorkbench(found) || trace.body.kind !== 'pair') return undefined;
    return outcomeOf(context, found, trace.body, true);
  },
};

function someTestable(context: CheckContext): boolean {
  const found = workbench(context);
  if (!isWorkbench(found)) return false;
  const names = context.document.subjects.map(subject => subject.name);
  return names.some(high => names.some(low => high !== low && !('excluded' in pairPlan(context, found, high, low, 0, 1))));
}

function runTask(context: CheckContext, task: Task): TaskResult {
  const found = workbench(context);
  const empty = { runs: 0, steps: 0, states: 0, witnesses: {}, unspecified: {} };
  if (!isWorkbench(found)) return empty;
  const high = String(task.slice['high']);
  const pairs: PairCount[] = [];
  let runs = 0;
  let steps = 0;
  let effective = 0;
  for (const { name: low } of context.document.subjects) {
    if (low === high) continue;
    const result = testPair(context, found, high, low);
    runs += result.count.totalRuns;
    steps += result.steps;
    effective += result.count.effectiveRuns;
    pairs.push(result.count);
    if (result.failure !== undefined) {
      return { ...empty, runs, steps, witnesses: { 'effective-run': effective }, pairs, failure: result.failure };
    }
  }
  return { ...empty, runs, steps, witnesses: { 'effective-run': effective }, pairs };
}

interface PairTest {
  readonly count: PairCount;
  readonly steps: number;
  readonly failure?: Failure;
}

function testPair(context: CheckContext, found: Workbench, high: string, low: string): PairTest {
  const { time, kernel } = found.bench.system;
  const endTsc = time.startTsc + kernel.tables.majorFrames[0]!.periodCycles * MAJOR_FRAMES;
  const plan = pairPlan(context, found, high, low, time.startTsc, endTsc);
  if ('excluded' in plan) return { count: { high, low, effectiveRuns: 0, totalRuns: 0, excluded: plan.excluded }, steps: 0 };
  const arbitrary = pairArbitrary(plan, high, low, endTsc, cyclesPerInstruction(time, OPERATIONS_PER_FRAME));
  const seed = deriveSeed(context.seed, `isolation/noninterference ${high} ${low}`);
  const wanted = context.budget.runs ?? EFFECTIVE_RUNS * BUDGET_FACTOR[context.budget.name];
  const frames = new ReadableFrames(context.document, low);
  let totalRuns = 0;
  let effectiveRuns = 0;
  let steps = 0;
  while (effectiveRuns < wanted && totalRuns < Math.max(MAX_TRIES, 3 * wanted)) {
    const pair = generate(arbitrary, deriveSeed(seed, String(totalRuns)));
    const outcome = comparePair(found, pair, frames, false);
    totalRuns += 1;
    steps += outcome.steps;
    if (outcome.effective) effectiveRuns += 1;
    if (outcome.difference !== '') {
      return { count: { high, low, effectiveRuns, totalRuns }, steps, failure: explain(context, found, pair) };
    }
  }
  if (effectiveRuns === 0) {
    const reason = `no effective run in ${totalRuns}: one of the two never ran`;
    return { count: { high, low, effectiveRuns, totalRuns, excluded: reason }, steps };
  }
  return { count: { high, low, effectiveRuns, totalRuns }, steps };
}

const words = (maxLength: number): fc.Arbitrary<readonly number[]> => fc.array(fc.nat(0x7fff_ffff), { maxLength, size: 'max' });

function pairArbitrary(
  plan: Exclude<PairPlan, { readonly excluded: string }>,
  high: string,
  low: string,
  endTsc: number,
  cycles: number,
): fc.Arbitrary<PairBody> {
  const commonDecoders = [{ subject: low, decoder: plan.low }, ...plan.others];
  // Half of the common operations are the low subject's own, so that it looks around while others act.
  const common = fc.array(fc.tuple(fc.nat(2 * commonDecoders.length - 1), fc.nat(0x7fff_ffff)), { maxLength: OTHER_OPERATIONS, size: 'max' });
  return fc.record({ common, left: words(HIGH_OPERATIONS), right: words(HIGH_OPERATIONS) }).map(({ common: steps, left, right }): PairBody => {
    const programs = new Map<string, Operation[]>();
    for (const [subject, operations] of plan.preludes) if (subject !== high) programs.set(subject, [...operations]);
    for (const [index, word] of steps) {
      const { subject, decoder } = commonDecoders[index < commonDecoders.length ? index : 0]!;
      const program = programs.get(subject) ?? [];
      program.push(decoder.decode(word));
      programs.set(subject, program);
    }
    const commonPrograms: SubjectProgram[] = [...programs].map(([subject, operations]) => ({ subject, operations }));
    const side = (list: readonly number[]): RunSpec => ({
      cyclesPerInstruction: cycles,
      endTsc,
      maxKernelSteps: MAX_KERNEL_STEPS,
      programs: [{ subject: high, operations: highProgram(plan.high, plan.preludes.get(high) ?? [], list) }, ...commonPrograms],
      interrupts: [],
      interleavings: [],
    });
    return { high, low, left: side(left), right: side(right) };
  });
}

const highProgram = (decoder: OperationDecoder, prelude: readonly Operation[], list: readonly number[]): readonly Operation[] => [
  ...prelude,
  ...list.map(word => decoder.decode(word)),
];

interface Side {
  readonly observer: PairObserver;
  readonly memory: ReadonlyMap<number, string>;
  readonly steps: number;
  /** The system stopped, or the run's step limit ended it: the two sides need not end at the same time. */
  readonly cutShort: boolean;
}

function runSide(found: Workbench, pair: PairBody, spec: RunSpec, frames: ReadableFrames, withDetails: boolean): Side {
  const { bench } = found;
  const id = (name: string): number => bench.system.kernel.tables.subjects.find(row => row.name === name)?.id ?? -1;
  const observer = new PairObserver(bench.system, id(pair.low), id(pair.high), withDetails);
  bench.run(spec, observer, () => false);
  return {
    observer,
    memory: readableMemory(bench.system, frames),
    steps: bench.system.kernelSteps,
    cutShort: bench.system.kernel.platform.power !== 'running' || bench.system.kernelSteps >= spec.maxKernelSteps,
  };
}

/** Runs both sides and compares what the low subject saw. */
function comparePair(found: Workbench, pair: PairBody, frames: ReadableFrames, withDetails: boolean): PairOutcome {
  const left = runSide(found, pair, pair.left, frames, withDetails);
  const right = runSide(found, pair, pair.right, frames, withDetails);
  const steps = left.steps + right.steps;
  const isHighDifferent = firstViewDifference(left.observer.high, right.observer.high) >= 0 || left.observer.high.hashes.length !== right.observer.high.hashes.length;
  const effective = isHighDifferent && left.observer.low.hashes.length > 0 && right.observer.low.hashes.length > 0;
  const at = firstViewDifference(left.observer.low, right.observer.low);
  if (at >= 0) return { effective, difference: describeView(pair.low, left.observer.low, right.observer.low, at), steps, stepOfDifference: at };
  const frame = left.cutShort || right.cutShort ? -1 : firstMemoryDifference(left.memory, right.memory);
  const difference = frame < 0 ? '' : `memory that ${pair.low} can read differs at the end: frame 0x${frame.toString(16)}`;
  return { effective, difference, steps, stepOfDifference: -1 };
}

function describeView(low: string, left: SubjectView, right: SubjectView, at: number): string {
  const a = left.details?.[at];
  const b = right.details?.[at];
  const place = `${low} sees a difference at its operation ${at}`;
  if (a === undefined || b === undefined) return place;
  if (a.vectors !== b.vectors) return `${place}: interrupts [${a.vectors}] on the left, [${b.vectors}] on the right`;
  if (a.low !== b.low || a.high !== b.high) return `${place}: it reads 0x${a.high.toString(16)}_${a.low.toString(16)} on the left, 0x${b.high.toString(16)}_${b.low.toString(16)} on the right`;
  if (a.exit !== b.exit) return `${place}: exit ${a.exit} on the left, ${b.exit} on the right`;
  return `${place}: its registers differ`;
}

function explain(context: CheckContext, found: Workbench, pair: PairBody): Failure {
  const fails = (body: TraceBody): TraceOutcome | undefined => (body.kind === 'pair' ? outcomeOf(context, found, body, false) : undefined);
  const body: TraceBody = { kind: 'pair', ...pair };
  const first = defined(fails(body), 'outcome of a pair that just failed');
  const small = minimise({ body, outcome: first }, fails);
  const smallest = small.body.kind === 'pair' ? small.body : { ...pair, kind: 'pair' as const };
  return { body: smallest, outcome: defined(outcomeOf(context, found, smallest, true), 'outcome of the minimised pair') };
}

function outcomeOf(context: CheckContext, found: Workbench, pair: PairBody, isFull: boolean): TraceOutcome | undefined {
  const { difference } = comparePair(found, pair, new ReadableFrames(context.document, pair.low), isFull);
  if (difference === '') return undefined;
  const { bench } = found;
  return {
    summary: difference,
    explanation: isFull
      ? [
          `Let left and right differ only in the program of ${pair.high}.`,
          `Then ${difference}.`,
          `The policy permits no flow from ${pair.high} to ${pair.low}: a contradiction.`,
        ]
      : [],
    policyLines: [subjectLine(context, pair.high), subjectLine(context, pair.low)].filter(line => line > 0),
    timeline: isFull ? timeline(bench.system, bench, pair.left, MAX_DIGESTS) : [],
    digests: isFull ? [...bench.digests(pair.left, MAX_DIGESTS), ...bench.digests(pair.right, MAX_DIGESTS)] : [],
  };
}
