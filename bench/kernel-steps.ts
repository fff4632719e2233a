import { kernelModel } from '../src/refinement/kernel-model.ts';
import { Lockstep } from '../src/refinement/lockstep.ts';
import { invariant } from '../src/units/invariant.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';
import { kernelSystem } from './kernel-system.ts';

const REPEATS = 5;

/** Kernel steps (exit to entry) per second, with and without the refinement and frame check. */
function rates(): { readonly checked: number; readonly unchecked: number } {
  const { document, bench, spec } = kernelSystem();
  const model = kernelModel(document);
  const run = (isChecked: boolean): number => {
    const loaded = bench.load(spec);
    invariant(loaded.ok, 'bench programs load');
    const system = loaded.value;
    const lockstep = new Lockstep(system, model);
    if (isChecked) {
      lockstep.begin();
      system.observer = lockstep;
    }
    system.run();
    system.observer = {};
    invariant(lockstep.divergence === undefined, lockstep.divergence?.what ?? '');
    return system.kernelSteps;
  };
  const checked = medianOf(REPEATS, () => perSecond(() => run(true)));
  const unchecked = medianOf(REPEATS, () => perSecond(() => run(false)));
  return { checked, unchecked };
}

export const kernelSteps: Benchmark = {
  id: 'kernel-steps',
  title: 'Kernel steps of the demo system, refinement- and frame-checked, on one core',
  unit: 'steps/s',
  run() {
    const { checked, unchecked } = rates();
    return measurement(checked, { 'kernel-steps-unchecked': unchecked });
  },
};

export const kernelStepsUnchecked: Benchmark = {
  id: 'kernel-steps-unchecked',
  title: 'Kernel steps of the demo system without a checker, on one core',
  unit: 'steps/s',
  run() {
    const { checked, unchecked } = rates();
    return measurement(unchecked, { 'kernel-steps': checked });
  },
};
