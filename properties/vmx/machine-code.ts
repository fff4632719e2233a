import { programBlocks } from '../../src/arbitraries/machine-code/code-program.ts';
import { codeVocabulary } from '../../src/arbitraries/machine-code/code-vocabulary.ts';
import type { CheckContext, Failure, Task, TaskResult } from '../../src/engine/property.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import type { RunSpec, SubjectProgram } from '../../src/trace/trace.ts';
import { createRng, deriveSeed } from '../../src/units/rng.ts';
import { finiteKernel } from '../finite-kernel.ts';
import { BUDGET_FACTOR } from '../refinement-property.ts';
import { runProperty } from '../run-property.ts';
import { judgeWatched, watchedOf } from '../watched-runs.ts';
import type { Workbench } from '../workbench.ts';

const ID = 'vmx/machine-code-refinement';
const RUNS = 12;
const MAX_KERNEL_STEPS = 120;
const INSTRUCTIONS_PER_FRAME = 400;
const MIN_BLOCKS = 4;
const MAX_BLOCKS = 28;
const MAJOR_FRAMES = 4;

/** One run: generated machine code in `subject`, the scenario's software in all others. */
function specOf(context: CheckContext, found: Workbench, subject: string, seed: number): RunSpec | undefined {
  const { bench, vocabularies } = found;
  const { kernel, time } = bench.system;
  const words = vocabularies.find(row => row.subject === subject)!;
  const vocabulary = codeVocabulary(context.document, kernel.tables, words, true);
  if (vocabulary === undefined) return undefined;
  const rng = createRng(seed);
  const blocks = Array.from({ length: MIN_BLOCKS + rng.below(MAX_BLOCKS) }, () => rng.next());
  const others = context.software.filter(row => row.subject !== subject).map((row): SubjectProgram => row);
  return {
    cyclesPerInstruction: cyclesPerInstruction(time, INSTRUCTIONS_PER_FRAME),
    endTsc: time.startTsc + MAJOR_FRAMES * kernel.tables.majorFrames[0]!.periodCycles,
    maxKernelSteps: Math.min(MAX_KERNEL_STEPS, context.budget.maxSteps ?? MAX_KERNEL_STEPS),
    programs: [...others, { subject, machineCode: programBlocks(blocks, vocabulary) }],
    interrupts: [],
    interleavings: [],
  };
}

function runSlice(
  context: CheckContext,
  found: Workbench,
  task: Task,
  explain: (spec: RunSpec) => Failure,
): TaskResult {
  const subject = String(task.slice.subject);
  const maxRuns = context.budget.runs ?? RUNS * BUDGET_FACTOR[context.budget.name];
  const witnesses: Record<string, number> = { exit: 0, entered: 0 };
  let steps = 0;
  for (let index = 0; index < maxRuns; index++) {
    const spec = specOf(context, found, subject, deriveSeed(context.seed, `${ID} ${subject} ${index}`));
    if (spec === undefined) return { runs: 0, steps: 0, states: 0, witnesses, unspecified: {} };
    const watched = watchedOf(context);
    const run = watched.run(spec);
    if (!run.ok) continue;
    const { system } = watched.bench;
    const { lockstep, what } = run.value;
    steps += lockstep.steps;
    const id = system.kernel.tables.subjects.find(row => row.name === subject)!.id;
    if (system.hosted[id]!.retiredCount > 0) witnesses.entered! += 1;
    witnesses.exit! += lockstep.exits.reduce((sum, count) => sum + count, 0);
    if (what !== '') return { runs: index + 1, steps, states: 0, witnesses, unspecified: {}, failure: explain(spec) };
  }
  return { runs: maxRuns, steps, states: 0, witnesses, unspecified: {} };
}

/** Generated x86 programs on the processor, the kernel beside its model. */
export const machineCodeRefinement = runProperty({
  id: ID,
  area: 'vmx',
  claim:
    'Whatever machine code a subject runs, the processor leaves guest mode where the policy says, and the kernel does at each exit what the model says.',
  method: 'step refinement with frame condition',
  passes: 'tested',
  witnesses: [
    { id: 'entered', description: 'a run in which the machine code executed' },
    { id: 'exit', description: 'a VM exit' },
  ],
  killedBy: ['event-to-wrong-subject', 'vmcs-not-switched'],
  tasks: context =>
    context.document.subjects.map(({ name }, index) => ({ property: ID, index, slice: { subject: name } })),
  runSlice,
  judge: judgeWatched,
  finite: finiteKernel,
});
