import { mix32 } from '../../units/rng.ts';
import type { Operation } from '../../units/operation.ts';
import type { HostedSoftware, SoftwareInput } from '../hosted.ts';
import { type ChannelLayout, type ChannelOps, HEADER, isEqual64, isZero64, loadAt, word64, big64, type Word64, ZERO64 } from './muchannel.ts';
import type { ReaderOutcome } from './muchannel-reader.ts';
import { initialReceiver, type ReceiverConfig, type ReceiverState, receiverStep } from './muchannel-receiver.ts';
import { beginInit, beginWrite, initialWriter, type WriterState, writerStep } from './muchannel-writer.ts';

/** Word `index` of test element `sequence`: the sequence number, then words that depend on all of them. */
export function elementWord(seed: number, sequence: number, index: number): Word64 {
  if (index === 0) return { low: sequence, high: 0 };
  const low = mix32((seed ^ Math.imul(sequence, 0x9e3779b1) ^ index) >>> 0);
  return { low, high: mix32(low ^ sequence) };
}

/**
 * Epoch of a new life of a channel: the start of the current minor frame, as Muen components take it; one more than the
 * old epoch if that would not differ. Never zero.
 */
export function freshEpoch(scheduleStart: Word64, previous: Word64): Word64 {
  if (!isZero64(scheduleStart) && !isEqual64(scheduleStart, previous)) return scheduleStart;
  const next = word64(big64(previous) + 1n);
  return isZero64(next) ? { low: 1, high: 0 } : next;
}

export interface ChannelWriterConfig {
  readonly layout: ChannelLayout;
  /** vmcall event that announces data. */
  readonly event: number;
  /** Elements to send; 0 for no end. */
  readonly messages: number;
  /** Elements between two events. */
  readonly burst: number;
  /** No-operations after each event. */
  readonly pauses: number;
  readonly seed: number;
  /** Virtual address of the scheduling-info page. */
  readonly schedulingInfo: number;
}

type WriterPhase = 'schedule' | 'previous' | 'choose' | 'transfer' | 'pause' | 'finished';

export interface ChannelWriterState {
  readonly phase: WriterPhase;
  readonly writer: WriterState;
  readonly scheduleStart: Word64;
  readonly pausesLeft: number;
  readonly notifications: number;
}

interface Next<State> {
  readonly state: State;
  readonly operation: Operation;
}

function testElement(config: ChannelWriterConfig, sequence: number): Word64[] {
  return Array.from({ length: config.layout.elementBytes / 8 }, (_, index) => elementWord(config.seed, sequence, index));
}

/** The writer task ended: what follows depends on how many elements were committed. */
function afterTransfer(config: ChannelWriterConfig, ops: ChannelOps, state: ChannelWriterState): Next<ChannelWriterState> {
  const { committed } = state.writer;
  const isEnd = config.messages > 0 && committed >= config.messages;
  const isBurstEnd = committed > 0 && (isEnd || committed % config.burst === 0);
  if (isBurstEnd && state.phase === 'transfer') {
    const next = { ...state, phase: 'pause' as const, pausesLeft: config.pauses, notifications: state.notifications + 1 };
    return { state: next, operation: { kind: 'vmcall', low: config.event, high: 0, cpl: 0 } };
  }
  if (isEnd) return { state: { ...state, phase: 'finished' }, operation: { kind: 'hlt' } };
  const begun = beginWrite(state.writer, testElement(config, committed));
  const step = writerStep(config.layout, ops, begun, ZERO64);
  return { state: { ...state, phase: 'transfer', writer: step.state }, operation: step.operation ?? { kind: 'nop' } };
}

function nextOfWriter(config: ChannelWriterConfig, ops: ChannelOps, state: ChannelWriterState, input: SoftwareInput): Next<ChannelWriterState> {
  const value: Word64 = { low: input.low, high: input.high };
  switch (state.phase) {
    case 'schedule':
      return { state: { ...state, phase: 'previous' }, operation: { kind: 'read', address: config.schedulingInfo, sizeBytes: 8 } };
    case 'previous':
      return { state: { ...state, phase: 'choose', scheduleStart: value }, operation: loadAt(config.layout, HEADER.epoch) };
    case 'choose': {
      const begun = beginInit(state.writer, freshEpoch(state.scheduleStart, value));
      const step = writerStep(config.layout, ops, begun, ZERO64);
      return { state: { ...state, phase: 'transfer', writer: step.state }, operation: step.operation ?? { kind: 'nop' } };
    }
    case 'transfer': {
      const step = writerStep(config.layout, ops, state.writer, value);
      const next = { ...state, writer: step.state };
      return step.operation === undefined ? afterTransfer(config, ops, next) : { state: next, operation: step.operation };
    }
    case 'pause':
      if (state.pausesLeft > 0) return { state: { ...state, pausesLeft: state.pausesLeft - 1 }, operation: { kind: 'nop' } };
      return afterTransfer(config, ops, state);
    case 'finished':
      return { state, operation: { kind: 'hlt' } };
  }
}

/** Software that initialises a channel, fills it with numbered test elements and announces them by an event. */
export function channelWriterSoftware(config: ChannelWriterConfig, ops: ChannelOps): HostedSoftware<ChannelWriterState> {
  return {
    name: 'channel-writer',
    initial: { phase: 'schedule', writer: initialWriter, scheduleStart: ZERO64, pausesLeft: 0, notifications: 0 },
    next: (state, input) => nextOfWriter(config, ops, state, input),
  };
}

export interface ChannelReaderConfig extends ReceiverConfig {
  /** Seed of the writer, by which the reader recognises corrupted elements. */
  readonly seed: number;
}

/** What a channel reader has seen. */
export interface ChannelReaderProgress {
  /** Elements read with success. */
  readonly received: number;
  /** Sequence number of the last of them, -1 before the first. */
  readonly lastSequence: number;
  readonly overruns: number;
  readonly epochChanges: number;
  readonly incompatible: number;
  /** Successful reads whose content no writer sent. */
  readonly corrupted: number;
  /** Successful reads whose sequence number did not grow within one epoch. */
  readonly outOfOrder: number;
  /** Elements skipped within an epoch. */
  readonly lost: number;
}

export interface ChannelReaderState {
  readonly receiver: ReceiverState;
  readonly progress: ChannelReaderProgress;
  /** Epoch that lastSequence belongs to. */
  readonly epoch: Word64;
}

const noProgress: ChannelReaderProgress = {
  received: 0, lastSequence: -1, overruns: 0, epochChanges: 0, incompatible: 0, corrupted: 0, outOfOrder: 0, lost: 0,
};

function countElement(config: ChannelReaderConfig, progress: ChannelReaderProgress, element: readonly Word64[]): ChannelReaderProgress {
  const sequence = element[0]!.low;
  const isIntact = element.every((word, index) => isEqual64(word, elementWord(config.seed, sequence, index)));
  const received = progress.received + 1;
  if (!isIntact) return { ...progress, received, corrupted: progress.corrupted + 1 };
  const isGrowing = sequence > progress.lastSequence;
  return {
    ...progress,
    received,
    lastSequence: sequence,
    outOfOrder: progress.outOfOrder + (isGrowing ? 0 : 1),
    lost: progress.lost + (isGrowing ? sequence - progress.lastSequence - 1 : 0),
  };
}

function countOutcome(config: ChannelReaderConfig, state: ChannelReaderState, outcome: ReaderOutcome): ChannelReaderState {
  const { epoch } = state.receiver.reader;
  const isNewEpoch = !isEqual64(epoch, state.epoch);
  const progress = isNewEpoch ? { ...state.progress, lastSequence: -1 } : state.progress;
  const count = (counted: ChannelReaderProgress): ChannelReaderState => ({ ...state, epoch, progress: counted });
  switch (outcome.result) {
    case 'success':
      return count(countElement(config, progress, outcome.element));
    case 'overrun_detected':
      return count({ ...progress, overruns: progress.overruns + 1 });
    case 'epoch_changed':
      return count({ ...progress, epochChanges: progress.epochChanges + 1 });
    case 'incompatible_interface':
      return count({ ...progress, incompatible: progress.incompatible + 1 });
    case 'no_data':
    case 'inactive':
      return count(progress);
  }
}

/** Software that reads a channel for ever, checks every element and sleeps or polls while there is none. */
export function channelReaderSoftware(config: ChannelReaderConfig, ops: ChannelOps): HostedSoftware<ChannelReaderState> {
  return {
    name: 'channel-reader',
    initial: { receiver: initialReceiver, progress: noProgress, epoch: ZERO64 },
    next: (before, input) => {
      let state = before;
      for (;;) {
        const step = receiverStep(config, ops, found => found, state.receiver, input);
        state = { ...state, receiver: step.state };
        if (step.operation !== undefined) return { state, operation: step.operation };
        if (step.outcome !== undefined) state = countOutcome(config, state, step.outcome);
      }
    },
  };
}

/** What a channel writer did: its epoch (zero until initialised), committed elements and sent events. */
export interface ChannelWriterProgress {
  readonly epoch: Word64;
  readonly committed: number;
  readonly notifications: number;
  /** True while an element is announced or stored but not committed. */
  readonly isWriting: boolean;
}

/** Reads the progress out of the state of 'channel-writer'. */
export function channelWriterProgress(state: ChannelWriterState): ChannelWriterProgress {
  const { epoch, committed, task } = state.writer;
  return { epoch, committed, notifications: state.notifications, isWriting: task.kind === 'write' };
}

/** Reads the progress out of the state of 'channel-reader'. */
export function channelReaderProgress(state: ChannelReaderState): ChannelReaderProgress {
  return state.progress;
}
