import type { Operation } from '../../units/operation.ts';
import {
  type ChannelHeader,
  type ChannelLayout,
  type ChannelOps,
  elementOffset,
  HEADER,
  isEqual64,
  isZero64,
  loadAt,
  type Word64,
  ZERO64,
} from './muchannel.ts';

/** Result codes of a read. */
export const READ_RESULTS = [
  'inactive',
  'incompatible_interface',
  'epoch_changed',
  'no_data',
  'overrun_detected',
  'success',
] as const;
export type ReadResult = (typeof READ_RESULTS)[number];

/** What the reader keeps between calls; a null reader has epoch zero. */
export interface ReaderPosition {
  readonly epoch: Word64;
  readonly protocol: Word64;
  readonly size: Word64;
  /** As the header said at synchronisation: under the writer's control. */
  readonly elements: Word64;
  readonly readCount: Word64;
}

type Purpose = 'read' | 'pending' | 'drain';

/** Names the access whose value the reader waits for. */
type Phase =
  | 'begin'
  | 'epoch'
  | 'transport'
  | 'protocol'
  | 'size'
  | 'elements'
  | 'sync'
  | 'syncCheck'
  | 'writeCount'
  | 'data'
  | 'writeStart'
  | 'skip'
  | 'final';

interface Scratch {
  /** Epoch at the start of the call. */
  readonly seenEpoch: Word64;
  readonly header: ChannelHeader;
  readonly element: readonly Word64[];
  readonly outcome: ReadResult;
}

/** Private state of a channel reader. */
export interface ReaderState extends ReaderPosition {
  readonly purpose: Purpose | 'idle';
  readonly phase: Phase;
  readonly scratch: Scratch;
}

/** A step of a call: the next access, or the completed call's outcome. */
export type ReaderStep =
  | { readonly state: ReaderState; readonly operation: Operation; readonly outcome?: undefined }
  | { readonly state: ReaderState; readonly operation?: undefined; readonly outcome: ReaderOutcome };

/** Outcome of a call; the element is empty (Muen: null element) unless one was copied. */
export interface ReaderOutcome {
  readonly result: ReadResult;
  readonly element: readonly Word64[];
  /** Of has_pending: an element can be read. */
  readonly isPending: boolean;
}

const nullHeader: ChannelHeader = { transport: ZERO64, protocol: ZERO64, size: ZERO64, elements: ZERO64 };
const nullScratch: Scratch = { seenEpoch: ZERO64, header: nullHeader, element: [], outcome: 'success' };
const nullPosition: ReaderPosition = {
  epoch: ZERO64,
  protocol: ZERO64,
  size: ZERO64,
  elements: ZERO64,
  readCount: ZERO64,
};

export const initialReader: ReaderState = { ...nullPosition, purpose: 'idle', phase: 'begin', scratch: nullScratch };

const begin = (state: ReaderState, purpose: Purpose): ReaderState => ({
  ...state,
  purpose,
  phase: 'begin',
  scratch: nullScratch,
});
/** Starts a read call. */
export const beginRead = (state: ReaderState): ReaderState => begin(state, 'read');
/** Starts a has_pending call: active, something unread, epoch unchanged. */
export const beginPending = (state: ReaderState): ReaderState => begin(state, 'pending');
/** Starts a drain call: skips all unread elements. */
export const beginDrain = (state: ReaderState): ReaderState => begin(state, 'drain');
/** The reset call: reads from the first element again; needs no memory access and keeps the epoch. */
export const resetReader = (state: ReaderState): ReaderState => ({ ...state, readCount: ZERO64 });

function finish(state: ReaderState, result: ReadResult, isPending = false): ReaderStep {
  const { element } = state.scratch;
  const keep = result === 'success' || result === 'overrun_detected' || result === 'epoch_changed';
  return {
    state: { ...state, purpose: 'idle', phase: 'begin', scratch: nullScratch },
    outcome: { result, element: keep ? element : [], isPending },
  };
}

function load(layout: ChannelLayout, state: ReaderState, phase: Phase, offset: number): ReaderStep {
  return { state: { ...state, phase }, operation: loadAt(layout, offset) };
}

const withHeader = (state: ReaderState, part: Partial<ChannelHeader>): ReaderState => ({
  ...state,
  scratch: { ...state.scratch, header: { ...state.scratch.header, ...part } },
});

/** The epoch word was read at the start of a call. */
function onEpoch(layout: ChannelLayout, state: ReaderState, epoch: Word64): ReaderStep {
  if (isZero64(epoch)) return finish(state.purpose === 'read' ? { ...state, epoch: ZERO64 } : state, 'inactive');
  if (isEqual64(epoch, state.epoch)) return load(layout, state, 'writeCount', HEADER.writeCount);
  if (state.purpose !== 'read') return finish(state, 'epoch_changed');
  const scratch = { ...state.scratch, seenEpoch: epoch };
  return load(layout, { ...state, scratch }, 'transport', HEADER.transport);
}

function onHeader(layout: ChannelLayout, ops: ChannelOps, state: ReaderState): ReaderStep {
  const { header } = state.scratch;
  if (!ops.isCompatible(header, layout)) return finish({ ...state, ...nullPosition }, 'incompatible_interface');
  const { protocol, size, elements } = header;
  return load(layout, { ...state, protocol, size, elements }, 'sync', HEADER.epoch);
}

/** The epoch was read again after the header: the one to adopt is chosen, then it is read once more. */
function onSync(layout: ChannelLayout, ops: ChannelOps, state: ReaderState, reread: Word64): ReaderStep {
  const epoch = ops.adoptEpoch(state.scratch.seenEpoch, reread);
  return load(layout, { ...state, epoch, readCount: ZERO64 }, 'syncCheck', HEADER.epoch);
}

function onSyncCheck(layout: ChannelLayout, ops: ChannelOps, state: ReaderState, epoch: Word64): ReaderStep {
  if (ops.hasEpochChanged(epoch, state.epoch)) return finish(state, 'epoch_changed');
  return load(layout, state, 'writeCount', HEADER.writeCount);
}

function loadElement(layout: ChannelLayout, ops: ChannelOps, state: ReaderState): ReaderStep {
  const slot = ops.elementIndex(state.readCount, layout.elements);
  return load(layout, state, 'data', elementOffset(layout, slot, state.scratch.element.length));
}

function onWriteCount(layout: ChannelLayout, ops: ChannelOps, state: ReaderState, writeCount: Word64): ReaderStep {
  if (state.purpose === 'drain') return finish({ ...state, readCount: writeCount }, 'success');
  if (!ops.hasData(state.readCount, writeCount)) return finish(state, 'no_data');
  return state.purpose === 'pending' ? load(layout, state, 'final', HEADER.epoch) : loadElement(layout, ops, state);
}

function onData(layout: ChannelLayout, ops: ChannelOps, state: ReaderState, word: Word64): ReaderStep {
  const element = [...state.scratch.element, word];
  const next = { ...state, scratch: { ...state.scratch, element } };
  const isComplete = element.length * 8 >= layout.elementBytes;
  return isComplete ? load(layout, next, 'writeStart', HEADER.writeStart) : loadElement(layout, ops, next);
}

function onWriteStart(layout: ChannelLayout, ops: ChannelOps, state: ReaderState, writeStart: Word64): ReaderStep {
  if (ops.isOverrun(writeStart, state.readCount, state.elements)) return load(layout, state, 'skip', HEADER.writeCount);
  return load(layout, { ...state, readCount: ops.nextCount(state.readCount) }, 'final', HEADER.epoch);
}

function onSkip(layout: ChannelLayout, ops: ChannelOps, state: ReaderState, writeCount: Word64): ReaderStep {
  const readCount = ops.countAfterOverrun(state.readCount, writeCount);
  const scratch: Scratch = { ...state.scratch, outcome: 'overrun_detected' };
  return load(layout, { ...state, readCount, scratch }, 'final', HEADER.epoch);
}

function onFinal(ops: ChannelOps, state: ReaderState, epoch: Word64): ReaderStep {
  if (ops.hasEpochChanged(epoch, state.epoch)) return finish(state, 'epoch_changed');
  return finish(state, state.scratch.outcome, state.purpose === 'pending');
}

/**
 * Advances the reader by one memory access; it only loads.
 *
 * `input` is the value of the previous access, ignored at the start of a call. The element is copied speculatively and
 * then validated by WSC and epoch. The ring slot uses the layout's constant, so no header content can make the reader
 * leave the channel.
 */
export function readerStep(layout: ChannelLayout, ops: ChannelOps, state: ReaderState, input: Word64): ReaderStep {
  switch (state.phase) {
    case 'begin':
      if (state.purpose === 'drain') return load(layout, state, 'writeCount', HEADER.writeCount);
      return load(layout, state, 'epoch', HEADER.epoch);
    case 'epoch':
      return onEpoch(layout, state, input);
    case 'transport':
      return load(layout, withHeader(state, { transport: input }), 'protocol', HEADER.protocol);
    case 'protocol':
      return load(layout, withHeader(state, { protocol: input }), 'size', HEADER.size);
    case 'size':
      return load(layout, withHeader(state, { size: input }), 'elements', HEADER.elements);
    case 'elements':
      return onHeader(layout, ops, withHeader(state, { elements: input }));
    case 'sync':
      return onSync(layout, ops, state, input);
    case 'syncCheck':
      return onSyncCheck(layout, ops, state, input);
    case 'writeCount':
      return onWriteCount(layout, ops, state, input);
    case 'data':
      return onData(layout, ops, state, input);
    case 'writeStart':
      return onWriteStart(layout, ops, state, input);
    case 'skip':
      return onSkip(layout, ops, state, input);
    case 'final':
      return onFinal(ops, state, input);
  }
}
