import type { CheckContext } from '../src/engine/property.ts';
import { WatchedBench } from '../src/refinement/watched-run.ts';
import type { RunSpec } from '../src/trace/trace.ts';
import { invariant } from '../src/units/invariant.ts';
import { explainDivergence } from './explain-divergence.ts';
import type { RunFinding } from './run-property.ts';
import { subjectLine, type Workbench } from './workbench.ts';

/* Runs beside everything that watches machine code. */

const benches = new WeakMap<CheckContext, WatchedBench>();

/** The watched system of a context, built once. */
export function watchedOf(context: CheckContext): WatchedBench {
  const known = benches.get(context);
  if (known !== undefined) return known;
  const created = WatchedBench.create(context.document, context.seams, context.contents);
  invariant(created.ok, 'the workbench of this system was built');
  benches.set(context, created.value);
  return created.value;
}

/** What a run did that it must not. */
export function judgeWatched(context: CheckContext, _found: Workbench, spec: RunSpec): RunFinding {
  const watched = watchedOf(context);
  const run = watched.run(spec);
  const fine: RunFinding = { what: '', explanation: [], policyLines: [], step: 0 };
  if (!run.ok || run.value.what === '') return fine;
  const { lockstep, what } = run.value;
  if (lockstep.divergence !== undefined) {
    const { explanation, policyLines } = explainDivergence(context, lockstep.divergence);
    return { what, explanation, policyLines, step: lockstep.divergence.step };
  }
  const step = watched.bench.system.kernelSteps;
  // What watchers say of a subject begins with its name.
  const line = subjectLine(context, what.split(': ')[0] ?? '');
  return {
    what,
    explanation: [`Let the system run up to kernel step ${step}.`, `Then ${what}.`],
    policyLines: line === 0 ? [] : [line],
    step,
  };
}
