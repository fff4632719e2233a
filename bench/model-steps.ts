import type { AnyStateMachine, EventObject } from 'xstate';
import { createKernelMachine } from '../src/model/kernel.machine.ts';
import type { KernelEvent, KernelState } from '../src/model/kernel-state.ts';
import { snapshotOf, stepSnapshot } from '../src/model/step-xstate.ts';
import { kernelModel } from '../src/refinement/kernel-model.ts';
import { Lockstep, type ModelStep } from '../src/refinement/lockstep.ts';
import { invariant } from '../src/units/invariant.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';
import { kernelSystem } from './kernel-system.ts';

const RECORDED = 400;
const COMPILED_ROUNDS = 200;
const REPEATS = 5;

/** Steps of the kernel model that the demo system really takes: compiled stepping against xstate's `transition`. */
export const modelSteps: Benchmark = {
  id: 'model-steps',
  title: 'Steps of the kernel model of the demo system, compiled, against xstate transition()',
  unit: 'steps/s',
  run() {
    const { document, bench, spec } = kernelSystem();
    const model = kernelModel(document);
    const { machine } = createKernelMachine(model.config, model.schema);
    const steps: { readonly mode: number; readonly state: KernelState; readonly event: KernelEvent }[] = [];
    const loaded = bench.load(spec);
    invariant(loaded.ok, 'bench programs load');
    const system = loaded.value;
    const lockstep = new Lockstep(system, model);
    lockstep.onModelStep = (step: ModelStep) => {
      if (steps.length < RECORDED)
        steps.push({ mode: step.mode, state: model.schema.clone(step.state), event: { ...step.event } });
    };
    lockstep.begin();
    system.observer = lockstep;
    while (steps.length < RECORDED && system.step());
    system.observer = {};
    const scratch = model.schema.initial();
    const copies = medianOf(REPEATS, () =>
      perSecond(() => {
        for (let round = 0; round < COMPILED_ROUNDS; round++)
          for (const { state } of steps) model.schema.copy(state, scratch);
        return COMPILED_ROUNDS * steps.length;
      }),
    );
    const withCopies = medianOf(REPEATS, () =>
      perSecond(() => {
        for (let round = 0; round < COMPILED_ROUNDS; round++) {
          for (const { mode, state, event } of steps) {
            model.schema.copy(state, scratch);
            model.compiled.step(mode, scratch, event);
          }
        }
        return COMPILED_ROUNDS * steps.length;
      }),
    );
    // Each step starts from a recorded state; the cost of putting that state in place is taken off again.
    const compiled = 1 / Math.max(1e-12, 1 / withCopies - 1 / copies);
    const snapshots = steps.map(({ mode, state }) =>
      snapshotOf(machine as AnyStateMachine, model.compiled.modes[mode]!, state),
    );
    const xstate = medianOf(REPEATS, () =>
      perSecond(() => {
        steps.forEach(({ event }, index) => {
          stepSnapshot(machine as AnyStateMachine, snapshots[index]!, event as EventObject);
        });
        return steps.length;
      }),
    );
    return measurement(compiled, { 'xstate transition()': xstate });
  },
};
