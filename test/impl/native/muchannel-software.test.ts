import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { channelOps } from '../../../src/impl/native/muchannel.ts';
import { freshEpoch } from '../../../src/impl/native/muchannel-element.ts';
import { channelReaderProgress, channelReaderSoftware } from '../../../src/impl/native/muchannel-reader-software.ts';
import { channelWriterProgress, channelWriterSoftware } from '../../../src/impl/native/muchannel-writer-software.ts';
import { BenchSubject } from '../software-bench.ts';

const layout = { address: 0x1000, protocol: 1, elementBytes: 32, elements: 4 };
const SCHEDULING_INFO = 0x8000;
const SLEEP = 9;

function pair(messages: number, burst: number) {
  const channel = new Uint8Array(0x1000);
  const info = new Uint8Array(0x1000);
  new DataView(info.buffer).setBigUint64(0, 0x5_0000_0001n, true);
  const writer = new BenchSubject(
    channelWriterSoftware(
      { layout, event: 1, messages, burst, pauses: 3, seed: 5, schedulingInfo: SCHEDULING_INFO },
      channelOps,
    ),
    [
      { address: layout.address, bytes: channel, isWritable: true },
      { address: SCHEDULING_INFO, bytes: info, isWritable: false },
    ],
  );
  const reader = new BenchSubject(
    channelReaderSoftware({ layout, sleepEvent: SLEEP, yieldEvent: undefined, seed: 5 }, channelOps),
    [{ address: layout.address, bytes: channel, isWritable: false }],
    SLEEP,
  );
  const stepWriter = (): void => {
    if (writer.step()?.kind === 'vmcall') reader.interrupt(32);
  };
  return { writer, reader, stepWriter };
}

describe('channel software', () => {
  test('everything arrives when the reader is faster', () => {
    const { writer, reader, stepWriter } = pair(20, 2);
    for (let round = 0; round < 2000; round++) {
      stepWriter();
      for (let count = 0; count < 4; count++) reader.step();
    }
    expect(channelWriterProgress(writer.state)).toEqual({
      epoch: { low: 1, high: 5 },
      committed: 20,
      notifications: 10,
      isWriting: false,
    });
    expect(channelReaderProgress(reader.state)).toMatchObject({
      received: 20,
      lastSequence: 19,
      lost: 0,
      corrupted: 0,
      outOfOrder: 0,
      overruns: 0,
    });
    expect(reader.isAsleep).toBe(true);
    expect([...writer.faults, ...reader.faults]).toEqual([]);
  });

  test('any interleaving: nothing corrupted, nothing reordered, no wake-up lost', () => {
    const schedule = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(schedule, fc.integer({ min: 1, max: 5 }), (turns, burst) => {
        const { writer, reader, stepWriter } = pair(15, burst);
        for (const [ofWriter, ofReader] of turns) {
          for (let count = 0; count < ofWriter; count++) stepWriter();
          for (let count = 0; count < ofReader; count++) reader.step();
        }
        while (!writer.isAsleep) stepWriter();
        for (let count = 0; count < 300; count++) reader.step();
        const progress = channelReaderProgress(reader.state);
        expect(progress).toMatchObject({ corrupted: 0, outOfOrder: 0, incompatible: 0 });
        expect(reader.isAsleep).toBe(true);
        expect(progress.overruns > 0 || progress.received === 15).toBe(true);
        expect(writer.faults.length + reader.faults.length).toBe(0);
      }),
      { numRuns: 400, seed: 2 },
    );
  });

  test('a polling reader never disables interrupts', () => {
    const channel = new Uint8Array(0x1000);
    const reader = new BenchSubject(
      channelReaderSoftware({ layout, sleepEvent: undefined, yieldEvent: 3, seed: 5 }, channelOps),
      [{ address: layout.address, bytes: channel, isWritable: false }],
    );
    const kinds = Array.from({ length: 50 }, () => reader.step()?.kind);
    expect(kinds).not.toContain('cli');
    expect(reader.vmcalls.every(event => event === 3)).toBe(true);
    expect(reader.vmcalls.length).toBeGreaterThan(5);
  });

  test('an epoch is never zero and never the one before', () => {
    const word = fc.record({ low: fc.constantFrom(0, 1, 0xffff_ffff), high: fc.constantFrom(0, 1, 0xffff_ffff) });
    fc.assert(
      fc.property(word, word, (start, previous) => {
        const epoch = freshEpoch(start, previous);
        expect(epoch).not.toEqual(previous);
        expect(epoch.low + epoch.high).toBeGreaterThan(0);
      }),
    );
  });
});
