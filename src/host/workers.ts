import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { afterMs, breathe, elapsedMs, nowMs } from './clock.ts';

/** What became of one job. */
export type JobReply<Value> =
  | { readonly kind: 'done'; readonly value: Value; readonly durationMs: number }
  /** The job threw, or its worker died: always our own mistake. */
  | { readonly kind: 'crashed'; readonly message: string; readonly stack: string }
  /** Cancelled before it ended. */
  | { readonly kind: 'cut'; readonly reason: string };

/** Runs jobs that are plain data. */
export interface JobRunner<Payload, Value> {
  submit(payload: Payload): Promise<JobReply<Value>>;
  /** Ends every job that has not replied with `cut`; later jobs too. */
  cancel(reason: string): void;
  close(): Promise<void>;
}

/** Number of jobs that the machine runs at once, 1 .. 8: the default of `--jobs`. */
export const defaultJobs = (): number => Math.min(8, Math.max(1, availableParallelism()));

function crashed(cause: unknown): JobReply<never> {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return { kind: 'crashed', message: `${error.name}: ${error.message}`, stack: error.stack ?? '' };
}

/** Runs jobs one after the other in this thread; signals are handled between jobs. */
export function inProcessRunner<Payload, Value>(
  handle: (payload: Payload) => Value | Promise<Value>,
): JobRunner<Payload, Value> {
  let cancelled = '';
  return {
    async submit(payload) {
      await breathe();
      if (cancelled !== '') return { kind: 'cut', reason: cancelled };
      const startMs = nowMs();
      try {
        return { kind: 'done', value: await handle(payload), durationMs: elapsedMs(startMs) };
      } catch (cause) {
        return crashed(cause);
      }
    },
    cancel: reason => {
      cancelled = reason;
    },
    close: () => Promise.resolve(),
  };
}

interface Job {
  /** Takes the time limit back. */
  ended: () => void;
  readonly payload: unknown;
  readonly resolve: (reply: JobReply<never>) => void;
  startMs: number;
}

interface Slot {
  readonly worker: Worker;
  job: Job | undefined;
}

interface WorkerMessage {
  readonly ok: boolean;
  readonly value?: unknown;
  readonly message?: string;
  readonly stack?: string;
}

/** A pool of worker threads; grows to `jobs` workers on demand and replaces one that dies. */
class WorkerPool {
  private readonly queue: Job[] = [];
  private readonly slots = new Set<Slot>();
  private cancelled = '';
  private readonly module: string;
  private readonly jobs: number;

  private readonly limitMs: number;

  constructor(module: string, jobs: number, limitMs: number) {
    this.module = module;
    this.jobs = jobs;
    this.limitMs = limitMs;
  }

  submit(payload: unknown): Promise<JobReply<never>> {
    return new Promise(resolve => {
      if (this.cancelled !== '') return resolve({ kind: 'cut', reason: this.cancelled });
      this.queue.push({ payload, resolve, startMs: 0, ended: () => undefined });
      this.dispatch();
    });
  }

  cancel(reason: string): void {
    if (this.cancelled !== '') return;
    this.cancelled = reason;
    for (const job of this.queue.splice(0)) job.resolve({ kind: 'cut', reason });
    for (const slot of this.slots) {
      slot.job?.resolve({ kind: 'cut', reason });
      slot.job = undefined;
      void slot.worker.terminate();
    }
  }

  async close(): Promise<void> {
    this.cancel('closed');
    await Promise.all([...this.slots].map(slot => slot.worker.terminate()));
  }

  private dispatch(): void {
    while (this.queue.length > 0) {
      const slot = [...this.slots].find(candidate => candidate.job === undefined) ?? this.spawn();
      if (slot === undefined) return;
      const job = this.queue.shift();
      if (job === undefined) return;
      job.startMs = nowMs();
      if (this.limitMs > 0) job.ended = afterMs(this.limitMs, () => this.giveUp(slot, job));
      slot.job = job;
      slot.worker.ref();
      slot.worker.postMessage({ id: 0, payload: job.payload });
    }
  }

  private spawn(): Slot | undefined {
    if (this.slots.size >= this.jobs) return undefined;
    const worker = new Worker(new URL('./worker-entry.js', import.meta.url), {
      workerData: { module: this.module },
      execArgv: [],
    });
    const slot: Slot = { worker, job: undefined };
    this.slots.add(slot);
    worker.on('message', (message: WorkerMessage) => this.finish(slot, message));
    worker.on('error', cause => this.lose(slot, cause));
    worker.on('exit', code => this.lose(slot, new Error(`worker thread ended with code ${code}`)));
    return slot;
  }

  /** The job at hand does not come to an end: its worker is ended with it, and replaced. */
  private giveUp(slot: Slot, job: Job): void {
    if (slot.job !== job) return;
    slot.job = undefined;
    this.slots.delete(slot);
    job.resolve({ kind: 'crashed', message: `no end after ${this.limitMs / 1000} s`, stack: '' });
    void slot.worker.terminate();
    if (this.cancelled === '') this.dispatch();
  }

  private finish(slot: Slot, message: WorkerMessage): void {
    const job = slot.job;
    job?.ended();
    slot.job = undefined;
    slot.worker.unref();
    if (job !== undefined) {
      job.resolve(
        message.ok
          ? { kind: 'done', value: message.value as never, durationMs: elapsedMs(job.startMs) }
          : { kind: 'crashed', message: message.message ?? 'unknown error', stack: message.stack ?? '' },
      );
    }
    this.dispatch();
  }

  private lose(slot: Slot, cause: unknown): void {
    const job = slot.job;
    job?.ended();
    slot.job = undefined;
    this.slots.delete(slot);
    job?.resolve(crashed(cause));
    if (this.cancelled === '') this.dispatch();
  }
}

/**
 * Runs jobs in worker threads.
 *
 * @param module URL of a module that exports `handle(payload)`; payload and result are plain data.
 * @param jobs    largest number of threads, at least 1.
 * @param limitMs time after which a job counts as endless, in milliseconds of the wall clock; 0 for none.
 */
export function workerRunner<Payload, Value>(module: string, jobs: number, limitMs = 0): JobRunner<Payload, Value> {
  return new WorkerPool(module, jobs, limitMs) as JobRunner<unknown, never> as JobRunner<Payload, Value>;
}
