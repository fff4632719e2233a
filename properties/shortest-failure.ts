import type { Failure } from '../src/engine/property.ts';
import { countOperations, type RunSpec } from '../src/trace/trace.ts';

/** Operations of a counterexample that a person still reads as a whole, unless the caller wants fewer. */
const READABLE_OPERATIONS = 12;
/** Further runs that are tried for a shorter counterexample, and how many of the failing ones are minimised. */
const FURTHER_RUNS = 200;
const FURTHER_FAILURES = 8;

/** Shortest failure among the first failing run and, as long as it is hard to read, some later ones. */
export function shortestFailure(
  first: number,
  specOf: (run: number) => RunSpec,
  follow: (spec: RunSpec) => { readonly hasFailed: boolean },
  explain: (spec: RunSpec) => Failure,
  readable: number = READABLE_OPERATIONS,
): Failure {
  let best = explain(specOf(first));
  let explained = 0;
  for (let run = first + 1; run <= first + FURTHER_RUNS && explained < FURTHER_FAILURES; run++) {
    if (countOperations(best.body) <= readable) break;
    const spec = specOf(run);
    if (!follow(spec).hasFailed) continue;
    explained += 1;
    const other = explain(spec);
    if (countOperations(other.body) < countOperations(best.body)) best = other;
  }
  return best;
}
