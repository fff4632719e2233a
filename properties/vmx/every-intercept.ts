import { preludeCode } from '../../src/arbitraries/machine-code/code-program.ts';
import { codeVocabulary } from '../../src/arbitraries/machine-code/code-vocabulary.ts';
import { type InterceptCase, interceptCases, NO_EXIT } from '../../src/arbitraries/machine-code/intercept-cases.ts';
import type { CheckContext, Failure, Task, TaskResult } from '../../src/engine/property.ts';
import { guestRip } from '../../src/impl/hosted-subject.ts';
import { hexOfBytes } from '../../src/impl/machine-code/code-image.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import { ENTRY_FAILURE } from '../../src/impl/vmx/exit-reasons.ts';
import { vmcsWord } from '../../src/impl/vmx/vmcs.ts';
import type { RunSpec, SubjectProgram } from '../../src/trace/trace.ts';
import { prelude } from '../preludes.ts';
import { type RunFinding, runProperty } from '../run-property.ts';
import { subjectLine, type Workbench } from '../workbench.ts';

const ID = 'vmx/every-intercept';
const INSTRUCTIONS_PER_FRAME = 40;
const MAX_KERNEL_STEPS = 60;
/** Exits that come from outside, whatever the subject executes. */
const PLATFORM_EXITS = [1, 7, 52];
/** JMP to itself. */
const SPIN = [0xeb, 0xfe];

const FIELD = {
  interruptInfo: vmcsWord('EXIT_INTERRUPT_INFO'),
  qualification: vmcsWord('EXIT_QUALIFICATION'),
  length: vmcsWord('EXIT_INSTRUCTION_LENGTH'),
};

/** What the instruction came to. */
interface Observed {
  /** Instructions executed by the subject. */
  readonly executed: number;
  readonly reason: number;
  readonly vector: number;
  readonly qualification: number;
  readonly length: number;
  readonly rip: number;
}

function observe(found: Workbench, spec: RunSpec, subject: string): Observed {
  const { bench } = found;
  const loaded = bench.load(spec);
  const none: Observed = { executed: 0, reason: NO_EXIT, vector: 0, qualification: 0, length: 0, rip: 0 };
  if (!loaded.ok) return none;
  const { system } = bench;
  const id = system.kernel.tables.subjects.find(row => row.name === subject)!.id;
  let observed = none;
  let isOver = false;
  system.observer = {
    onExit(cpu, who, reason) {
      if (who !== id || reason >= ENTRY_FAILURE) return;
      const executed = system.hosted[id]!.retiredCount;
      if (PLATFORM_EXITS.includes(reason)) {
        isOver = executed > 0 && reason === 52;
        observed = { ...none, executed };
        return;
      }
      isOver = true;
      observed = {
        executed,
        reason,
        vector: cpu.vmread(FIELD.interruptInfo) & 0xff,
        qualification: cpu.vmread(FIELD.qualification),
        length: cpu.vmread(FIELD.length),
        rip: guestRip(cpu),
      };
    },
  };
  while (!isOver && system.step());
  system.observer = {};
  return { ...observed, executed: system.hosted[id]!.retiredCount };
}

const outcomeText = (reason: number, vector: number): string =>
  reason === NO_EXIT ? 'goes on' : reason === 0 ? `exits by exception ${vector}` : `exits with reason ${reason}`;

/** Empty if the instruction came to what the policy says. */
function difference(expected: InterceptCase, observed: Observed): string {
  const wanted = outcomeText(expected.reason, expected.vector ?? 0);
  const got = outcomeText(observed.reason, observed.vector);
  if (wanted !== got) return `${expected.id} ${got}, by the policy it ${wanted}`;
  if (expected.qualification !== undefined && expected.qualification !== observed.qualification)
    return `${expected.id}: exit qualification 0x${observed.qualification.toString(16)}, by the manual 0x${expected.qualification.toString(16)}`;
  if (expected.rip !== undefined && expected.rip !== observed.rip)
    return `${expected.id} exits at RIP 0x${observed.rip.toString(16)}`;
  if (expected.length !== undefined && expected.length !== observed.length)
    return `${expected.id}: instruction length ${observed.length} instead of ${expected.length}`;
  return '';
}

interface Scene {
  readonly subject: string;
  readonly cases: readonly InterceptCase[];
  readonly specOf: (row: InterceptCase) => RunSpec;
}

/** The subject as the first on its CPU; undefined if it cannot get there by calls, or has no code. */
function sceneOf(context: CheckContext, found: Workbench, subject: string): Scene | undefined {
  const { kernel, time } = found.bench.system;
  const words = found.vocabularies.find(row => row.subject === subject)!;
  const vocabulary = codeVocabulary(context.document, kernel.tables, words, true);
  const declared = context.document.subjects.find(row => row.name === subject);
  if (vocabulary === undefined || declared === undefined || declared.siblingOf !== undefined) return undefined;
  const way = prelude(context, found, subject);
  const own = preludeCode(way.get(subject) ?? [], vocabulary);
  if (own === undefined) return undefined;
  const others = [...way].filter(([name]) => name !== subject);
  return {
    subject,
    cases: interceptCases(context.document, declared),
    specOf: row => ({
      cyclesPerInstruction: cyclesPerInstruction(time, INSTRUCTIONS_PER_FRAME),
      endTsc: time.startTsc + 2 * kernel.tables.majorFrames[0]!.periodCycles,
      maxKernelSteps: MAX_KERNEL_STEPS,
      programs: [
        ...others.map(([name, operations]): SubjectProgram => ({ subject: name, operations })),
        {
          subject,
          machineCode: [
            { address: vocabulary.entry, hex: hexOfBytes(Uint8Array.from([...own.flat(), ...row.bytes, ...SPIN])) },
          ],
        },
      ],
      interrupts: [],
      interleavings: [],
    }),
  };
}

function runSlice(
  context: CheckContext,
  found: Workbench,
  task: Task,
  explain: (spec: RunSpec) => Failure,
): TaskResult {
  const scene = sceneOf(context, found, String(task.slice.subject));
  const witnesses = { exit: 0, 'no-exit': 0 };
  if (scene === undefined)
    return {
      runs: 0,
      steps: 0,
      states: 0,
      witnesses,
      unspecified: { [`${task.slice.subject} has no way to the CPU by calls`]: 1 },
    };
  let states = 0;
  let unreached = 0;
  for (const [index, row] of scene.cases.entries()) {
    const spec = scene.specOf(row);
    const observed = observe(found, spec, scene.subject);
    if (observed.executed === 0) unreached += 1;
    else {
      states += 1;
      witnesses[observed.reason === NO_EXIT ? 'no-exit' : 'exit'] += 1;
      if (difference(row, observed) !== '')
        return { runs: index + 1, steps: index + 1, states, witnesses, unspecified: {}, failure: explain(spec) };
    }
  }
  const unspecified: Record<string, number> =
    unreached === 0 ? {} : { [`${scene.subject} does not get to the CPU`]: unreached };
  return { runs: scene.cases.length, steps: scene.cases.length, states, witnesses, unspecified };
}

/** The case that a spec is about, by its bytes. */
function judge(context: CheckContext, found: Workbench, spec: RunSpec): RunFinding {
  const fine: RunFinding = { what: '', explanation: [], policyLines: [], step: 0 };
  const program = spec.programs.find(row => 'machineCode' in row);
  if (program === undefined || !('machineCode' in program)) return fine;
  const scene = sceneOf(context, found, program.subject);
  const row = scene?.cases.find(candidate => JSON.stringify(scene.specOf(candidate)) === JSON.stringify(spec));
  if (row === undefined) return fine;
  const what = difference(row, observe(found, spec, program.subject));
  if (what === '') return fine;
  return {
    what: `${program.subject}: ${what}`,
    explanation: [
      `Let ${program.subject} execute ${row.id} as its first instruction of interest.`,
      `Then ${what}: the processor does not do what the controls, bitmaps and mappings of the policy say.`,
    ],
    policyLines: [subjectLine(context, program.subject)].filter(line => line > 0),
    step: found.bench.system.kernelSteps,
  };
}

/** Every intercepted instruction, port, MSR and mapping border of every subject, as machine code. */
export const everyIntercept = runProperty({
  id: ID,
  area: 'vmx',
  claim:
    'Each instruction, port, MSR and border of memory leaves guest mode exactly if controls, masks, bitmaps and mappings of the policy say so, with the exit information of the manual.',
  method: 'every case as machine code',
  passes: 'exhausted',
  witnesses: [
    { id: 'exit', description: 'an instruction that exits' },
    { id: 'no-exit', description: 'an instruction that does not exit' },
  ],
  killedBy: [
    'guest-io-bitmap-width',
    'guest-io-bitmap-b',
    'guest-msr-bitmap-range',
    'guest-msr-write-as-read',
    'guest-cr3-load-unchecked',
    'guest-cr-mask-ignored',
    'guest-dr-unchecked',
    'guest-rdtsc-unchecked',
    'guest-wbinvd-unchecked',
    'guest-page-fault-unchecked',
    'guest-ept-write-as-read',
    'guest-ept-execute-ignored',
    'guest-length-short',
    'guest-io-direction-lost',
  ],
  tasks: context =>
    context.document.subjects.map(({ name }, index) => ({ property: ID, index, slice: { subject: name } })),
  runSlice,
  judge,
});
