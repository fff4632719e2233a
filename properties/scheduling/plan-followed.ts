import { generate, runSpecArbitrary } from '../../src/arbitraries/run-spec.ts';
import type { CheckContext, Property, Task } from '../../src/engine/property.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import type { RunSpec } from '../../src/trace/trace.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { BUDGET_FACTOR, type RefinementOptions, shapeOf } from '../refinement-property.ts';
import { type RunFinding, runProperty } from '../run-property.ts';
import { subjectLine, type Workbench } from '../workbench.ts';

const TASKS = 4;
const RUNS_PER_TASK = 24;

/** Programs of every kind except tau0's choice of another major frame, which would need the model to follow. */
export const OPTIONS: Pick<
  RefinementOptions,
  'mix' | 'maxOperations' | 'maxInterrupts' | 'maxInterleavings' | 'operationsPerFrame' | 'majorFrames'
> = {
  mix: {
    read: 2,
    write: 0,
    probe: 1,
    vmcall: 10,
    undeclared: 2,
    userVmcall: 1,
    trap: 4,
    xsetbv: 1,
    unknownExit: 0,
    timedEvent: 3,
    hlt: 2,
    rdtsc: 1,
    load: 1,
    sti: 4,
    cli: 1,
    nop: 2,
    stop: 0,
    fpu: 0,
    msr: 0,
    port: 0,
    controlRegister: 0,
  },
  maxOperations: 500,
  maxInterrupts: 20,
  maxInterleavings: 0,
  operationsPerFrame: 3,
  majorFrames: 3,
};

interface Slot {
  readonly endCycles: number;
  readonly partition: string;
}

/** The first major frame of a CPU as the policy states it, in cycles. */
function slotsOf(document: PolicyDocument, cpu: number): readonly Slot[] {
  const cyclesPerTick = Math.floor((document.hardware.processor.speedKhz * 1000) / document.scheduling.tickRateHz);
  let ticks = 0;
  return (document.scheduling.majorFrames[0]?.cpus.find(entry => entry.id === cpu)?.minorFrames ?? []).map(minor => {
    ticks += minor.ticks;
    return { endCycles: ticks * cyclesPerTick, partition: minor.partition };
  });
}

/** Partitions that may run on a CPU at a time: the planned one, and the one before while a late exit is still being handled. */
function plannedAt(
  slots: readonly Slot[],
  elapsedCycles: number,
  latenessCycles: number,
  unitCycles: number,
): readonly string[] {
  const period = slots[slots.length - 1]?.endCycles ?? 1;
  const at = (cycles: number): string => {
    const position = ((cycles % period) + period) % period;
    return slots.find(slot => position < slot.endCycles)?.partition ?? '';
  };
  // The timer counts whole units, so a frame may end up to one unit early.
  return [at(elapsedCycles), at(elapsedCycles - latenessCycles), at(elapsedCycles + unitCycles)];
}

/** First entry that the plan does not allow at its time, and how late frames were entered. */
function follow(
  context: CheckContext,
  { bench }: Workbench,
  spec: RunSpec,
): { readonly finding: RunFinding; readonly dispatches: number } {
  const { time, kernel } = bench.system;
  const partitionOf = new Map(
    context.document.scheduling.partitions.flatMap(partition =>
      partition.groups.flatMap(group => group.subjects.map(subject => [subject.name, partition.name])),
    ),
  );
  const slots = kernel.cpus.map(cpu => slotsOf(context.document, cpu.id));
  let dispatches = 0;
  let what = '';
  let culprit = '';
  let step = 0;
  bench.run(
    spec,
    {
      onEntry(cpu, subject) {
        if (what !== '') return;
        dispatches += 1;
        const name = kernel.tables.subjects[subject]?.name ?? '';
        const planned = plannedAt(slots[cpu.id]!, cpu.tsc - time.startTsc, time.guardCycles, time.unitCycles);
        const partition = partitionOf.get(name) ?? '';
        if (planned.includes(partition)) return;
        culprit = name;
        step = bench.system.kernelSteps;
        what = `CPU ${cpu.id} enters ${name} of partition ${partition} at TSC ${cpu.tsc}, when the plan gives it to ${planned[0]}`;
      },
    },
    () => what !== '',
  );
  const line = subjectLine(context, culprit);
  return {
    dispatches,
    finding: {
      what,
      explanation: [
        `Let the plan of the first major frame repeat from TSC ${time.startTsc}.`,
        `Then ${what}: a contradiction.`,
      ],
      policyLines: [context.document.scheduling.at.line, ...(line === 0 ? [] : [line])],
      step,
    },
  };
}

/** The plan of the policy against the clock, without the kernel model in between. */
export const planFollowed: Property = runProperty({
  id: 'scheduling/plan-followed',
  area: 'scheduling',
  claim:
    'At any time each CPU runs a subject of the partition that the plan gives it, late by no more than the declared cost of exits at the end of a frame.',
  method: 'run invariant against the clock',
  runsKernel: true,
  passes: 'tested',
  witnesses: [{ id: 'dispatch', description: 'an entry was compared with the plan' }],
  killedBy: ['deadline-relative', 'deadline-of-frame'],
  tasks: () =>
    Array.from(
      { length: TASKS },
      (_, index): Task => ({ property: 'scheduling/plan-followed', index, slice: { part: index } }),
    ),
  runSlice(context, found, task, explain) {
    const arbitrary = runSpecArbitrary(shapeOf(OPTIONS, context, found));
    const seed = deriveSeed(context.seed, `scheduling/plan-followed#${task.index}`);
    const wanted =
      context.budget.runs === undefined
        ? RUNS_PER_TASK * BUDGET_FACTOR[context.budget.name]
        : Math.ceil(context.budget.runs / TASKS);
    let steps = 0;
    let dispatches = 0;
    for (let run = 0; run < wanted; run++) {
      const spec = generate(arbitrary, deriveSeed(seed, String(run)));
      const followed = follow(context, found, spec);
      steps += found.bench.system.kernelSteps;
      dispatches += followed.dispatches;
      if (followed.finding.what !== '') {
        return {
          runs: run + 1,
          steps,
          states: 0,
          witnesses: { dispatch: dispatches },
          unspecified: {},
          failure: explain(spec),
        };
      }
    }
    return { runs: wanted, steps, states: 0, witnesses: { dispatch: dispatches }, unspecified: {} };
  },
  judge: (context, found, spec) => follow(context, found, spec).finding,
});
