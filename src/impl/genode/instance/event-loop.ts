import type { Operation } from '../../../units/operation.ts';
import type { HostedSoftware, SoftwareInput } from '../../hosted.ts';
import { type Access, AccessNeeded, type Guest, ReplayedGuest, resultBytesOf } from './guest.ts';

/** Software as a loop of handlers over immutable state. */
export interface EventLoop<State> {
  readonly name: string;
  readonly initial: State;
  /**
   * Does the next thing there is to do; undefined if there is none.
   * @param vectors vectors injected since the last handler ran, each once
   */
  handle(state: State, vectors: readonly number[], guest: Guest): State | undefined;
  /** vmcall event that puts the subject to sleep until an event or its timer, undefined to halt instead. */
  sleepEvent(state: State): number | undefined;
}

/** What one operation read, behind what those before it read. */
interface Piece {
  readonly sizeBytes: number;
  readonly low: number;
  readonly high: number;
  readonly before: Piece | undefined;
}

/** A handler under way: what it was started with, and the results of the reads that it made so far. */
interface Running<State> {
  readonly vectors: readonly number[];
  readonly results: readonly Uint8Array[];
  readonly access: Access | undefined;
  /** Operations of the access that were issued, and what they read. */
  readonly issued: number;
  readonly read: Piece | undefined;
  /** What holds when the access is done, of a handler that came to its end. */
  readonly after: Outcome<State> | undefined;
}

/** What a handler leaves. */
interface Outcome<State> {
  readonly inner: State;
  readonly phase: LoopPhase;
}

type LoopPhase = 'run' | 'closed' | 'halt' | 'wake' | 'settle';

export interface LoopState<State> {
  readonly inner: State;
  readonly phase: LoopPhase;
  readonly running: Running<State> | undefined;
  /** Vectors that no handler has seen yet. */
  readonly vectors: readonly number[];
}

const NO_VECTORS: readonly number[] = [];
const STI: Operation = { kind: 'sti' };
const CLI: Operation = { kind: 'cli' };
const NOP: Operation = { kind: 'nop' };
const HLT: Operation = { kind: 'hlt' };

interface Next<State> {
  readonly state: LoopState<State>;
  readonly operation: Operation;
}

/** Notes what the last operation read. */
function collect(before: Piece | undefined, operation: Operation | undefined, input: SoftwareInput): Piece | undefined {
  const sizeBytes = operation === undefined ? 0 : resultBytesOf(operation);
  return sizeBytes === 0 ? before : { sizeBytes, low: input.low, high: input.high, before };
}

/** Bytes that the operations of an access read. */
function bytesOf(last: Piece | undefined, resultBytes: number): Uint8Array {
  const bytes = new Uint8Array(resultBytes);
  let end = resultBytes;
  for (let piece = last; piece !== undefined; piece = piece.before) {
    end -= piece.sizeBytes;
    for (let index = 0; index < piece.sizeBytes; index++)
      bytes[end + index] = ((index < 4 ? piece.low : piece.high) >>> (8 * (index % 4))) & 0xff;
  }
  return bytes;
}

const NO_RESULTS: readonly Uint8Array[] = [];

function start<State>(vectors: readonly number[]): Running<State> {
  return { vectors, results: NO_RESULTS, access: undefined, issued: 0, read: undefined, after: undefined };
}

/** Runs the handler from its start, until it ends or needs an access; what it did before that is to be performed first. */
function attempt<State>(loop: EventLoop<State>, state: LoopState<State>, running: Running<State>): Running<State> {
  const guest = new ReplayedGuest(running.results);
  try {
    const inner = loop.handle(state.inner, running.vectors, guest);
    const after: Outcome<State> = { inner: inner ?? state.inner, phase: inner === undefined ? 'closed' : 'run' };
    return { ...running, access: { operations: guest.due, resultBytes: 0 }, issued: 0, read: undefined, after };
  } catch (needed) {
    if (needed instanceof AccessNeeded) return { ...running, access: needed.access, issued: 0, read: undefined };
    throw needed;
  }
}

/** State after one more operation of an access was issued: made for every operation, hence member by member. */
const issuing = <State>(
  state: LoopState<State>,
  running: Running<State>,
  read: Piece | undefined,
): LoopState<State> => ({
  inner: state.inner,
  phase: state.phase,
  running: {
    vectors: running.vectors,
    results: running.results,
    access: running.access,
    issued: running.issued + 1,
    read,
    after: running.after,
  },
  vectors: state.vectors,
});

/** Runs handlers until one needs an operation or nothing is left to do. */
function run<State>(loop: EventLoop<State>, before: LoopState<State>, input: SoftwareInput): Next<State> {
  let state = before;
  let running = state.running;
  if (running !== undefined) {
    const operations = running.access?.operations;
    const read = collect(running.read, operations?.[running.issued - 1], input);
    const operation = operations?.[running.issued];
    if (operation !== undefined) return { state: issuing(state, running, read), operation };
    if (read !== running.read) running = { ...running, read };
  }
  for (;;) {
    if (running === undefined) {
      running = start(state.vectors);
      state = { ...state, vectors: NO_VECTORS };
    } else if (running.access !== undefined) {
      const { access, issued, read, after, results } = running;
      const operation = access.operations[issued];
      if (operation !== undefined) return { state: issuing(state, running, read), operation };
      if (after !== undefined) {
        state = { ...state, inner: after.inner, phase: after.phase, running: undefined };
        running = undefined;
        if (state.phase === 'closed') return { state, operation: CLI };
        continue;
      }
      running = { ...running, results: [...results, bytesOf(read, access.resultBytes)] };
    }
    running = attempt(loop, state, running);
  }
}

/** Merges vectors that arrived; each is known once, as interrupts coalesce. */
const merged = (known: readonly number[], arrived: readonly number[]): readonly number[] => [
  ...new Set([...known, ...arrived]),
];

function nextOfLoop<State>(loop: EventLoop<State>, before: LoopState<State>, input: SoftwareInput): Next<State> {
  const state = input.vectors.length === 0 ? before : { ...before, vectors: merged(before.vectors, input.vectors) };
  switch (state.phase) {
    case 'run':
      return run(loop, state, input);
    case 'closed': {
      // Interrupts are off: what arrived before is known here, what arrives later keeps the subject from sleeping.
      if (state.vectors.length > 0) return { state: { ...state, phase: 'run' }, operation: STI };
      const event = loop.sleepEvent(state.inner);
      if (event === undefined) return { state: { ...state, phase: 'halt' }, operation: STI };
      return { state: { ...state, phase: 'wake' }, operation: { kind: 'vmcall', low: event, high: 0, cpl: 0 } };
    }
    case 'halt':
      return { state: { ...state, phase: 'settle' }, operation: HLT };
    case 'wake':
      return { state: { ...state, phase: 'settle' }, operation: STI };
    case 'settle':
      return { state: { ...state, phase: 'run' }, operation: NOP };
  }
}

/**
 * Runs an event loop as subject software: one operation at a time, and without losing a wake-up. Its interrupts are
 * enabled first; when nothing is left to do it disables them, looks once more at what arrived, and sleeps.
 */
export function eventLoopSoftware<State>(loop: EventLoop<State>): HostedSoftware<LoopState<State>> {
  return {
    name: loop.name,
    initial: { inner: loop.initial, phase: 'wake', running: undefined, vectors: [] },
    next: (state, input) => nextOfLoop(loop, state, input),
  };
}

/** State of the software inside of an event loop. */
export const innerState = <State>(state: LoopState<State>): State => state.inner;
