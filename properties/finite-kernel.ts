import type { FiniteModel } from '../src/engine/property.ts';
import { shortestRun } from '../src/engine/shortest/shortest-run.ts';
import { countEvents, countOperations } from '../src/trace/trace.ts';
import { kernelRunTarget } from './run-probe.ts';
import { isWorkbench, workbench } from './workbench.ts';

/** The kernel model, and the search for the shortest runs that it does not explain: as long in time as the counterexample at most. */
export const finiteKernel: FiniteModel = {
  model: 'kernel',
  outside(body) {
    if (body.kind !== 'run') return 'not a run';
    return body.run.programs.some(program => 'machineCode' in program) ? 'machine code' : '';
  },
  shorter(context, body, maxRuns) {
    const found = workbench(context);
    if (!isWorkbench(found) || body.kind !== 'run') return { isComplete: false, runs: 0 };
    const length = countOperations(body) + countEvents(body);
    const target = kernelRunTarget(found, body.run);
    // Named software is not made of elements: it stays.
    const programs = body.run.programs.filter(program => !('operations' in program));
    const empty = { ...body.run, programs, interrupts: [], interleavings: [] };
    const { run, isComplete, runs } = shortestRun(target, empty, { maxElements: length - 1, maxRuns });
    return run === undefined ? { isComplete, runs } : { body: { kind: 'run', run }, isComplete, runs };
  },
};
