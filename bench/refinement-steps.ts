import { initialJoint, jointSchema, MODES_FIELD } from '../src/explore/joint-schema.ts';
import { compileModel } from '../src/explore/symbolic/packed-model.ts';
import { readModelSources } from '../src/host/model-sources.ts';
import { createCyclic, cyclicSchedulerModel, NARROW_SIZES } from '../src/model/cyclic-scheduler.model.ts';
import { eraseInstance } from '../src/model/model.ts';
import { invariant } from '../src/units/invariant.ts';
import { createRng } from '../src/units/rng.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';
import { kernelSteps } from './kernel-steps.ts';

const STEPS = 400_000;
const REPEATS = 5;

/**
 * Checked steps of an abstract machine: the scheduler's packed steps, compiled from its source, are the implementation; its chart is the
 * model. A unit is one step of both with their states compared. The peer is the full kernel implementation, exit to entry, refinement- and
 * frame-checked (`kernel-steps`).
 */
export const refinementSteps: Benchmark = {
  id: 'refinement-steps',
  title: 'Refinement-checked steps of an abstract scheduler, and of the full kernel implementation',
  unit: 'steps/s',
  run() {
    const instance = eraseInstance(createCyclic(NARROW_SIZES[2]!));
    const system = compileModel(instance, readModelSources(cyclicSchedulerModel.sources));
    const schema = jointSchema(instance);
    const { compiled, alphabet } = instance.parties[0]!;
    const out = new Uint32Array(system.maxSuccessors * system.words);
    const labels = new Uint32Array(system.maxSuccessors);
    const left = new Uint32Array(schema.words);
    const right = new Uint32Array(schema.words);
    const walk = (): number => {
      const rng = createRng(1);
      const concrete = system.initial.slice();
      const abstract = initialJoint(instance, schema);
      for (let step = 0; step < STEPS; step++) {
        const chosen = rng.below(system.expand(concrete, 0, out, labels));
        for (let word = 0; word < system.words; word++) concrete[word] = out[chosen * system.words + word]!;
        const mode = compiled.step(abstract[MODES_FIELD][0]!, abstract, alphabet[labels[chosen]!]!);
        invariant(mode >= 0, 'the model allows the step');
        abstract[MODES_FIELD][0] = mode;
        system.widen(concrete, 0, left);
        schema.pack(abstract, right);
        for (let word = 0; word < schema.words; word++) invariant(left[word] === right[word], 'states agree');
      }
      return STEPS;
    };
    const value = medianOf(REPEATS, () => perSecond(walk));
    return measurement(value, { 'full implementation (kernel-steps)': kernelSteps.run().value });
  },
};
