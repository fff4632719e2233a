import { concludeProperty, notApplicableVerdict, overallVerdict } from './conclude.ts';
import { type TraceOrigin, toTrace } from './counterexample.ts';
import type { CheckContext, Property, Task } from './property.ts';
import { type InternalError, isMoot, type PropertyWork, settle, type TaskReply } from './task-queue.ts';
import type { PropertyVerdict, VerdictWord } from './verdict.ts';

/** How far a check has come. */
export interface CheckProgress {
  readonly property: string;
  readonly tasksDone: number;
  readonly tasksTotal: number;
  readonly refuted: number;
}

export interface CheckOptions {
  readonly properties: readonly Property[];
  /** Tasks in flight at once, at least 1; never changes the result. */
  readonly jobs: number;
  /** Facts for counterexample files. */
  readonly origin: TraceOrigin;
  /** Runs one task, here or in a worker. */
  readonly execute: (task: Task) => Promise<TaskReply>;
  readonly onProgress?: (progress: CheckProgress) => void;
  /** Empty while the check may go on, else why it must end (time limit, interrupt). */
  readonly stopReason?: () => string;
}

export interface CheckResult {
  readonly verdict: VerdictWord;
  readonly properties: readonly PropertyVerdict[];
  /** Our own errors; any of them makes the whole result untrustworthy. */
  readonly errors: readonly InternalError[];
  /** Milliseconds of work per property, summed over tasks. */
  readonly durationsMs: Readonly<Record<string, number>>;
}

/** A property's work, or its verdict if there is none to do. */
type Planned = PropertyWork | { readonly settled: PropertyVerdict; readonly error?: InternalError };

const isWork = (planned: Planned): planned is PropertyWork => 'tasks' in planned;

function plan(context: CheckContext, property: Property): Planned {
  try {
    const reason = property.notApplicable(context);
    if (reason !== '') return { settled: notApplicableVerdict(property, reason) };
    const tasks = property.tasks(context);
    return { property, tasks, replies: tasks.map(() => undefined), durationMs: 0 };
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const message = `${error.name}: ${error.message}`;
    const settled: PropertyVerdict = {
      ...notApplicableVerdict(property, `internal error: ${message}`),
      verdict: 'inconclusive',
    };
    return { settled, error: { property: property.id, message, stack: error.stack ?? '' } };
  }
}

/** Runs all tasks with at most `jobs` in flight, in plan order; skips those that cannot change a verdict. */
async function runTasks(works: readonly PropertyWork[], maxSteps: number, options: CheckOptions): Promise<void> {
  const queue = works.flatMap(work => work.tasks.map((task, index) => ({ work, task, index })));
  let next = 0;
  let done = 0;
  let refuted = 0;
  const runner = async (): Promise<void> => {
    for (;;) {
      const item = queue[next++];
      if (item === undefined || (options.stopReason?.() ?? '') !== '') return;
      const { work, task, index } = item;
      if (!isMoot(work, index, maxSteps)) {
        options.onProgress?.({ property: work.property.id, tasksDone: done, tasksTotal: queue.length, refuted });
        const reply = await options.execute(task);
        work.replies[index] = reply;
        if (reply.kind === 'done') {
          work.durationMs += reply.durationMs;
          if (reply.value.failure !== undefined) refuted++;
        }
      }
      done++;
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.jobs) }, runner));
}

/**
 * Checks properties on one policy.
 *
 * Work is sliced by the properties themselves and merged in slice order, so the same input and seed give the same result
 * whatever `jobs` is.
 */
export async function checkPolicyProperties(context: CheckContext, options: CheckOptions): Promise<CheckResult> {
  const maxSteps = context.budget.maxSteps ?? Number.POSITIVE_INFINITY;
  const planned = options.properties.map(property => plan(context, property));
  await runTasks(planned.filter(isWork), maxSteps, options);
  const stopReason = options.stopReason?.() ?? '';
  const errors: InternalError[] = [];
  const durationsMs: Record<string, number> = {};
  const verdicts = planned.map(item => {
    if (!isWork(item)) {
      if (item.error !== undefined) errors.push(item.error);
      return item.settled;
    }
    const { merged, error } = settle(item, maxSteps, stopReason === '' ? 'stopped' : stopReason);
    if (error !== undefined) errors.push(error);
    durationsMs[item.property.id] = Math.round(item.durationMs * 10) / 10;
    const counterexample =
      merged.failure === undefined ? undefined : toTrace(item.property.id, merged.failure, options.origin);
    return concludeProperty(item.property, merged, counterexample);
  });
  return {
    verdict: overallVerdict(verdicts.map(verdict => verdict.verdict)),
    properties: verdicts,
    errors,
    durationsMs,
  };
}
