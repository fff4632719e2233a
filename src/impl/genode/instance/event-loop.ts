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

/** A handler under way: what it was started with, and the results of the accesses that it made so far. */
interface Running {
  readonly vectors: readonly number[];
  readonly results: readonly Uint8Array[];
  readonly access: Access | undefined;
  /** Operations of the access that were issued. */
  readonly issued: number;
  /** Bytes that they read so far. */
  readonly read: Uint8Array;
}

type LoopPhase = 'run' | 'closed' | 'halt' | 'wake' | 'settle';

export interface LoopState<State> {
  readonly inner: State;
  readonly phase: LoopPhase;
  readonly running: Running | undefined;
  /** Vectors that no handler has seen yet. */
  readonly vectors: readonly number[];
}

const NO_BYTES = new Uint8Array(0);
const STI: Operation = { kind: 'sti' };
const CLI: Operation = { kind: 'cli' };
const NOP: Operation = { kind: 'nop' };
const HLT: Operation = { kind: 'hlt' };

interface Next<State> {
  readonly state: LoopState<State>;
  readonly operation: Operation;
}

/** Appends what the last operation read. */
function collect(running: Running, input: SoftwareInput): Running {
  const operation = running.access?.operations[running.issued - 1];
  const count = operation === undefined ? 0 : resultBytesOf(operation);
  if (count === 0) return running;
  const read = new Uint8Array(running.read.length + count);
  read.set(running.read);
  for (let index = 0; index < count; index++) {
    const half = index < 4 ? input.low : input.high;
    read[running.read.length + index] = (half >>> (8 * (index % 4))) & 0xff;
  }
  return { ...running, read };
}

/** Runs the handler from its start; it ends, finds nothing to do, or needs one more access. */
function attempt<State>(loop: EventLoop<State>, state: LoopState<State>, running: Running): LoopState<State> | Access {
  const guest = new ReplayedGuest(running.results);
  try {
    const inner = loop.handle(state.inner, running.vectors, guest);
    return { ...state, inner: inner ?? state.inner, running: undefined, phase: inner === undefined ? 'closed' : 'run' };
  } catch (needed) {
    if (needed instanceof AccessNeeded) return needed.access;
    throw needed;
  }
}

function start<State>(state: LoopState<State>): Running {
  return { vectors: state.vectors, results: [], access: undefined, issued: 0, read: NO_BYTES };
}

/** Runs handlers until one needs an operation or nothing is left to do. */
function run<State>(loop: EventLoop<State>, before: LoopState<State>, input: SoftwareInput): Next<State> {
  let state = before;
  let running = state.running === undefined ? undefined : collect(state.running, input);
  for (;;) {
    if (running?.access !== undefined) {
      const operation = running.access.operations[running.issued];
      if (operation !== undefined)
        return { state: { ...state, running: { ...running, issued: running.issued + 1 } }, operation };
      running = {
        ...running,
        results: [...running.results, running.read],
        access: undefined,
        issued: 0,
        read: NO_BYTES,
      };
    }
    if (running === undefined) {
      running = start(state);
      state = { ...state, vectors: [] };
    }
    const outcome: LoopState<State> | Access = attempt(loop, state, running);
    if ('operations' in outcome) running = { ...running, access: outcome };
    else {
      state = outcome;
      running = undefined;
      if (state.phase === 'closed') return { state, operation: CLI };
    }
  }
}

/** Merges vectors that arrived; each is known once, as interrupts coalesce. */
const merged = (known: readonly number[], arrived: readonly number[]): readonly number[] =>
  arrived.length === 0 ? known : [...new Set([...known, ...arrived])];

function nextOfLoop<State>(loop: EventLoop<State>, before: LoopState<State>, input: SoftwareInput): Next<State> {
  const state = { ...before, vectors: merged(before.vectors, input.vectors) };
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
