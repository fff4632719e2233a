import type { Property, Task } from '../../src/engine/property.ts';
import type { SystemObserver } from '../../src/impl/system-observer.ts';
import type { RunSpec } from '../../src/trace/trace.ts';
import { finiteKernel } from '../finite-kernel.ts';
import { ownerScene } from '../moment-scenes.ts';
import { judgeByModel, runBesideModel } from '../refinement-judge.ts';
import { runProperty } from '../run-property.ts';
import { isWorkbench, type Workbench, workbench } from '../workbench.ts';

const ID = 'interrupts/every-arrival';

/**
 * Times at which something happens on a CPU: an operation other than NOP retires, an exit or entry is made, a segment of the
 * kernel ends. While a subject executes no-operations one moment is like the other.
 */
function momentsOf({ bench }: Workbench, spec: RunSpec, cpu: number): readonly number[] {
  const moments = new Set<number>();
  const note = (at: { readonly id: number; readonly tsc: number }): void => {
    if (at.id === cpu) moments.add(at.tsc);
  };
  const onOperation: SystemObserver['onOperation'] = (at, _subject, { operation }) => {
    if (operation?.kind !== 'nop') note(at);
  };
  bench.run(spec, { onOperation, onExit: note, onEntry: note, onSegment: note }, () => false);
  return [...moments].sort((a, b) => a - b);
}

/** Vectors that reach a subject, with the CPU that they go to. */
const routesOf = ({ model }: Workbench) =>
  model.config.routes.flatMap(({ subject }, vector) =>
    subject < 0 ? [] : [{ vector, owner: model.config.subjectNames[subject]!, cpu: model.config.subjectCpu[subject]! }],
  );

/** Each device interrupt arrives at each moment of a short run of its owner, alone and twice. */
export const everyArrival: Property = runProperty({
  id: ID,
  area: 'interrupts',
  claim:
    'Each device interrupt, arriving once or twice at any time at which something happens in a short run of its owner, is queued, injected, masked and ended as the interrupt model says.',
  method: 'step refinement over every arrival',
  passes: 'exhausted',
  witnesses: [{ id: 'taken', description: 'an external interrupt was taken' }],
  killedBy: ['eoi-missing', 'io-apic-wrong-entry', 'irq-no-activity-indication'],
  alsoNotApplicable: context => {
    const found = workbench(context);
    return isWorkbench(found) && routesOf(found).length > 0 ? '' : 'no subject has a device interrupt';
  },
  tasks(context) {
    const found = workbench(context);
    const count = isWorkbench(found) ? routesOf(found).length : 0;
    return Array.from({ length: count }, (_, index): Task => ({ property: ID, index, slice: { route: index } }));
  },
  runSlice(context, found, task, explain) {
    const { vector, owner, cpu } = routesOf(found)[task.index]!;
    const spec = ownerScene(context, found, owner);
    let runs = 0;
    let steps = 0;
    let taken = 0;
    for (const tsc of momentsOf(found, spec, cpu)) {
      const arrival = { tsc, cpu, vector };
      for (const interrupts of [[arrival], [arrival, { ...arrival, tsc: tsc + 1 }]]) {
        const varied: RunSpec = { ...spec, interrupts };
        const lockstep = runBesideModel(found, varied);
        runs += 1;
        steps += lockstep.steps;
        taken += lockstep.exits[1]!;
        if (lockstep.divergence !== undefined)
          return { runs, steps, states: runs, witnesses: { taken }, unspecified: {}, failure: explain(varied) };
      }
    }
    return { runs, steps, states: runs, witnesses: { taken }, unspecified: {} };
  },
  judge: judgeByModel,
  finite: finiteKernel,
});
