import type { Notification } from '../src/arbitraries/vocabulary.ts';
import type { CheckContext } from '../src/engine/property.ts';
import type { SystemObserver } from '../src/impl/system-observer.ts';
import { cyclesPerInstruction } from '../src/impl/time-model.ts';
import type { RunSpec, SubjectProgram } from '../src/trace/trace.ts';
import type { Operation } from '../src/units/operation.ts';
import { joinPreludes, type Preludes, prelude } from './preludes.ts';
import type { Workbench } from './workbench.ts';

/** A short run in which something else is to happen at every single moment. */
export interface Scene {
  readonly name: string;
  readonly spec: RunSpec;
}

const OPERATIONS_PER_FRAME = 24;
const MAX_KERNEL_STEPS = 60;
const MAJOR_FRAMES = 2;

/** Operations after which a sender raises its event, so late that only a CPU that is given precedence raises it while the target waits. */
const LATE = 12;
/** Operations of a target between the first one of its sender and its wait. */
const MARGIN = 4;

const STI: Operation = { kind: 'sti' };
const CLI: Operation = { kind: 'cli' };
const NOP: Operation = { kind: 'nop' };
const repeated = (count: number): readonly Operation[] => Array.from({ length: count }, () => NOP);
export const callOf = (row: Notification): Operation => ({ kind: 'vmcall', low: row.number, high: 0, cpl: 0 });

/** Calls of a subject that make it wait. */
const waitsOf = ({ vocabularies }: Workbench, subject: string): readonly Notification[] =>
  vocabularies
    .find(row => row.subject === subject)
    ?.vmcalls.filter(row => row.action === 'subject_sleep' || row.action === 'subject_yield') ?? [];

/** A run of the given programs, with every subject in them brought to its CPU. */
export function sceneRun(context: CheckContext, found: Workbench, own: Preludes): RunSpec {
  const { time, kernel } = found.bench.system;
  const ways = [...own.keys()].map(subject => prelude(context, found, subject));
  const programs = joinPreludes([own, ...ways]);
  return {
    cyclesPerInstruction: cyclesPerInstruction(time, OPERATIONS_PER_FRAME),
    endTsc: time.startTsc + kernel.tables.majorFrames[0]!.periodCycles * MAJOR_FRAMES,
    maxKernelSteps: MAX_KERNEL_STEPS,
    programs: [...programs].map(([subject, operations]): SubjectProgram => ({ subject, operations })),
    interrupts: [],
    interleavings: [],
  };
}

/** Operations that `target` has executed when `sender` executes its first one. */
function operationsUntil(context: CheckContext, found: Workbench, sender: string, target: string): number {
  const spin: Preludes = new Map([
    [sender, [NOP]],
    [target, [NOP]],
  ]);
  const names = found.model.config.subjectNames;
  let count = 0;
  let hasStarted = false;
  const onOperation: SystemObserver['onOperation'] = (_cpu, subject) => {
    if (names[subject] === sender) hasStarted = true;
    if (names[subject] === target) count += 1;
  };
  found.bench.run(sceneRun(context, found, spin), { onOperation }, () => hasStarted);
  return count;
}

/** One subject waits while another one, on another CPU, tells it something; and frames that just end. */
export function wakeUpScenes(context: CheckContext, found: Workbench): readonly Scene[] {
  const cpuOf = new Map(context.document.subjects.map(subject => [subject.name, subject.cpu]));
  const scenes: Scene[] = [{ name: 'frames that end', spec: sceneRun(context, found, new Map()) }];
  for (const { subject, vmcalls } of found.vocabularies) {
    for (const call of vmcalls) {
      if (call.target === '' || call.mode === 'switch' || cpuOf.get(call.target) === cpuOf.get(subject)) continue;
      const waits = waitsOf(found, call.target);
      const meeting = operationsUntil(context, found, subject, call.target);
      for (const wait of waits.length > 0 ? waits : [undefined]) {
        const waiting = wait === undefined ? [NOP, NOP] : [callOf(wait), NOP, callOf(wait)];
        const what = wait === undefined ? 'runs' : `calls ${wait.event}`;
        for (const [raise, pause] of [[0, 0] as const, [LATE, meeting + MARGIN] as const]) {
          const raising = [...repeated(raise), callOf(call)];
          const own = new Map([
            [subject, raising],
            [call.target, [STI, ...repeated(pause), ...waiting]],
          ]);
          scenes.push({
            name: `${subject} raises ${call.event} after ${raise} operations, ${call.target} ${what} after ${pause}`,
            spec: sceneRun(context, found, own),
          });
        }
      }
    }
  }
  return scenes;
}

/** The owner of an interrupt waits, if it can, and switches interrupts on and off. */
export function ownerScene(context: CheckContext, found: Workbench, owner: string): RunSpec {
  const [wait] = waitsOf(found, owner);
  const unmasks =
    found.vocabularies.find(row => row.subject === owner)?.vmcalls.filter(row => row.action === 'unmask_irq') ?? [];
  const own = [STI, NOP, ...unmasks.map(callOf), CLI, NOP, STI, ...(wait === undefined ? [] : [callOf(wait)]), NOP];
  return sceneRun(context, found, new Map([[owner, own]]));
}
