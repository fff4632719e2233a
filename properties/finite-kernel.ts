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
    const other = body.run.programs.find(program => !('operations' in program));
    return other === undefined ? '' : `${other.subject} runs software that is no list of operations`;
  },
  shorter(context, body, maxRuns) {
    const found = workbench(context);
    if (!isWorkbench(found) || body.kind !== 'run') return { isComplete: false, runs: 0 };
    const length = countOperations(body) + countEvents(body);
    const target = kernelRunTarget(found, body.run);
    const empty = { ...body.run, programs: [], interrupts: [], interleavings: [] };
    const { run, isComplete, runs } = shortestRun(target, empty, { maxElements: length - 1, maxRuns });
    return run === undefined ? { isComplete, runs } : { body: { kind: 'run', run }, isComplete, runs };
  },
};
