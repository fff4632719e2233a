import type { Operation } from '../../units/operation.ts';
import type { SoftwareInput } from '../hosted.ts';
import type { ChannelLayout, ChannelOps, Word64 } from './muchannel.ts';
import {
  beginPending,
  beginRead,
  initialReader,
  type ReaderOutcome,
  type ReaderState,
  readerStep,
} from './muchannel-reader.ts';

/** How a receiver waits when the channel is empty. */
export interface ReceiverConfig {
  readonly layout: ChannelLayout;
  /** vmcall event that puts the subject to sleep; undefined to poll. */
  readonly sleepEvent: number | undefined;
  /** vmcall event that yields, used when polling; undefined to spend no-operations. */
  readonly yieldEvent: number | undefined;
}

/** Decides from what the last look at the channel found whether to read again instead of sleeping. */
export type DrainAgain = (foundSomething: boolean) => boolean;

type ReceiverPhase = 'enable' | 'read' | 'wait' | 'recheck' | 'settle';

/** Private state of a receiver. */
export interface ReceiverState {
  readonly phase: ReceiverPhase;
  readonly reader: ReaderState;
  /** A vector was injected since the last read began. */
  readonly isHinted: boolean;
}

export const initialReceiver: ReceiverState = { phase: 'enable', reader: initialReader, isHinted: false };

/** A step: the next operation, or a completed read that the owner handles before it steps again. */
export interface ReceiverStep {
  readonly state: ReceiverState;
  readonly operation: Operation | undefined;
  readonly outcome: ReaderOutcome | undefined;
}

const vmcall = (event: number): Operation => ({ kind: 'vmcall', low: event, high: 0, cpl: 0 });
const issue = (state: ReceiverState, operation: Operation): ReceiverStep => ({ state, operation, outcome: undefined });

const readValue = (input: SoftwareInput): Word64 => ({ low: input.low, high: input.high });

function stepRead(config: ReceiverConfig, ops: ChannelOps, state: ReceiverState, input: SoftwareInput): ReceiverStep {
  const isStart = state.reader.purpose === 'idle';
  const reader = isStart ? beginRead(state.reader) : state.reader;
  const step = readerStep(config.layout, ops, reader, readValue(input));
  const next = { ...state, reader: step.state, isHinted: isStart ? false : state.isHinted };
  if (step.outcome === undefined) return issue(next, step.operation);
  const { result } = step.outcome;
  const readsOn = result === 'success' || result === 'overrun_detected' || result === 'epoch_changed';
  return { state: { ...next, phase: readsOn ? 'read' : 'wait' }, operation: undefined, outcome: step.outcome };
}

function stepRecheck(
  config: ReceiverConfig,
  ops: ChannelOps,
  again: DrainAgain,
  state: ReceiverState,
  input: SoftwareInput,
): ReceiverStep {
  const reader = state.reader.purpose === 'idle' ? beginPending(state.reader) : state.reader;
  const step = readerStep(config.layout, ops, reader, readValue(input));
  const next = { ...state, reader: step.state };
  if (step.outcome === undefined) return issue(next, step.operation);
  const isSynchronised = next.reader.epoch.low !== 0 || next.reader.epoch.high !== 0;
  const hasNewEpoch = isSynchronised && step.outcome.result === 'epoch_changed';
  const found = step.outcome.isPending || hasNewEpoch || next.isHinted;
  const isAwake = again(found) || config.sleepEvent === undefined;
  return isAwake
    ? issue({ ...next, phase: 'read' }, { kind: 'sti' })
    : issue({ ...next, phase: 'enable' }, vmcall(config.sleepEvent));
}

/**
 * Advances a receiver that reads a channel until it is empty and then sleeps without losing a wake-up.
 *
 * Before it sleeps it disables interrupts and looks again: an event that arrives later stays pending, and a subject with
 * a pending interrupt does not fall asleep (Muen scheduler, "activity"). Interrupts are enabled after it woke.
 */
export function receiverStep(
  config: ReceiverConfig,
  ops: ChannelOps,
  drainAgain: DrainAgain,
  before: ReceiverState,
  input: SoftwareInput,
): ReceiverStep {
  const state = input.vectors.length > 0 ? { ...before, isHinted: true } : before;
  switch (state.phase) {
    case 'enable':
      return issue({ ...state, phase: 'settle' }, { kind: 'sti' });
    case 'settle':
      return issue({ ...state, phase: 'read' }, { kind: 'nop' });
    case 'read':
      return stepRead(config, ops, state, input);
    case 'wait':
      if (config.sleepEvent !== undefined) return issue({ ...state, phase: 'recheck' }, { kind: 'cli' });
      return issue(
        { ...state, phase: 'read' },
        config.yieldEvent === undefined ? { kind: 'nop' } : vmcall(config.yieldEvent),
      );
    case 'recheck':
      return stepRecheck(config, ops, drainAgain, state, input);
  }
}
