import type { Property, TaskResult } from '../engine/property.ts';
import { type CheckResult, checkPolicyProperties } from '../engine/run.ts';
import type { TaskReply } from '../engine/task-queue.ts';
import { afterMs } from '../host/clock.ts';
import { createProgress, type Progress, silentProgress } from '../host/terminal.ts';
import { inProcessRunner, type JobRunner, workerRunner } from '../host/workers.ts';
import { printable } from '../units/printable.ts';
import type { Catalogue } from './catalogue.ts';
import type { Environment } from './command.ts';
import { ContextCache, type ContextSpec } from './context.ts';
import { toTraceOrigin } from './trace-origin.ts';
import { handle, type TaskPayload } from './worker.ts';

export interface SessionOptions {
  readonly jobs: number;
  readonly quiet: boolean;
  readonly timeoutSeconds?: number;
  /** Time after which one task counts as endless, for code that is not ours; absent for ours, which bounds itself. */
  readonly taskLimitSeconds?: number;
}

/** Runs checks of one command: owns the worker pool, the time limit, the interrupt and the progress line. */
export class Session {
  private readonly runner: JobRunner<TaskPayload, TaskResult>;
  private readonly progress: Progress;
  private readonly contexts = new ContextCache();
  private readonly environment: Environment;
  private readonly catalogue: Catalogue;
  private readonly options: SessionOptions;
  private readonly stopTimer: () => void;
  private stopReason = '';

  constructor(environment: Environment, catalogue: Catalogue, options: SessionOptions) {
    this.environment = environment;
    this.catalogue = catalogue;
    this.options = options;
    this.runner =
      options.jobs === 1 && options.taskLimitSeconds === undefined
        ? inProcessRunner(handle)
        : workerRunner(
            new URL('./worker.ts', import.meta.url).href,
            options.jobs,
            1000 * (options.taskLimitSeconds ?? 0),
          );
    const facts = { isTty: environment.stderrIsTty, env: environment.env, noColor: true };
    this.progress = options.quiet ? silentProgress : createProgress(environment.stderr, facts, environment.columns);
    const stop = (reason: string): void => {
      if (this.stopReason !== '') return;
      this.stopReason = reason;
      this.runner.cancel(reason);
    };
    environment.interrupt.whenRequested(() => stop('interrupted'));
    const seconds = options.timeoutSeconds;
    this.stopTimer =
      seconds === undefined
        ? () => undefined
        : afterMs(seconds * 1000, () => stop(`time limit of ${seconds} s reached`));
  }

  /** Why nothing more is run; empty while the session goes on. */
  get stopped(): string {
    return this.stopReason;
  }

  /** Checks properties in one context. `label` names the context in the progress line. */
  async check(spec: ContextSpec, properties: readonly Property[], label: string): Promise<CheckResult> {
    const context = await this.contexts.get(spec, this.catalogue);
    const execute = (task: TaskPayload['task']): Promise<TaskReply> =>
      this.runner.submit({ catalogueUrl: this.environment.catalogueUrl, context: spec, task });
    const result = await checkPolicyProperties(context, {
      properties,
      jobs: this.options.jobs,
      origin: toTraceOrigin(spec, this.environment.version, context.tables),
      execute,
      stopReason: () => this.stopReason,
      onProgress: ({ property, tasksDone, tasksTotal, refuted }) => {
        const percent = Math.floor((100 * tasksDone) / Math.max(1, tasksTotal));
        this.progress.update(
          printable(
            `${label}${percent} %  ${tasksDone}/${tasksTotal}  ${property}${refuted === 0 ? '' : `  ${refuted} refuted`}`,
          ),
        );
      },
    });
    this.progress.end();
    return result;
  }

  async close(): Promise<void> {
    this.stopTimer();
    this.progress.end();
    await this.runner.close();
  }
}
