import { generate, runSpecArbitrary } from '../../src/arbitraries/run-spec.ts';
import type { CheckContext, Property, Task } from '../../src/engine/property.ts';
import { TestBench } from '../../src/refinement/test-bench.ts';
import type { RunSpec } from '../../src/trace/trace.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { BUDGET_FACTOR, type RefinementOptions, shapeOf } from '../refinement-property.ts';
import { type RunFinding, runProperty } from '../run-property.ts';
import type { Workbench } from '../workbench.ts';

const TASKS = 2;
const RUNS_PER_TASK = 6;
const MAX_STEPS = 120;

const OPTIONS: Pick<
  RefinementOptions,
  'mix' | 'maxOperations' | 'maxInterrupts' | 'maxInterleavings' | 'operationsPerFrame' | 'majorFrames'
> = {
  mix: {
    read: 4,
    write: 8,
    probe: 1,
    vmcall: 10,
    undeclared: 1,
    userVmcall: 1,
    trap: 4,
    xsetbv: 1,
    unknownExit: 0,
    timedEvent: 3,
    hlt: 1,
    rdtsc: 1,
    load: 4,
    sti: 3,
    cli: 1,
    nop: 1,
    stop: 0,
    fpu: 2,
    msr: 1,
    port: 1,
    controlRegister: 1,
  },
  maxOperations: 400,
  maxInterrupts: 10,
  maxInterleavings: 20,
  operationsPerFrame: 3,
  majorFrames: 3,
};

interface Comparison {
  readonly finding: RunFinding;
  readonly compared: number;
}

/** A run on the used system after a restore, against the same run on a system built anew. */
function compareRuns(context: CheckContext, { bench }: Workbench, spec: RunSpec): Comparison {
  const fresh = TestBench.create(context.document, context.seams, context.contents);
  // The system is used before it is restored, also when a trace is replayed.
  bench.digests(spec, MAX_STEPS);
  const first = bench.digests(spec, MAX_STEPS);
  const second = fresh.ok ? fresh.value.digests(spec, MAX_STEPS) : [];
  const at = first.findIndex((digest, index) => digest !== second[index]);
  const differs = at >= 0 || first.length !== second.length;
  const step = at >= 0 ? at : Math.min(first.length, second.length);
  const what = differs ? `digests differ after kernel step ${step} between a restored and a new system` : '';
  return {
    compared: first.length,
    finding: { what, explanation: ['The same inputs give two different runs.'], policyLines: [], step },
  };
}

/** Same inputs, same digests: also after other runs went over the system and were rolled back. */
export const determinism: Property = runProperty({
  id: 'meta/determinism',
  area: 'meta',
  claim:
    'Two runs of one trace have the same state digest after every kernel step, on a restored system and on a new one.',
  method: 'digest comparison',
  passes: 'tested',
  witnesses: [{ id: 'digest-compared', description: 'a digest was compared' }],
  killedBy: ['state-outside-snapshot'],
  minimiseExecutions: 200,
  tasks: () =>
    Array.from(
      { length: TASKS },
      (_, index): Task => ({ property: 'meta/determinism', index, slice: { part: index } }),
    ),
  runSlice(context, found, task, explain) {
    const arbitrary = runSpecArbitrary(shapeOf(OPTIONS, context, found));
    const seed = deriveSeed(context.seed, `meta/determinism#${task.index}`);
    const wanted =
      context.budget.runs === undefined
        ? RUNS_PER_TASK * BUDGET_FACTOR[context.budget.name]
        : Math.ceil(context.budget.runs / TASKS);
    let compared = 0;
    for (let run = 0; run < wanted; run++) {
      const spec = generate(arbitrary, deriveSeed(seed, String(run)));
      const result = compareRuns(context, found, spec);
      compared += result.compared;
      if (result.finding.what !== '') {
        return {
          runs: run + 1,
          steps: compared,
          states: 0,
          witnesses: { 'digest-compared': compared },
          unspecified: {},
          failure: explain(spec),
        };
      }
    }
    return { runs: wanted, steps: compared, states: 0, witnesses: { 'digest-compared': compared }, unspecified: {} };
  },
  judge: (context, found, spec) => compareRuns(context, found, spec).finding,
});
