import { codeVocabulary } from '../../src/arbitraries/machine-code/code-vocabulary.ts';
import { CodeWriter, Reg } from '../../src/arbitraries/machine-code/code-writer.ts';
import type { CheckContext, Failure, Task, TaskResult } from '../../src/engine/property.ts';
import { hexOfBytes } from '../../src/impl/machine-code/code-image.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import type { RunSpec } from '../../src/trace/trace.ts';
import { BUDGET_FACTOR } from '../refinement-property.ts';
import { runProperty } from '../run-property.ts';
import { judgeWatched, watchedOf } from '../watched-runs.ts';
import type { Workbench } from '../workbench.ts';

const ID = 'isolation/loads-confined';
const INSTRUCTIONS_PER_FRAME = 100;
/** The exit that a refused load causes, and what its handling leads to. */
const MAX_KERNEL_STEPS = 12;
const LOAD_BYTES = 8;
/** Loads of a subject: one of its own and one of others, then those at its own borders. */
const MAX_LOADS = 96;
/** However few are asked for: one that may be refused besides one that may not. */
const FEWEST_LOADS = 2;

/** Machine code that loads from an address and then waits. */
function specOf(context: CheckContext, { bench }: Workbench, subject: string, code: string, entry: number): RunSpec {
  const { time, kernel } = bench.system;
  return {
    cyclesPerInstruction: cyclesPerInstruction(time, INSTRUCTIONS_PER_FRAME),
    endTsc: time.startTsc + kernel.tables.majorFrames[0]!.periodCycles,
    maxKernelSteps: Math.min(MAX_KERNEL_STEPS, context.budget.maxSteps ?? MAX_KERNEL_STEPS),
    // Nobody else does anything, so that the subject gets the CPU as soon as the plan lets it.
    programs: [{ subject, machineCode: [{ address: entry, hex: code }] }],
    interrupts: [],
    interleavings: [],
  };
}

/** A load from each side of each border of what a subject maps, and from where others map something. */
function loadsOf(context: CheckContext, found: Workbench, subject: string): readonly RunSpec[] {
  const words = found.vocabularies.find(row => row.subject === subject)!;
  const vocabulary = codeVocabulary(context.document, found.bench.system.kernel.tables, words, true);
  if (vocabulary === undefined) return [];
  const last = words.windows.map(({ address, sizeBytes }) => address + sizeBytes - LOAD_BYTES);
  const limit = Math.max(FEWEST_LOADS, context.budget.runs ?? MAX_LOADS * BUDGET_FACTOR[context.budget.name]);
  const addresses = new Set([...last.slice(0, 1), ...words.probes.slice(0, 1), ...last, ...words.probes]);
  return [...addresses].slice(0, limit).map(address => {
    const writer = new CodeWriter(vocabulary.is64Bit).set(Reg.bx, address).access(Reg.bx, 4, false).emit(0xeb, 0xfe);
    return specOf(context, found, subject, hexOfBytes(Uint8Array.from(writer.bytes)), vocabulary.entry);
  });
}

function runSlice(
  context: CheckContext,
  found: Workbench,
  task: Task,
  explain: (spec: RunSpec) => Failure,
): TaskResult {
  const subject = String(task.slice.subject);
  const id = found.bench.system.kernel.tables.subjects.find(row => row.name === subject)!.id;
  const witnesses: Record<string, number> = { loaded: 0, refused: 0 };
  const watched = watchedOf(context);
  let runs = 0;
  let steps = 0;
  for (const spec of loadsOf(context, found, subject)) {
    const run = watched.run(spec);
    if (!run.ok) continue;
    runs += 1;
    const { lockstep, what } = run.value;
    steps += lockstep.steps;
    const { retiredCount } = watched.bench.system.hosted[id]!;
    // Behind the load stands an endless loop.
    if (retiredCount > 2) witnesses.loaded! += 1;
    else if (retiredCount > 0) witnesses.refused! += 1;
    if (what !== '') return { runs, steps, states: 0, witnesses, unspecified: {}, failure: explain(spec) };
  }
  return { runs, steps, states: 0, witnesses, unspecified: {} };
}

/** Loads of machine code at every border, also those whose values nobody could tell from allowed ones. */
export const loadsConfined = runProperty({
  id: ID,
  area: 'isolation',
  claim: 'What machine code of a subject loads comes only from memory that the policy lets it read.',
  method: 'a load at each border of its memory and of that of others',
  passes: 'tested',
  witnesses: [
    { id: 'loaded', description: 'a load that came to its end' },
    { id: 'refused', description: 'a load that was refused' },
  ],
  killedBy: ['paging-neighbour-mapping'],
  tasks: context =>
    context.document.subjects.map(({ name }, index) => ({ property: ID, index, slice: { subject: name } })),
  runSlice,
  judge: judgeWatched,
});
