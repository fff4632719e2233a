import type { AnyStateMachine, EventObject } from 'xstate';
import { generate, runSpecArbitrary } from '../../src/arbitraries/run-spec.ts';
import type { CheckContext, Property, Task } from '../../src/engine/property.ts';
import { createKernelMachine } from '../../src/model/kernel.machine.ts';
import type { KernelEvent } from '../../src/model/kernel-state.ts';
import { stepXstate } from '../../src/model/step-xstate.ts';
import { Lockstep, type ModelStep } from '../../src/refinement/lockstep.ts';
import type { RunSpec } from '../../src/trace/trace.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { BUDGET_FACTOR, type RefinementOptions, shapeOf } from '../refinement-property.ts';
import { type RunFinding, runProperty } from '../run-property.ts';
import type { Workbench } from '../workbench.ts';

const TASKS = 2;
const RUNS_PER_TASK = 3;
/** Model steps compared per run; xstate is slow on a state of this size. */
const STEPS_PER_RUN = 150;

const OPTIONS: Pick<
  RefinementOptions,
  'mix' | 'maxOperations' | 'maxInterrupts' | 'maxInterleavings' | 'operationsPerFrame' | 'majorFrames'
> = {
  mix: {
    read: 0,
    write: 1,
    probe: 0,
    vmcall: 10,
    undeclared: 2,
    userVmcall: 1,
    trap: 6,
    xsetbv: 2,
    unknownExit: 0,
    timedEvent: 2,
    hlt: 1,
    rdtsc: 0,
    load: 3,
    sti: 4,
    cli: 1,
    nop: 0,
    stop: 0,
    fpu: 1,
    msr: 1,
    port: 1,
    controlRegister: 1,
  },
  maxOperations: 400,
  maxInterrupts: 20,
  maxInterleavings: 20,
  operationsPerFrame: 3,
  majorFrames: 3,
};

/** Takes the model steps of a run with xstate too and compares mode and state. */
function compareSteps(
  _context: CheckContext,
  { bench, model }: Workbench,
  spec: RunSpec,
): { readonly finding: RunFinding; readonly compared: number } {
  const loaded = bench.load(spec);
  const nothing: RunFinding = { what: '', explanation: [], policyLines: [], step: 0 };
  if (!loaded.ok) return { finding: nothing, compared: 0 };
  const { machine } = createKernelMachine(model.config, model.schema);
  const lockstep = new Lockstep(bench.system, model);
  let compared = 0;
  let what = '';
  lockstep.onModelStep = ({ mode, state, event }: ModelStep) => {
    if (what !== '' || compared >= STEPS_PER_RUN) return;
    compared += 1;
    const before = model.schema.clone(state);
    const compiled = model.schema.clone(state);
    const next = model.compiled.step(mode, compiled, event);
    const reference = stepXstate(machine as AnyStateMachine, model.compiled.modes[mode]!, before, {
      ...(event as KernelEvent),
    } as EventObject);
    const expected = next < 0 ? model.compiled.modes[mode] : model.compiled.modes[next];
    if (reference.mode !== expected)
      what = `from ${model.compiled.modes[mode]} on ${event.type}: compiled goes to ${expected}, xstate to ${reference.mode}`;
    else if (!model.schema.equal(compiled, reference.context as typeof compiled)) {
      what = `from ${model.compiled.modes[mode]} on ${event.type}: ${model.schema.diff(compiled, reference.context as typeof compiled)[0] ?? 'states differ'}`;
    }
  };
  lockstep.begin();
  const system = loaded.value;
  system.observer = lockstep;
  while (what === '' && compared < STEPS_PER_RUN && lockstep.divergence === undefined && system.step());
  system.observer = {};
  const explanation = ['The compiled step function and the xstate machine are to be the same model.'];
  return { compared, finding: { what, explanation, policyLines: [], step: lockstep.steps } };
}

/** The kernel model of this policy, compiled against xstate, on the steps that its system really takes. */
export const compiledModel: Property = runProperty({
  id: 'meta/compiled-model',
  area: 'meta',
  claim: 'The compiled kernel model takes every step as the xstate machine does.',
  method: 'step comparison with xstate transition()',
  passes: 'tested',
  witnesses: [{ id: 'model-step', description: 'a step was taken by both' }],
  killedBy: [],
  tasks: () =>
    Array.from(
      { length: TASKS },
      (_, index): Task => ({ property: 'meta/compiled-model', index, slice: { part: index } }),
    ),
  runSlice(context, found, task, explain) {
    const arbitrary = runSpecArbitrary(shapeOf(OPTIONS, context, found));
    const seed = deriveSeed(context.seed, `meta/compiled-model#${task.index}`);
    const wanted =
      context.budget.runs === undefined
        ? RUNS_PER_TASK * BUDGET_FACTOR[context.budget.name]
        : Math.ceil(context.budget.runs / TASKS);
    let compared = 0;
    for (let run = 0; run < wanted; run++) {
      const spec = generate(arbitrary, deriveSeed(seed, String(run)));
      const result = compareSteps(context, found, spec);
      compared += result.compared;
      if (result.finding.what !== '') {
        return {
          runs: run + 1,
          steps: compared,
          states: 0,
          witnesses: { 'model-step': compared },
          unspecified: {},
          failure: explain(spec),
        };
      }
    }
    return { runs: wanted, steps: compared, states: 0, witnesses: { 'model-step': compared }, unspecified: {} };
  },
  judge: (context, found, spec) => compareSteps(context, found, spec).finding,
});
