import type { MergedResult } from './merge.ts';
import { mergeResults } from './merge.ts';
import type { Property, Task, TaskResult } from './property.ts';

/** What became of one task; the host's worker pool and the in-process runner both reply so. */
export type TaskReply =
  | { readonly kind: 'done'; readonly value: TaskResult; readonly durationMs: number }
  | { readonly kind: 'crashed'; readonly message: string; readonly stack: string }
  | { readonly kind: 'cut'; readonly reason: string };

/** An error of muencheck itself, never of the policy. */
export interface InternalError {
  readonly property: string;
  readonly message: string;
  readonly stack: string;
}

/** Work of one property: its tasks and their replies by task index. */
export interface PropertyWork {
  readonly property: Property;
  readonly tasks: readonly Task[];
  readonly replies: (TaskReply | undefined)[];
  durationMs: number;
}

/** First index whose result ends the property: a failure, a crash, a cut or the step budget; the number of tasks if none does yet. */
export function endIndex(work: PropertyWork, maxSteps: number): number {
  let steps = 0;
  for (let index = 0; index < work.tasks.length; index++) {
    const reply = work.replies[index];
    if (reply === undefined) return work.tasks.length;
    if (reply.kind !== 'done' || reply.value.failure !== undefined) return index;
    steps += reply.value.steps;
    if (steps >= maxSteps) return index;
  }
  return work.tasks.length;
}

/** True when task `index` can no longer change the verdict: an earlier one failed, crashed, was cut or used up the steps. */
export function isMoot(work: PropertyWork, index: number, maxSteps: number): boolean {
  const failedEarlier = work.replies
    .slice(0, index)
    .some(reply => reply !== undefined && (reply.kind !== 'done' || reply.value.failure !== undefined));
  return failedEarlier || endIndex(work, maxSteps) < index;
}

/** Outcome of a property's work once nothing more will be run. */
export function settle(
  work: PropertyWork,
  maxSteps: number,
  stopReason: string,
): { readonly merged: MergedResult; readonly error?: InternalError } {
  const results: TaskResult[] = [];
  let cut = '';
  let steps = 0;
  for (let index = 0; index < work.tasks.length; index++) {
    const reply = work.replies[index];
    if (reply === undefined || reply.kind === 'cut') {
      cut = `${reply?.reason ?? stopReason} after ${index} of ${work.tasks.length} parts of the work`;
      // A failure found before the stop is a refutation, whatever was left undone before it.
      const found = work.replies
        .slice(index)
        .find(later => later?.kind === 'done' && later.value.failure !== undefined);
      if (found?.kind === 'done') results.push(found.value);
      break;
    }
    if (reply.kind === 'crashed') {
      const error = { property: work.property.id, message: reply.message, stack: reply.stack };
      return { merged: mergeResults(results, `internal error: ${reply.message}`), error };
    }
    results.push(reply.value);
    steps += reply.value.steps;
    if (reply.value.failure !== undefined) break;
    if (steps >= maxSteps && index + 1 < work.tasks.length) {
      cut = `step budget of ${maxSteps} used up after ${index + 1} of ${work.tasks.length} parts of the work`;
      break;
    }
  }
  return { merged: mergeResults(results, cut) };
}
