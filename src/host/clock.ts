import { performance } from 'node:perf_hooks';

/** Milliseconds of a monotonic clock; only for timing fields, progress and `--timeout`, never for results. */
export const nowMs = (): number => performance.now();

/** Milliseconds since `startMs`, rounded to 0.1 ms. */
export const elapsedMs = (startMs: number): number => Math.round((nowMs() - startMs) * 10) / 10;

/** Calls `action` once after `delayMs`; the timer does not keep the process alive. @returns a function that cancels it. */
export function afterMs(delayMs: number, action: () => void): () => void {
  const timer = setTimeout(action, Math.min(delayMs, 0x7fff_ffff));
  timer.unref();
  return () => clearTimeout(timer);
}

/** Lets pending I/O and signal handlers run. */
export const breathe = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
