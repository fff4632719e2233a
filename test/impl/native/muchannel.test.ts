import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  big64,
  CHANNEL_MARKER,
  type ChannelOps,
  channelBytes,
  channelOps,
  HEADER,
  type Word64,
  ZERO64,
} from '../../../src/impl/native/muchannel.ts';
import {
  beginDrain,
  beginPending,
  beginRead,
  initialReader,
  type ReaderOutcome,
  type ReaderState,
  readerStep,
  resetReader,
} from '../../../src/impl/native/muchannel-reader.ts';
import {
  beginDeactivate,
  beginInit,
  beginWrite,
  initialWriter,
  type WriterState,
  writerStep,
} from '../../../src/impl/native/muchannel-writer.ts';
import { accessBytes } from './muchannel-memory.ts';
import { brokenRule, LAYOUT, runChannel, silentLoss, stamped, type WriterAction } from './muchannel-run.ts';

/** Channel memory with a writer and readers that run to the end of each call. */
class Bench {
  readonly memory = new Uint8Array(channelBytes(LAYOUT));
  writer: WriterState = initialWriter;
  reader: ReaderState = initialReader;
  accesses: string[] = [];

  #finishWriter(): void {
    let input: Word64 = ZERO64;
    for (;;) {
      const step = writerStep(LAYOUT, channelOps, this.writer, input);
      this.writer = step.state;
      if (step.operation === undefined) return;
      this.accesses.push(
        `${step.operation.kind} ${'address' in step.operation ? step.operation.address - LAYOUT.address : ''}`,
      );
      input = accessBytes(this.memory, LAYOUT.address, step.operation).value;
    }
  }

  init(epoch: number): void {
    this.writer = beginInit(this.writer, { low: epoch, high: 0 });
    this.#finishWriter();
  }

  write(element: readonly Word64[]): void {
    this.writer = beginWrite(this.writer, element);
    this.#finishWriter();
  }

  deactivate(): void {
    this.writer = beginDeactivate(this.writer);
    this.#finishWriter();
  }

  #finishReader(): ReaderOutcome {
    let input: Word64 = ZERO64;
    for (;;) {
      const step = readerStep(LAYOUT, channelOps, this.reader, input);
      this.reader = step.state;
      if (step.outcome !== undefined) return step.outcome;
      expect(step.operation.kind).toBe('read');
      this.accesses.push(`read ${'address' in step.operation ? step.operation.address - LAYOUT.address : ''}`);
      input = accessBytes(this.memory, LAYOUT.address, step.operation).value;
    }
  }

  read(): ReaderOutcome {
    this.reader = beginRead(this.reader);
    return this.#finishReader();
  }

  pending(): boolean {
    this.reader = beginPending(this.reader);
    return this.#finishReader().isPending;
  }

  drain(): void {
    this.reader = beginDrain(this.reader);
    this.#finishReader();
  }

  patch(offset: number, value: bigint): void {
    new DataView(this.memory.buffer).setBigUint64(offset, value, true);
  }

  field(offset: number): bigint {
    return new DataView(this.memory.buffer).getBigUint64(offset, true);
  }
}

function activeBench(elements: number): Bench {
  const bench = new Bench();
  bench.init(1);
  for (let number = 0; number < elements; number++) bench.write(stamped(1, number));
  return bench;
}

describe('result codes', () => {
  test('an inactive channel', () => {
    expect(new Bench().read()).toEqual({ result: 'inactive', element: [], isPending: false });
  });

  test('an empty channel', () => {
    expect(activeBench(0).read().result).toBe('no_data');
  });

  test('elements in order', () => {
    const bench = activeBench(2);
    expect(bench.read()).toMatchObject({ result: 'success', element: stamped(1, 0) });
    expect(bench.read()).toMatchObject({ result: 'success', element: stamped(1, 1) });
    expect(bench.read().result).toBe('no_data');
  });

  test('an overrun skips everything unread', () => {
    const bench = activeBench(LAYOUT.elements + 1);
    expect(bench.read().result).toBe('overrun_detected');
    expect(bench.read().result).toBe('no_data');
    bench.write(stamped(1, 9));
    expect(bench.read()).toMatchObject({ result: 'success', element: stamped(1, 9) });
  });

  test('a full ring is not an overrun', () => {
    const bench = activeBench(LAYOUT.elements);
    expect(bench.read().result).toBe('success');
  });

  test('deactivation and a new epoch', () => {
    const bench = activeBench(1);
    bench.read();
    bench.deactivate();
    expect(bench.read().result).toBe('inactive');
    bench.init(2);
    bench.write(stamped(2, 0));
    expect(bench.read()).toMatchObject({ result: 'success', element: stamped(2, 0) });
  });

  test.each([
    ['another marker', HEADER.transport, 1n],
    ['another protocol', HEADER.protocol, 8n],
    ['another protocol in the high half', HEADER.protocol, (1n << 32n) | 7n],
    ['another size', HEADER.size, 24n],
    ['other elements', HEADER.elements, 4n],
  ])('%s is incompatible', (_name, offset, value) => {
    const bench = activeBench(1);
    bench.patch(offset, value);
    expect(bench.read().result).toBe('incompatible_interface');
    expect(bench.reader.epoch).toEqual(ZERO64);
  });

  test('another factorisation of the same data size is accepted, as upstream does', () => {
    const bench = activeBench(1);
    bench.patch(HEADER.size, 2n ** 63n + 12n);
    bench.patch(HEADER.elements, 4n);
    expect(bench.read().result).toBe('success');
  });
});

describe('other calls', () => {
  test('has_pending', () => {
    const bench = activeBench(1);
    expect(bench.pending()).toBe(false);
    bench.drain();
    bench.reader = resetReader(bench.reader);
    expect(bench.read().result).toBe('success');
    expect(bench.pending()).toBe(false);
    bench.write(stamped(1, 1));
    expect(bench.pending()).toBe(true);
    bench.deactivate();
    expect(bench.pending()).toBe(false);
  });

  test('drain skips what was unread, reset reads it again', () => {
    const bench = activeBench(1);
    expect(bench.read().result).toBe('success');
    bench.write(stamped(1, 1));
    bench.drain();
    expect(bench.read().result).toBe('no_data');
    bench.reader = resetReader(bench.reader);
    expect(bench.read()).toMatchObject({ result: 'success', element: stamped(1, 0) });
  });
});

describe('layout and order of accesses', () => {
  test('the header as SHMStream v2 has it', () => {
    const bench = activeBench(2);
    expect(bench.field(HEADER.transport)).toBe(0x487312b6b79a9b6dn);
    expect(bench.field(HEADER.transport)).toBe(big64(CHANNEL_MARKER));
    expect([8, 16, 24, 32, 40, 48, 56].map(offset => bench.field(offset))).toEqual([1n, 7n, 16n, 3n, 0n, 2n, 2n]);
  });

  test('a write announces, stores and commits', () => {
    const bench = activeBench(1);
    bench.accesses = [];
    bench.write(stamped(1, 1));
    expect(bench.accesses).toEqual(['read 56', 'write 48', 'write 80', 'write 88', 'write 56']);
  });

  test('init stores the epoch first and last', () => {
    const bench = new Bench();
    bench.init(1);
    expect(bench.accesses.at(0)).toBe('write 8');
    expect(bench.accesses.at(-1)).toBe('write 8');
    expect(bench.accesses).toHaveLength(9 + (LAYOUT.elementBytes * LAYOUT.elements) / 8);
  });

  test('a read loads the data before WSC', () => {
    const bench = activeBench(1);
    bench.read();
    expect(bench.accesses.slice(-5)).toEqual(['read 56', 'read 64', 'read 72', 'read 48', 'read 8']);
  });
});

const actions = fc.array(fc.constantFrom<WriterAction>('write', 'write', 'write', 'write', 'init', 'deactivate'), {
  maxLength: 24,
});
/** Runs of the same party, so that whole writes and reads happen between other accesses. */
const schedule = fc
  .array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 30 })), { maxLength: 60 })
  .map(runs => runs.flatMap(([isWriter, length]) => Array.from({ length }, () => isWriter)));

describe('any interleaving', () => {
  test('successes are whole, of the present epoch and in order, and nothing is lost silently', () => {
    fc.assert(
      fc.property(actions, schedule, (list, order) => {
        const run = runChannel(['init', ...list], order, channelOps, channelOps);
        expect(brokenRule(run)).toBe('');
        expect(silentLoss(run)).toBe('');
      }),
      { numRuns: 3000, seed: 11 },
    );
  });

  test('whatever is committed arrives when the reader keeps up', () => {
    const order = Array.from({ length: 16 }, () => [...Array(6).fill(true), ...Array(14).fill(false)]).flat();
    const run = runChannel(['init', ...Array<WriterAction>(6).fill('write')], order, channelOps, channelOps);
    expect(run.reads.filter(({ result }) => result === 'success')).toHaveLength(6);
  });

  const faults: readonly (readonly [string, Partial<ChannelOps>, 'writer' | 'reader'])[] = [
    ['commit before data', { writeOrder: () => ['announce', 'commit', 'data'] }, 'writer'],
    ['announce after data', { writeOrder: () => ['data', 'announce', 'commit'] }, 'writer'],
    ['no overrun test', { isOverrun: () => false }, 'reader'],
    [
      'overrun test one late',
      { isOverrun: (start, read, elements) => big64(start) > big64(read) + big64(elements) + 1n },
      'reader',
    ],
    ['wrong modulus', { elementIndex: (count, elements) => Number(big64(count) % BigInt(elements - 1)) }, 'reader'],
    ['no epoch check', { hasEpochChanged: () => false }, 'reader'],
    ['adopts the epoch read again', { adoptEpoch: (_seen, reread) => reread }, 'reader'],
  ];

  test.each(faults)('a fault is found: %s', (_name, fault, side) => {
    const faulty = { ...channelOps, ...fault };
    const result = fc.check(
      fc.property(actions, schedule, (list, order) => {
        const run = runChannel(
          ['init', ...list],
          order,
          side === 'writer' ? faulty : channelOps,
          side === 'reader' ? faulty : channelOps,
        );
        return brokenRule(run) === '' && silentLoss(run) === '';
      }),
      { numRuns: 20_000, seed: 5 },
    );
    expect(result.failed).toBe(true);
  });
});

describe('a hostile writer', () => {
  test('no header makes the reader leave the channel, stop or store', () => {
    const interesting = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.constantFrom(0n, 1n, 3n, 7n, 16n, 48n, 2n ** 63n, 2n ** 64n - 1n, big64(CHANNEL_MARKER)),
    );
    const stores = fc.array(
      fc.tuple(fc.constantFrom(...Object.values(HEADER)), interesting, fc.integer({ min: 0, max: 12 })),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(stores, fc.boolean(), (list, isActive) => {
        const bench = isActive ? activeBench(2) : new Bench();
        let reader = initialReader;
        let input = ZERO64;
        for (const [offset, value, accesses] of list) {
          bench.patch(offset, value);
          for (let count = 0; count < accesses; count++) {
            const step = readerStep(LAYOUT, channelOps, reader.purpose === 'idle' ? beginRead(reader) : reader, input);
            reader = step.state;
            if (step.outcome !== undefined) continue;
            expect(step.operation.kind).toBe('read');
            const done = accessBytes(bench.memory, LAYOUT.address, step.operation);
            expect(done.isOutside).toBe(false);
            input = done.value;
          }
        }
        let calls = 0;
        while (calls++ < 32 && reader.purpose !== 'idle') {
          const step = readerStep(LAYOUT, channelOps, reader, input);
          reader = step.state;
          if (step.outcome === undefined) input = accessBytes(bench.memory, LAYOUT.address, step.operation).value;
        }
        expect(reader.purpose).toBe('idle');
      }),
      { numRuns: 1000, seed: 3 },
    );
  });
});
