import type { Operation } from '../units/operation.ts';

/** What a fuzzing campaign executes once. */
export type FuzzInput =
  /** Machine code of a subject: one word per block, or bytes as they are. */
  | { readonly kind: 'guest'; readonly subject: string; readonly words: readonly number[] }
  | { readonly kind: 'bytes'; readonly subject: string; readonly hex: string }
  /** VM exits of a subject with the guest state in front of each set directly. */
  | { readonly kind: 'exits'; readonly subject: string; readonly exits: readonly ExitInput[] };

/** One exit, recorded or made up: exit information, registers and fields of the guest-state area. */
export interface ExitInput {
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

/** Operations of a hosted subject that cause the exits of an input. */
export const operationsOf = (exits: readonly ExitInput[]): readonly Operation[] =>
  exits.flatMap((exit): readonly Operation[] => [
    ...exit.fields.map(([field, low, high]): Operation => ({ kind: 'guestState', field, low, high })),
    ...exit.registers.map(([register, low, high]): Operation => ({ kind: 'load', register, low, high })),
    { kind: 'exit', reason: exit.reason, qualification: exit.qualification, interruptInfo: exit.interruptInfo },
  ]);
