import type { Operation } from '../units/operation.ts';
import type { CodeImage } from './machine-code/code-image.ts';

/** What hosted software learns when it is asked for its next operation. */
export interface SoftwareInput {
  /** Operations retired since the subject's entry point, as RIP says. */
  readonly retired: number;
  /** Value that the last operation read (read, rdtsc), as unsigned halves; 0 otherwise. */
  readonly low: number;
  readonly high: number;
  /** Vectors injected since the last operation, oldest first; the latest 16. */
  readonly vectors: readonly number[];
}

/**
 * Software that runs in a subject without machine code: a pure function over immutable plain data, so that a snapshot
 * is a pointer. It reaches the world only through the operations it returns.
 *
 * It is asked for a new operation only after the previous one retired; an operation whose instruction pointer was not
 * advanced (a trap nobody handled) is executed again, as a CPU would. It restarts from `initial` when the kernel resets
 * the subject.
 */
export interface HostedSoftware<State = unknown> {
  readonly name: string;
  readonly initial: State;
  /** Machine code that runs in place of `next`, the images to be put to the subject's memory first. */
  readonly images?: readonly CodeImage[];
  next(state: State, input: SoftwareInput): { readonly state: State; readonly operation: Operation };
}

/** Software that executes a fixed list of operations and then spins. */
export function scriptSoftware(operations: readonly Operation[]): HostedSoftware<null> {
  const spin: Operation = { kind: 'nop' };
  return {
    name: 'script',
    initial: null,
    next: (state, input) => ({ state, operation: operations[input.retired] ?? spin }),
  };
}
