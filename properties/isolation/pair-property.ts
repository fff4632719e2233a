import fc from 'fast-check';
import { preludeCode, programBlocks } from '../../src/arbitraries/machine-code/code-program.ts';
import { codeVocabulary } from '../../src/arbitraries/machine-code/code-vocabulary.ts';
import { generate } from '../../src/arbitraries/run-spec.ts';
import { minimise } from '../../src/engine/minimise.ts';
import type { CheckContext, Failure, Property, Task, TaskResult } from '../../src/engine/property.ts';
import type { PairCount } from '../../src/engine/verdict.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import {
  firstViewDifference,
  PairObserver,
  ReadableFrames,
  readableMemory,
} from '../../src/refinement/noninterference.ts';
import type {
  ExternalInterrupt,
  RunSpec,
  SubjectProgram,
  Trace,
  TraceBody,
  TraceOutcome,
} from '../../src/trace/trace.ts';
import { defined } from '../../src/units/invariant.ts';
import type { Operation } from '../../src/units/operation.ts';
import { deriveSeed, mix32 } from '../../src/units/rng.ts';
import { cannotRun, isWorkbench, subjectLine, timeline, type Workbench, workbench } from '../workbench.ts';
import { inputsArbitrary } from './pair-inputs.ts';
import { type PairPlan, pairPlan } from './pair-plan.ts';

/** Runs tried per pair before it counts as not effective enough. */
const MAX_TRIES = 120;
const BUDGET_FACTOR = { smoke: 1, deep: 20, exhaustive: 200 } as const;
const HIGH_OPERATIONS = 20;
const OTHER_OPERATIONS = 60;
/** Instructions of machine code that stand for one hosted operation. */
const CODE_FACTOR = 4;
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
}

/** What a property about ordered pairs of subjects adds to the running of pairs. */
export interface PairOptions {
  readonly id: `isolation/${string}`;
  readonly claim: string;
  readonly killedBy: readonly string[];
  /** Effective runs that every pair gets at the smoke budget. */
  readonly effectiveRuns: number;
  /** As many in a system of few subjects, in which there are few pairs; `effectiveRuns` if absent. */
  readonly effectiveRunsOfFew?: number;
  /** The high subject runs generated machine code instead of hosted operations, and in every second run the low one as well. */
  readonly runsMachineCode?: boolean;
  /** Operations and instructions that the shortest minor frame holds. */
  readonly operationsPerFrame?: number;
  /** Describes the first difference between two complete sides, empty if there is none. */
  readonly difference: (low: string, left: Side, right: Side, frames: ReadableFrames) => string;
}

/** A property that holds for every ordered pair of subjects: two runs that differ only in the program of `high` and the interrupts of its devices. */
export function pairProperty(options: PairOptions): Property {
  return {
    id: options.id,
    area: 'isolation',
    claim: options.claim,
    method: 'pair runs',
    runsKernel: true,
    passes: 'tested',
    witnesses: [
      {
        id: 'effective-run',
        description: 'a pair of runs in which the high subject behaved differently and the low subject ran',
      },
    ],
    killedBy: options.killedBy,
    notApplicable: context =>
      cannotRun(context) || (someTestable(context) ? '' : 'no ordered pair of subjects is without a permitted flow'),
    tasks: context =>
      context.document.subjects.map(
        (subject, index): Task => ({ property: options.id, index, slice: { high: subject.name } }),
      ),
    runTask: (context, task) => runTask(options, context, task),
    replay(context, trace: Trace) {
      const found = workbench(context);
      if (!isWorkbench(found) || trace.body.kind !== 'pair') return undefined;
      return outcomeOf(options, context, found, trace.body, true);
    },
  };
}

function someTestable(context: CheckContext): boolean {
  const found = workbench(context);
  if (!isWorkbench(found)) return false;
  const names = context.document.subjects.map(subject => subject.name);
  return names.some(high =>
    names.some(low => high !== low && !('excluded' in pairPlan(context, found, high, low, 0, 1))),
  );
}

function runTask(options: PairOptions, context: CheckContext, task: Task): TaskResult {
  const found = workbench(context);
  const empty = { runs: 0, steps: 0, states: 0, witnesses: {}, unspecified: {} };
  if (!isWorkbench(found)) return empty;
  const high = String(task.slice.high);
  const pairs: PairCount[] = [];
  let runs = 0;
  let steps = 0;
  let effective = 0;
  for (const { name: low } of context.document.subjects) {
    if (low === high) continue;
    const result = testPair(options, context, found, high, low);
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

/** Subjects of a system with few pairs. */
const FEW_SUBJECTS = 6;

interface PairTest {
  readonly count: PairCount;
  readonly steps: number;
  readonly failure?: Failure;
}

function testPair(options: PairOptions, context: CheckContext, found: Workbench, high: string, low: string): PairTest {
  const { time, kernel } = found.bench.system;
  const endTsc = time.startTsc + kernel.tables.majorFrames[0]!.periodCycles * MAJOR_FRAMES;
  const plan = pairPlan(context, found, high, low, time.startTsc, endTsc);
  if ('excluded' in plan)
    return { count: { high, low, effectiveRuns: 0, totalRuns: 0, excluded: plan.excluded }, steps: 0 };
  const inputs = inputsArbitrary(found, high);
  const cycles = cyclesPerInstruction(time, options.operationsPerFrame ?? OPERATIONS_PER_FRAME);
  const codeCycles = cyclesPerInstruction(time, CODE_FACTOR * (options.operationsPerFrame ?? OPERATIONS_PER_FRAME));
  const programOf = options.runsMachineCode === true ? codeOf(context, found, plan, high) : operationsOf(plan, high);
  if (typeof programOf === 'string')
    return { count: { high, low, effectiveRuns: 0, totalRuns: 0, excluded: programOf }, steps: 0 };
  const shape = { high, low, endTsc, cycles, programOf };
  const arbitrary = pairArbitrary(plan, inputs, shape);
  const lowProgramOf = options.runsMachineCode === true ? lowCodeOf(context, found, plan, low) : undefined;
  const codeArbitrary =
    lowProgramOf === undefined
      ? arbitrary
      : pairArbitrary(plan, inputs, { ...shape, cycles: codeCycles, lowProgramOf });
  const seed = deriveSeed(context.seed, `${options.id} ${high} ${low}`);
  const isFew = context.document.subjects.length <= FEW_SUBJECTS;
  const usual = isFew ? (options.effectiveRunsOfFew ?? options.effectiveRuns) : options.effectiveRuns;
  const wanted = context.budget.runs ?? usual * BUDGET_FACTOR[context.budget.name];
  const frames = new ReadableFrames(context.document, low);
  let totalRuns = 0;
  let effectiveRuns = 0;
  let steps = 0;
  while (effectiveRuns < wanted && totalRuns < Math.max(MAX_TRIES, 3 * wanted)) {
    const pair = generate(totalRuns % 2 === 0 ? arbitrary : codeArbitrary, deriveSeed(seed, String(totalRuns)));
    const outcome = comparePair(options, found, pair, frames, false);
    totalRuns += 1;
    steps += outcome.steps;
    if (outcome.effective) effectiveRuns += 1;
    if (outcome.difference !== '') {
      return { count: { high, low, effectiveRuns, totalRuns }, steps, failure: explain(options, context, found, pair) };
    }
  }
  if (effectiveRuns === 0) {
    const reason = `no effective run in ${totalRuns}: one of the two never ran`;
    return { count: { high, low, effectiveRuns, totalRuns, excluded: reason }, steps };
  }
  return { count: { high, low, effectiveRuns, totalRuns }, steps };
}

const words = (maxLength: number): fc.Arbitrary<readonly number[]> =>
  fc.array(fc.nat(0x7fff_ffff), { maxLength, size: 'max' });

type Testable = Exclude<PairPlan, { readonly excluded: string }>;
/** Program of the high subject from random words. */
type ProgramOf = (words: readonly number[]) => SubjectProgram;

interface PairShape {
  readonly high: string;
  readonly low: string;
  readonly endTsc: number;
  readonly cycles: number;
  readonly programOf: ProgramOf;
  /** Program of the low subject where it is not hosted. */
  readonly lowProgramOf?: ProgramOf;
}

function operationsOf(plan: Testable, high: string): ProgramOf {
  const prelude = plan.preludes.get(high) ?? [];
  return list => ({ subject: high, operations: [...prelude, ...list.flatMap(word => plan.high.decode(word))] });
}

/** Machine code for the high subject; a text says why there can be none. */
function codeOf(context: CheckContext, { bench }: Workbench, plan: Testable, high: string): ProgramOf | string {
  const vocabulary = codeVocabulary(context.document, bench.system.kernel.tables, plan.highWords, false);
  if (vocabulary === undefined) return 'no executable memory at the entry point';
  const prelude = preludeCode(plan.preludes.get(high) ?? [], vocabulary);
  if (prelude === undefined) return 'its way to the CPU is not a call';
  return list => ({
    subject: high,
    machineCode: programBlocks(list, vocabulary, [...prelude, marks(vocabulary.is64Bit, list[0] ?? 0)]),
  });
}

/** Values of its own in the registers that only 64-bit code has: traces that a kernel must not leave. */
function marks(is64Bit: boolean, word: number): readonly number[] {
  if (!is64Bit) return [];
  return Array.from({ length: 8 }, (_, register) => {
    const value = mix32(word + register);
    return [0x41, 0xb8 + register, value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  }).flat();
}

/** Machine code for the low subject, the same on both sides; undefined if there can be none. */
function lowCodeOf(
  context: CheckContext,
  { bench, vocabularies }: Workbench,
  plan: Testable,
  low: string,
): ProgramOf | undefined {
  const own = vocabularies.find(row => row.subject === low)!;
  const vocabulary = codeVocabulary(context.document, bench.system.kernel.tables, own, false);
  const prelude = vocabulary === undefined ? undefined : preludeCode(plan.preludes.get(low) ?? [], vocabulary);
  if (vocabulary === undefined || prelude === undefined) return undefined;
  return list => ({ subject: low, machineCode: programBlocks(list, vocabulary, prelude) });
}

function pairArbitrary(
  plan: Testable,
  inputs: fc.Arbitrary<readonly ExternalInterrupt[]>,
  { high, low, endTsc, cycles, programOf, lowProgramOf }: PairShape,
): fc.Arbitrary<PairBody> {
  const commonDecoders = [{ subject: low, decoder: plan.low }, ...plan.others];
  // Half of the common operations are the low subject's own, so that it looks around while others act.
  const common = fc.array(fc.tuple(fc.nat(2 * commonDecoders.length - 1), fc.nat(0x7fff_ffff)), {
    maxLength: OTHER_OPERATIONS,
    size: 'max',
  });
  const own = fc.record({ operations: words(HIGH_OPERATIONS), interrupts: inputs });
  return fc.record({ common, left: own, right: own }).map(({ common: steps, left, right }): PairBody => {
    const programs = new Map<string, Operation[]>();
    for (const [subject, operations] of plan.preludes) if (subject !== high) programs.set(subject, [...operations]);
    const lowWords: number[] = [];
    for (const [index, word] of steps) {
      const { subject, decoder } = commonDecoders[index < commonDecoders.length ? index : 0]!;
      if (subject === low) lowWords.push(word);
      const program = programs.get(subject) ?? [];
      program.push(...decoder.decode(word));
      programs.set(subject, program);
    }
    const commonPrograms: SubjectProgram[] = [...programs].map(([subject, operations]) =>
      subject === low && lowProgramOf !== undefined ? lowProgramOf(lowWords) : { subject, operations },
    );
    const side = ({ operations, interrupts }: typeof left): RunSpec => ({
      cyclesPerInstruction: cycles,
      endTsc,
      maxKernelSteps: MAX_KERNEL_STEPS,
      programs: [programOf(operations), ...commonPrograms],
      interrupts,
      interleavings: [],
    });
    return { high, low, left: side(left), right: side(right) };
  });
}

/** One of the two runs. */
export interface Side {
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
function comparePair(
  options: PairOptions,
  found: Workbench,
  pair: PairBody,
  frames: ReadableFrames,
  withDetails: boolean,
): PairOutcome {
  const left = runSide(found, pair, pair.left, frames, withDetails);
  const right = runSide(found, pair, pair.right, frames, withDetails);
  const steps = left.steps + right.steps;
  const isHighDifferent =
    firstViewDifference(left.observer.high, right.observer.high) >= 0 ||
    left.observer.high.hashes.length !== right.observer.high.hashes.length;
  const effective = isHighDifferent && left.observer.low.hashes.length > 0 && right.observer.low.hashes.length > 0;
  return { effective, difference: options.difference(pair.low, left, right, frames), steps };
}

function explain(options: PairOptions, context: CheckContext, found: Workbench, pair: PairBody): Failure {
  const fails = (body: TraceBody): TraceOutcome | undefined =>
    body.kind === 'pair' ? outcomeOf(options, context, found, body, false) : undefined;
  const body: TraceBody = { kind: 'pair', ...pair };
  const first = defined(fails(body), 'outcome of a pair that just failed');
  const small = minimise({ body, outcome: first }, fails);
  const smallest = small.body.kind === 'pair' ? small.body : { ...pair, kind: 'pair' as const };
  return {
    body: smallest,
    outcome: defined(outcomeOf(options, context, found, smallest, true), 'outcome of the minimised pair'),
  };
}

/** Policy lines of both subjects, and of what a difference names by its line. */
function pairLines(context: CheckContext, { high, low }: PairBody, difference: string): readonly number[] {
  const named = [...difference.matchAll(/policy line (\d+)/g)].map(([, line]) => Number(line));
  return [subjectLine(context, high), subjectLine(context, low), ...named].filter(line => line > 0);
}

function outcomeOf(
  options: PairOptions,
  context: CheckContext,
  found: Workbench,
  pair: PairBody,
  isFull: boolean,
): TraceOutcome | undefined {
  const { difference } = comparePair(options, found, pair, new ReadableFrames(context.document, pair.low), isFull);
  if (difference === '') return undefined;
  const { bench } = found;
  return {
    summary: difference,
    explanation: isFull
      ? [
          `Let left and right differ only in the program of ${pair.high} and the interrupts of its devices.`,
          `Then ${difference}.`,
          `The policy permits no flow from ${pair.high} to ${pair.low}: a contradiction.`,
        ]
      : [],
    policyLines: pairLines(context, pair, difference),
    timeline: isFull ? timeline(bench.system, bench, pair.left, MAX_DIGESTS) : [],
    digests: isFull ? [...bench.digests(pair.left, MAX_DIGESTS), ...bench.digests(pair.right, MAX_DIGESTS)] : [],
  };
}
