import type { Operation } from '../../units/operation.ts';
import {
  CHANNEL_MARKER,
  type ChannelLayout,
  type ChannelOps,
  elementOffset,
  HEADER,
  HEADER_BYTES,
  loadAt,
  storeAt,
  type Word64,
  ZERO64,
} from './muchannel.ts';

/** What a writer is doing; `index` counts the accesses of the task already issued. */
export type WriterTask =
  | { readonly kind: 'idle' }
  | { readonly kind: 'init'; readonly epoch: Word64; readonly index: number }
  | {
      readonly kind: 'write';
      readonly element: readonly Word64[];
      readonly count: Word64 | undefined;
      readonly index: number;
    }
  | { readonly kind: 'deactivate'; readonly index: number };

/** Private state of a channel writer. */
export interface WriterState {
  readonly task: WriterTask;
  /** Epoch of the last complete init; zero while inactive. */
  readonly epoch: Word64;
  /** Elements committed since that init. */
  readonly committed: number;
}

export const initialWriter: WriterState = { task: { kind: 'idle' }, epoch: ZERO64, committed: 0 };

/** A step of a task: the next access, or none when the task is complete and the writer idle. */
export interface WriterStep {
  readonly state: WriterState;
  readonly operation: Operation | undefined;
}

/** Starts (re)initialisation with a new epoch, which must be nonzero and differ from the ones before. */
export function beginInit(state: WriterState, epoch: Word64): WriterState {
  return { ...state, task: { kind: 'init', epoch, index: 0 }, epoch: ZERO64, committed: 0 };
}

/** Starts to write one element: its 8-byte words, `elementBytes` / 8 of them. */
export function beginWrite(state: WriterState, element: readonly Word64[]): WriterState {
  return { ...state, task: { kind: 'write', element, count: undefined, index: 0 } };
}

/** Starts to deactivate the channel. */
export function beginDeactivate(state: WriterState): WriterState {
  return { ...state, task: { kind: 'deactivate', index: 0 } };
}

/** Store `index` of an init: epoch 0, the header, zeroed data, and last the new epoch. */
function initStore(layout: ChannelLayout, epoch: Word64, index: number): Operation | undefined {
  const number = (value: number): Word64 => ({ low: value, high: 0 });
  const header: readonly (readonly [number, Word64])[] = [
    [HEADER.epoch, ZERO64],
    [HEADER.transport, CHANNEL_MARKER],
    [HEADER.protocol, { low: layout.protocol, high: layout.protocolHigh ?? 0 }],
    [HEADER.size, number(layout.elementBytes)],
    [HEADER.elements, number(layout.elements)],
    [HEADER.reserved, ZERO64],
    [HEADER.writeStart, ZERO64],
    [HEADER.writeCount, ZERO64],
  ];
  const store = header[index];
  if (store !== undefined) return storeAt(layout, store[0], store[1]);
  const dataWords = (layout.elements * layout.elementBytes) / 8;
  const word = index - header.length;
  if (word < dataWords) return storeAt(layout, HEADER_BYTES + word * 8, ZERO64);
  return word === dataWords ? storeAt(layout, HEADER.epoch, epoch) : undefined;
}

/** Store `index` of a write of `element` as number `count`. */
function elementStore(
  layout: ChannelLayout,
  ops: ChannelOps,
  element: readonly Word64[],
  count: Word64,
  index: number,
): Operation | undefined {
  let position = index;
  for (const part of ops.writeOrder()) {
    const length = part === 'data' ? element.length : 1;
    if (position >= length) {
      position -= length;
      continue;
    }
    if (part === 'announce') return storeAt(layout, HEADER.writeStart, ops.nextCount(count));
    if (part === 'commit') return storeAt(layout, HEADER.writeCount, ops.nextCount(count));
    return storeAt(
      layout,
      elementOffset(layout, ops.elementIndex(count, layout.elements), position),
      element[position]!,
    );
  }
  return undefined;
}

const idle = { kind: 'idle' } as const;

function stepWrite(layout: ChannelLayout, ops: ChannelOps, state: WriterState, input: Word64): WriterStep {
  const { task } = state;
  if (task.kind !== 'write') return { state, operation: undefined };
  if (task.index === 0)
    return { state: { ...state, task: { ...task, index: 1 } }, operation: loadAt(layout, HEADER.writeCount) };
  const count = task.count ?? input;
  const operation = elementStore(layout, ops, task.element, count, task.index - 1);
  if (operation === undefined) return { state: { ...state, task: idle, committed: state.committed + 1 }, operation };
  return { state: { ...state, task: { ...task, count, index: task.index + 1 } }, operation };
}

/**
 * Advances the writer by one memory access.
 *
 * `input` is the value that the previous access read, zero at the start of a task. The stores of a write are ordered
 * WSC, data, WC; x86 keeps stores in order (SDM Vol. 3A, "Memory Ordering in P6 and More Recent Processor Families").
 */
export function writerStep(layout: ChannelLayout, ops: ChannelOps, state: WriterState, input: Word64): WriterStep {
  const { task } = state;
  switch (task.kind) {
    case 'idle':
      return { state, operation: undefined };
    case 'init': {
      const operation = initStore(layout, task.epoch, task.index);
      if (operation === undefined)
        return { state: { ...state, task: idle, epoch: task.epoch, committed: 0 }, operation };
      return { state: { ...state, task: { ...task, index: task.index + 1 } }, operation };
    }
    case 'write':
      return stepWrite(layout, ops, state, input);
    case 'deactivate':
      if (task.index > 0) return { state: { ...state, task: idle, epoch: ZERO64 }, operation: undefined };
      return {
        state: { ...state, task: { kind: 'deactivate', index: 1 } },
        operation: storeAt(layout, HEADER.epoch, ZERO64),
      };
  }
}
