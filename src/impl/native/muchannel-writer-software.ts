import type { Operation } from '../../units/operation.ts';
import type { HostedSoftware, SoftwareInput } from '../hosted.ts';
import { type ChannelLayout, type ChannelOps, HEADER, loadAt, type Word64, ZERO64 } from './muchannel.ts';
import { elementWord, freshEpoch } from './muchannel-element.ts';
import { beginInit, beginWrite, initialWriter, type WriterState, writerStep } from './muchannel-writer.ts';

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
  return Array.from({ length: config.layout.elementBytes / 8 }, (_, index) =>
    elementWord(config.seed, sequence, index),
  );
}

/** The writer task ended: what follows depends on how many elements were committed. */
function afterTransfer(
  config: ChannelWriterConfig,
  ops: ChannelOps,
  state: ChannelWriterState,
): Next<ChannelWriterState> {
  const { committed } = state.writer;
  const isEnd = config.messages > 0 && committed >= config.messages;
  const isBurstEnd = committed > 0 && (isEnd || committed % config.burst === 0);
  if (isBurstEnd && state.phase === 'transfer') {
    const next = {
      ...state,
      phase: 'pause' as const,
      pausesLeft: config.pauses,
      notifications: state.notifications + 1,
    };
    return { state: next, operation: { kind: 'vmcall', low: config.event, high: 0, cpl: 0 } };
  }
  if (isEnd) return { state: { ...state, phase: 'finished' }, operation: { kind: 'hlt' } };
  const begun = beginWrite(state.writer, testElement(config, committed));
  const step = writerStep(config.layout, ops, begun, ZERO64);
  return { state: { ...state, phase: 'transfer', writer: step.state }, operation: step.operation ?? { kind: 'nop' } };
}

function nextOfWriter(
  config: ChannelWriterConfig,
  ops: ChannelOps,
  state: ChannelWriterState,
  input: SoftwareInput,
): Next<ChannelWriterState> {
  const value: Word64 = { low: input.low, high: input.high };
  switch (state.phase) {
    case 'schedule':
      return {
        state: { ...state, phase: 'previous' },
        operation: { kind: 'read', address: config.schedulingInfo, sizeBytes: 8 },
      };
    case 'previous':
      return {
        state: { ...state, phase: 'choose', scheduleStart: value },
        operation: loadAt(config.layout, HEADER.epoch),
      };
    case 'choose': {
      const begun = beginInit(state.writer, freshEpoch(state.scheduleStart, value));
      const step = writerStep(config.layout, ops, begun, ZERO64);
      return {
        state: { ...state, phase: 'transfer', writer: step.state },
        operation: step.operation ?? { kind: 'nop' },
      };
    }
    case 'transfer': {
      const step = writerStep(config.layout, ops, state.writer, value);
      const next = { ...state, writer: step.state };
      return step.operation === undefined
        ? afterTransfer(config, ops, next)
        : { state: next, operation: step.operation };
    }
    case 'pause':
      if (state.pausesLeft > 0)
        return { state: { ...state, pausesLeft: state.pausesLeft - 1 }, operation: { kind: 'nop' } };
      return afterTransfer(config, ops, state);
    case 'finished':
      return { state, operation: { kind: 'hlt' } };
  }
}

/** Software that initialises a channel, fills it with numbered test elements and announces them by an event. */
export function channelWriterSoftware(
  config: ChannelWriterConfig,
  ops: ChannelOps,
): HostedSoftware<ChannelWriterState> {
  return {
    name: 'channel-writer',
    initial: { phase: 'schedule', writer: initialWriter, scheduleStart: ZERO64, pausesLeft: 0, notifications: 0 },
    next: (state, input) => nextOfWriter(config, ops, state, input),
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
