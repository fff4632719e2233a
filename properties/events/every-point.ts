import type { Property, Task } from '../../src/engine/property.ts';
import type { RunSpec } from '../../src/trace/trace.ts';
import { finiteKernel } from '../finite-kernel.ts';
import { wakeUpScenes } from '../moment-scenes.ts';
import { judgeByModel, runBesideModel } from '../refinement-judge.ts';
import { runProperty } from '../run-property.ts';
import { isWorkbench, type Workbench, workbench } from '../workbench.ts';

const ID = 'events/every-point';

/** Interleaving points of a run in the default order. */
function countPoints({ bench }: Workbench, spec: RunSpec): number {
  let points = 0;
  const onSegment = (_cpu: unknown, access: number): void => {
    if (access !== 0) points += 1;
  };
  bench.run(spec, { onSegment }, () => false);
  return points;
}

/** Another CPU proceeds at the n-th access to shared state, for every n and every CPU. */
export const everyPoint: Property = runProperty({
  id: ID,
  area: 'events',
  claim:
    'In short runs of each event between CPUs, whichever CPU proceeds at any single access to shared state, every segment of the kernel does what its model does.',
  method: 'step refinement over every interleaving point',
  passes: 'exhausted',
  witnesses: [{ id: 'point', description: 'a run in which another CPU proceeded at one point' }],
  killedBy: ['no-recheck-before-sleep'],
  alsoNotApplicable: context => {
    const found = workbench(context);
    return isWorkbench(found) && found.bench.system.cpus.length > 1
      ? ''
      : 'the policy has one CPU, so nothing interleaves';
  },
  tasks(context) {
    const found = workbench(context);
    const count = isWorkbench(found) ? wakeUpScenes(context, found).length : 0;
    return Array.from({ length: count }, (_, index): Task => ({ property: ID, index, slice: { scene: index } }));
  },
  runSlice(context, found, task, explain) {
    const { spec } = wakeUpScenes(context, found)[task.index]!;
    const cpus = found.bench.system.cpus.length;
    const points = countPoints(found, spec);
    let runs = 0;
    let steps = 0;
    for (let point = 0; point < points; point++) {
      for (let cpu = 0; cpu < cpus; cpu++) {
        const varied: RunSpec = { ...spec, interleavings: [{ point, cpu }] };
        const lockstep = runBesideModel(found, varied);
        runs += 1;
        steps += lockstep.steps;
        if (lockstep.divergence !== undefined)
          return { runs, steps, states: runs, witnesses: { point: runs }, unspecified: {}, failure: explain(varied) };
      }
    }
    return { runs, steps, states: runs, witnesses: { point: runs }, unspecified: {} };
  },
  judge: judgeByModel,
  finite: finiteKernel,
});
