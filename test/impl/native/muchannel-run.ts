import {
  type ChannelLayout,
  type ChannelOps,
  channelBytes,
  type Word64,
  ZERO64,
} from '../../../src/impl/native/muchannel.ts';
import { beginRead, initialReader, type ReadResult, readerStep } from '../../../src/impl/native/muchannel-reader.ts';
import {
  beginDeactivate,
  beginInit,
  beginWrite,
  initialWriter,
  writerStep,
} from '../../../src/impl/native/muchannel-writer.ts';
import type { Operation } from '../../../src/units/operation.ts';
import { accessBytes } from './muchannel-memory.ts';

export const LAYOUT: ChannelLayout = { address: 0x1000, protocol: 7, elementBytes: 16, elements: 3 };

export type WriterAction = 'init' | 'write' | 'deactivate';

/** A finished read with the header epoch at that time. */
export interface Read {
  readonly result: ReadResult;
  readonly epoch: Word64;
  readonly element: readonly Word64[];
}

export interface RunResult {
  readonly reads: readonly Read[];
  /** Elements committed per epoch. */
  readonly committed: ReadonlyMap<number, number>;
  readonly outside: number;
}

/** Both words of test element `number` (0-based) of an epoch are equal, so that a torn copy shows. */
export function stamped(epoch: number, number: number): Word64[] {
  const word = { low: number + 1, high: epoch };
  return [word, word];
}

/**
 * Runs writer and reader over one byte array. `schedule` says who makes the next access; the writer works through its
 * actions, the reader reads for ever.
 */
export function runChannel(
  actions: readonly WriterAction[],
  schedule: readonly boolean[],
  writerOps: ChannelOps,
  readerOps: ChannelOps,
  memory: Uint8Array = new Uint8Array(channelBytes(LAYOUT)),
): RunResult {
  let writer = initialWriter;
  let writerInput = ZERO64;
  let epoch = 0;
  let cursor = 0;
  let reader = initialReader;
  let readerInput = ZERO64;
  let outside = 0;
  const reads: Read[] = [];
  const committed = new Map<number, number>();
  const access = (operation: Operation): Word64 => {
    const done = accessBytes(memory, LAYOUT.address, operation);
    if (done.isOutside) outside += 1;
    return done.value;
  };
  const stepOfWriter = (): void => {
    if (writer.task.kind === 'idle') {
      const action = actions[cursor];
      if (action === undefined) return;
      cursor += 1;
      if (action === 'init') {
        epoch += 1;
        writer = beginInit(writer, { low: epoch, high: 0 });
      } else if (action === 'deactivate') writer = beginDeactivate(writer);
      else if (writer.epoch.low === 0) return;
      else writer = beginWrite(writer, stamped(epoch, writer.committed));
    }
    const step = writerStep(LAYOUT, writerOps, writer, writerInput);
    writer = step.state;
    writerInput = step.operation === undefined ? ZERO64 : access(step.operation);
    committed.set(epoch, Math.max(committed.get(epoch) ?? 0, writer.committed));
  };
  const stepOfReader = (): void => {
    if (reader.purpose === 'idle') reader = beginRead(reader);
    const step = readerStep(LAYOUT, readerOps, reader, readerInput);
    reader = step.state;
    if (step.outcome === undefined) readerInput = access(step.operation);
    else reads.push({ result: step.outcome.result, epoch: reader.epoch, element: step.outcome.element });
  };
  for (const isWriter of schedule) {
    if (isWriter) stepOfWriter();
    else stepOfReader();
  }
  return { reads, committed, outside };
}

/** First rule of the protocol that a run breaks; empty if none. */
export function brokenRule(run: RunResult): string {
  let lastEpoch = 0;
  let lastNumber = 0;
  if (run.outside > 0) return 'an access left the channel';
  for (const { result, epoch, element } of run.reads) {
    if (result !== 'success') continue;
    const [first, second] = element;
    if (first === undefined || second === undefined || element.length !== 2) return 'a success has no element';
    if (first.low !== second.low || first.high !== second.high) return `torn element ${first.low}, ${second.low}`;
    if (first.low === 0) return 'zeroed element';
    if (first.high !== epoch.low) return `element of epoch ${first.high} in epoch ${epoch.low}`;
    if (first.high < lastEpoch || (first.high === lastEpoch && first.low <= lastNumber))
      return `element ${first.low} after ${lastNumber}`;
    lastEpoch = first.high;
    lastNumber = first.low;
  }
  return '';
}

/** Rule that nothing is lost without an overrun: numbers of one epoch are consecutive between overruns and start at 1. */
export function silentLoss(run: RunResult): string {
  let epoch = 0;
  let expected = 1;
  let isKnown = true;
  for (const read of run.reads) {
    if (read.epoch.low !== epoch) {
      epoch = read.epoch.low;
      expected = 1;
      isKnown = true;
    }
    if (read.result === 'overrun_detected' || read.result === 'epoch_changed') isKnown = false;
    if (read.result !== 'success') continue;
    const number = read.element[0]!.low;
    if (isKnown && number !== expected) return `element ${number} where ${expected} was due`;
    expected = number + 1;
    isKnown = true;
  }
  return '';
}
