import type { Area, Property, Task } from '../src/engine/property.ts';
import { cyclesPerInstruction } from '../src/impl/time-model.ts';
import type { RunSpec, SubjectProgram } from '../src/trace/trace.ts';
import type { Operation } from '../src/units/operation.ts';
import { finiteKernel } from './finite-kernel.ts';
import { prelude } from './preludes.ts';
import { judgeByModel, runBesideModel } from './refinement-judge.ts';
import { runProperty } from './run-property.ts';

export interface ExhaustiveOptions {
  readonly id: `${Area}/${string}`;
  readonly area: Area;
  readonly claim: string;
  readonly killedBy: readonly string[];
  readonly witness: { readonly id: string; readonly description: string };
  /** Every operation to try in every subject. */
  readonly operations: readonly Operation[];
  /** Exit reason that shows that the operation was executed. */
  readonly exitOf: (operation: Operation) => number;
}

const MAJOR_FRAMES = 2;
const OPERATIONS_PER_FRAME = 3;
const MAX_KERNEL_STEPS = 400;

/**
 * A property that tries each of a closed list of operations in each subject, from the first time the subject runs, beside
 * the kernel model. Complete for that list and that starting state.
 */
export function exhaustiveProperty(options: ExhaustiveOptions): Property {
  return runProperty({
    id: options.id,
    area: options.area,
    claim: options.claim,
    method: 'step refinement over every case',
    passes: 'exhausted',
    witnesses: [options.witness],
    killedBy: options.killedBy,
    tasks: context =>
      context.document.subjects.map(
        (subject, index): Task => ({ property: options.id, index, slice: { subject: subject.name } }),
      ),
    runSlice(context, found, task, explain) {
      const subject = String(task.slice.subject);
      const { time, kernel } = found.bench.system;
      const before = prelude(context, found, subject);
      let steps = 0;
      let reached = 0;
      let unreached = 0;
      for (const [index, operation] of options.operations.entries()) {
        const programs = new Map<string, readonly Operation[]>(before);
        programs.set(subject, [...(before.get(subject) ?? []), operation]);
        const spec: RunSpec = {
          cyclesPerInstruction: cyclesPerInstruction(time, OPERATIONS_PER_FRAME),
          endTsc: time.startTsc + kernel.tables.majorFrames[0]!.periodCycles * MAJOR_FRAMES,
          maxKernelSteps: MAX_KERNEL_STEPS,
          programs: [...programs].map(([name, operations]): SubjectProgram => ({ subject: name, operations })),
          interrupts: [],
          interleavings: [],
        };
        const lockstep = runBesideModel(found, spec);
        steps += lockstep.steps;
        if (lockstep.exits[Math.min(options.exitOf(operation), 65)]! > 0) reached += 1;
        else unreached += 1;
        if (lockstep.divergence !== undefined) {
          return {
            runs: index + 1,
            steps,
            states: index + 1,
            witnesses: { [options.witness.id]: reached },
            unspecified: {},
            failure: explain(spec),
          };
        }
      }
      const unspecified: Record<string, number> =
        unreached === 0 ? {} : { [`${subject} does not get to the CPU`]: unreached };
      return {
        runs: options.operations.length,
        steps,
        states: reached,
        witnesses: { [options.witness.id]: reached },
        unspecified,
      };
    },
    judge: judgeByModel,
    finite: finiteKernel,
  });
}
