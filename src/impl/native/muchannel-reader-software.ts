import type { HostedSoftware } from '../hosted.ts';
import { type ChannelOps, isEqual64, type Word64, ZERO64 } from './muchannel.ts';
import { elementWord } from './muchannel-element.ts';
import type { ReaderOutcome } from './muchannel-reader.ts';
import { initialReceiver, type ReceiverConfig, type ReceiverState, receiverStep } from './muchannel-receiver.ts';

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
  received: 0,
  lastSequence: -1,
  overruns: 0,
  epochChanges: 0,
  incompatible: 0,
  corrupted: 0,
  outOfOrder: 0,
  lost: 0,
};

function countElement(
  config: ChannelReaderConfig,
  progress: ChannelReaderProgress,
  element: readonly Word64[],
): ChannelReaderProgress {
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

function countOutcome(
  config: ChannelReaderConfig,
  state: ChannelReaderState,
  outcome: ReaderOutcome,
): ChannelReaderState {
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
export function channelReaderSoftware(
  config: ChannelReaderConfig,
  ops: ChannelOps,
): HostedSoftware<ChannelReaderState> {
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

/** Reads the progress out of the state of 'channel-reader'. */
export function channelReaderProgress(state: ChannelReaderState): ChannelReaderProgress {
  return state.progress;
}
