import type { Notification } from '../../src/arbitraries/vocabulary.ts';
import type { CheckContext, Property, Task } from '../../src/engine/property.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import type { RunSpec, SubjectProgram } from '../../src/trace/trace.ts';
import type { Operation } from '../../src/units/operation.ts';
import { finiteKernel } from '../finite-kernel.ts';
import { joinPreludes, type Preludes, prelude } from '../preludes.ts';
import { judgeByModel, runBesideModel } from '../refinement-judge.ts';
import { runProperty } from '../run-property.ts';
import { isWorkbench, type Workbench, workbench } from '../workbench.ts';

const ID = 'events/every-reset';
const MAJOR_FRAMES = 3;
const OPERATIONS_PER_FRAME = 6;
const MAX_KERNEL_STEPS = 600;

const XSETBV: Operation = { kind: 'exit', reason: 55, qualification: 0, interruptInfo: 0 };
const load = (register: number, low: number): Operation => ({ kind: 'load', register, low, high: 0 });
const write = (place: number, low: number): Operation => ({ kind: 'writeFpu', place, low, high: low });
/** IA32_LSTAR, which guests with system calls of their own have. */
const LSTAR = 0xc000_0082;
/** CR2, RAX, R8 and R15 in the order of the state page. */
const REGISTERS: readonly number[] = [0, 1, 8, 15];

/** What a subject may have done to its state before it is reset; timed events that are due at once and never. */
const FORMER_LIVES: readonly (readonly Operation[])[] = [
  [],
  REGISTERS.map(register => load(register, register + 1)),
  [load(1, 1), XSETBV],
  [load(1, 3), XSETBV],
  [{ kind: 'sti' }],
  [write(3, 0x1234), write(5, 0x55aa)],
  [{ kind: 'wrmsr', index: LSTAR, low: 0x1000, high: 0 }],
  [{ kind: 'timedEvent', low: 0, high: 0, event: 1 }],
  [{ kind: 'timedEvent', low: 0, high: 0x7fff_ffff, event: 2 }],
];

/** Former lives of a subject: the general ones, and each event that it sends to itself. */
function livesOf({ vocabularies }: Workbench, subject: string): readonly (readonly Operation[])[] {
  const own = vocabularies.find(row => row.subject === subject)?.vmcalls.filter(row => row.target === subject) ?? [];
  return [...FORMER_LIVES, ...own.map(row => [call(row)])];
}

/** One subject that resets another one, and what it can tell it besides. */
interface Resetter {
  readonly from: string;
  readonly reset: Notification;
  readonly others: readonly Notification[];
}

function resettersOf({ vocabularies }: Workbench): readonly Resetter[] {
  return vocabularies.flatMap(({ subject, vmcalls }) =>
    vmcalls
      .filter(call => call.targetAction === 'reset' && call.target !== subject)
      .map(reset => ({
        from: subject,
        reset,
        others: vmcalls.filter(
          call => call.target === reset.target && call.targetAction !== 'reset' && call.mode !== 'switch',
        ),
      })),
  );
}

const call = ({ number }: Notification): Operation => ({ kind: 'vmcall', low: number, high: 0, cpl: 0 });

/** A run in which the target lives its former life, then is told something perhaps, and reset. */
function runOf(
  context: CheckContext,
  found: Workbench,
  resetter: Resetter,
  life: readonly Operation[],
  told: readonly Operation[],
): RunSpec {
  const { from, reset } = resetter;
  const { time, kernel } = found.bench.system;
  const own: Preludes = new Map([
    [reset.target, life],
    [from, [...told, call(reset)]],
  ]);
  // The target lives before the way to the resetter goes on from it.
  const way = joinPreludes([prelude(context, found, from), own]);
  const programs = joinPreludes([way, prelude(context, found, reset.target)]);
  return {
    cyclesPerInstruction: cyclesPerInstruction(time, OPERATIONS_PER_FRAME),
    endTsc: time.startTsc + kernel.tables.majorFrames[0]!.periodCycles * MAJOR_FRAMES,
    maxKernelSteps: MAX_KERNEL_STEPS,
    programs: [...programs].map(([subject, operations]): SubjectProgram => ({ subject, operations })),
    interrupts: [],
    interleavings: [],
  };
}

/** Resets of a subject by another one, after each of a closed list of former lives. */
export const everyReset: Property = runProperty({
  id: ID,
  area: 'events',
  claim:
    'After a reset by an event registers, FPU state, XCR0, stored MSRs, pending events, interrupts and the timed event of a subject are what the policy says, whatever it did and was told before.',
  method: 'step refinement over every case',
  passes: 'exhausted',
  witnesses: [{ id: 'reset', description: 'a subject was reset' }],
  killedBy: [
    'reset-keeps-fpu',
    'reset-keeps-interrupts',
    'lowest-event-first',
    'msr-store-not-cleared',
    'msrs-not-loaded',
    'reset-misses-xcr0',
  ],
  alsoNotApplicable(context) {
    const found = workbench(context);
    return isWorkbench(found) && resettersOf(found).length > 0 ? '' : 'no subject can reset another one';
  },
  tasks: () => [{ property: ID, index: 0, slice: {} }] satisfies readonly Task[],
  runSlice(context, found, _task, explain) {
    const reset = found.model.compiled.modeIndex('access.clearEvents');
    let runs = 0;
    let steps = 0;
    let resets = 0;
    const unreached: Record<string, number> = {};
    for (const resetter of resettersOf(found)) {
      for (const told of [[], ...resetter.others.map(other => [call(other)])]) {
        for (const life of livesOf(found, resetter.reset.target)) {
          const spec = runOf(context, found, resetter, life, told);
          const lockstep = runBesideModel(found, spec);
          runs += 1;
          steps += lockstep.steps;
          resets += lockstep.modeVisits[reset]!;
          if (lockstep.modeVisits[reset] === 0) {
            const why = `${resetter.from} does not get to reset ${resetter.reset.target}`;
            unreached[why] = (unreached[why] ?? 0) + 1;
          }
          if (lockstep.divergence !== undefined) {
            return { runs, steps, states: runs, witnesses: { reset: resets }, unspecified: {}, failure: explain(spec) };
          }
        }
      }
    }
    return { runs, steps, states: runs, witnesses: { reset: resets }, unspecified: unreached };
  },
  judge: judgeByModel,
  finite: finiteKernel,
});
