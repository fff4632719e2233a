import type { Operation } from '../units/operation.ts';

/** What happens around the subject under test; each word stands for one thing. */
export interface Surroundings {
  /** Operations of all other subjects. */
  readonly others: readonly number[];
  /** Arrivals of external interrupts. */
  readonly interrupts: readonly number[];
  /** Points at which another CPU proceeds. */
  readonly interleavings: readonly number[];
}

/** Nothing but the scenario's own software around the subject. */
export const ALONE: Surroundings = { others: [], interrupts: [], interleavings: [] };

/** What a fuzzing campaign executes once. */
export type FuzzInput =
  /** Machine code of a subject: one word per block, or bytes as they are. */
  | {
      readonly kind: 'guest';
      readonly subject: string;
      readonly words: readonly number[];
      readonly around: Surroundings;
    }
  | { readonly kind: 'bytes'; readonly subject: string; readonly hex: string }
  /** VM exits of a subject with the guest state in front of each set directly. */
  | {
      readonly kind: 'exits';
      readonly subject: string;
      readonly exits: readonly ExitInput[];
      readonly around: Surroundings;
    };

/** One exit, recorded or made up: exit information, registers and fields of the guest-state area. */
export interface ExitInput {
  /** Operations before it, by which other state of the subject is set: FPU, MSRs, timed event, memory. */
  readonly before: readonly number[];
  readonly reason: number;
  readonly qualification: number;
  readonly interruptInfo: number;
  /** Registers by number of the subject state (CR2, RAX, RBX, ...). */
  readonly registers: readonly (readonly [register: number, low: number, high: number])[];
  /** Fields of the guest-state area by place in their table, rounded to what VM entry accepts unless the input is meant to fail. */
  readonly fields: readonly (readonly [field: number, low: number, high: number])[];
}

export const FUZZ_TARGETS = ['guest', 'vm-exit'] as const;
export type FuzzTargetName = (typeof FUZZ_TARGETS)[number];

/** Ways to make inputs: without structure, from blocks, from blocks with feedback, from recorded exits with feedback. */
export const STRATEGIES = ['random-bytes', 'structured', 'coverage-guided', 'recorded'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** Operations of a hosted subject that cause the exits of an input; `decode` gives those of a word. */
export const operationsOf = (
  exits: readonly ExitInput[],
  decode: (word: number) => readonly Operation[],
): readonly Operation[] =>
  exits.flatMap((exit): readonly Operation[] => [
    ...exit.before.flatMap(decode),
    ...exit.fields.map(([field, low, high]): Operation => ({ kind: 'guestState', field, low, high })),
    ...exit.registers.map(([register, low, high]): Operation => ({ kind: 'load', register, low, high })),
    { kind: 'exit', reason: exit.reason, qualification: exit.qualification, interruptInfo: exit.interruptInfo },
  ]);
