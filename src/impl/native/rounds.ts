import { InvariantError } from '../../units/invariant.ts';
import type { Operation } from '../../units/operation.ts';
import { highOfBig, joinBig, lowOfBig } from '../../units/word.ts';
import type { HostedSoftware, SoftwareInput } from '../hosted.ts';

/**
 * Hosted software written as a generator: it yields operations and gets what each returned.
 *
 * A generator cannot be copied, so the state of such software is the value that the round began with and the answers since;
 * from an older state the round is executed again up to where it stood. Rounds must not depend on anything else.
 */
export type Steps<Value> = Generator<Operation, Value, SoftwareInput>;

/** Answers of a round so far, the latest first. */
interface Answers {
  readonly input: SoftwareInput;
  readonly before: Answers | undefined;
}

export interface RoundState<Value> {
  /** What the round began with. */
  readonly value: Value;
  readonly answers: Answers | undefined;
  readonly hasBegun: boolean;
}

/** Rounds without an operation, one after the other, that are too many to be meant. */
const MAX_EMPTY_ROUNDS = 1000;

/** Software that executes `round` for ever; each round begins with what the one before returned. */
export function roundSoftware<Value>(
  name: string,
  first: Value,
  round: (value: Value) => Steps<Value>,
): HostedSoftware<RoundState<Value>> {
  const running = new WeakMap<RoundState<Value>, Steps<Value>>();

  /** The generator of a state: the one that made it, else one that is brought there again. */
  const generatorOf = (state: RoundState<Value>): Steps<Value> => {
    const known = running.get(state);
    if (known !== undefined) {
      running.delete(state);
      return known;
    }
    const inputs: SoftwareInput[] = [];
    for (let at = state.answers; at !== undefined; at = at.before) inputs.push(at.input);
    const steps = round(state.value);
    steps.next();
    for (const input of inputs.reverse()) steps.next(input);
    return steps;
  };

  return {
    name,
    initial: { value: first, answers: undefined, hasBegun: false },
    next(state, input) {
      let { value } = state;
      let answers: Answers | undefined;
      let steps: Steps<Value> | undefined;
      let result: IteratorResult<Operation, Value> = { done: true, value };
      if (state.hasBegun) {
        steps = generatorOf(state);
        answers = { input, before: state.answers };
        result = steps.next(input);
      }
      for (let empty = 0; result.done === true; empty++) {
        if (empty > MAX_EMPTY_ROUNDS) throw new InvariantError(`${name} does nothing`);
        ({ value } = result);
        answers = undefined;
        steps = round(value);
        result = steps.next();
      }
      const next: RoundState<Value> = { value, answers, hasBegun: true };
      running.set(next, steps!);
      return { state: next, operation: result.value };
    },
  };
}

/** Reads up to four bytes. */
export function* readNumber(address: number, sizeBytes: 1 | 2 | 4 = 4): Steps<number> {
  return (yield { kind: 'read', address, sizeBytes }).low;
}

export function* readWide(address: number): Steps<bigint> {
  const { low, high } = yield { kind: 'read', address, sizeBytes: 8 };
  return joinBig(low, high);
}

export function* writeNumber(address: number, value: number, sizeBytes: 1 | 2 | 4 = 4): Steps<void> {
  yield { kind: 'write', address, sizeBytes, low: value >>> 0, high: 0 };
}

export function* writeWide(address: number, value: bigint): Steps<void> {
  yield { kind: 'write', address, sizeBytes: 8, low: lowOfBig(value), high: highOfBig(value) };
}

/** Calls the kernel with an event number; the CPU may be with others until it returns. */
export function* call(event: number): Steps<void> {
  yield { kind: 'vmcall', low: event, high: 0, cpl: 0 };
}

/** Lets time pass while something is awaited. */
export function* pause(): Steps<void> {
  yield { kind: 'nop' };
}

/** Ends for ever: interrupts off, halted. */
export function* stop(): Steps<never> {
  yield { kind: 'cli' };
  for (;;) yield { kind: 'hlt' };
}
