import {
  type CheckContext,
  DEFAULT_SEARCH_RUNS,
  type Failure,
  type FiniteModel,
  type TaskResult,
} from '../src/engine/property.ts';
import { countEvents, countOperations, type TraceBody } from '../src/trace/trace.ts';

/** Replaces the failure of a task by a shortest one, if its property has a finite model and the search ends within its budget. */
export function withShortest(
  finite: FiniteModel | undefined,
  context: CheckContext,
  result: TaskResult,
  failureOf: (body: TraceBody) => Failure,
): TaskResult {
  const { countsOnly = false, searchRuns = DEFAULT_SEARCH_RUNS } = context.budget;
  const { failure } = result;
  if (finite === undefined || failure === undefined || countsOnly || searchRuns === 0) return result;
  const length = countOperations(failure.body) + countEvents(failure.body);
  if (length === 0 || finite.outside(failure.body) !== '') return result;
  const { body } = finite.shorter(context, failure.body, searchRuns);
  return body === undefined ? result : { ...result, failure: failureOf(body) };
}
