import { describe, expect, test } from 'vitest';
import { logService } from '../../../../src/impl/genode/services/log.ts';
import { romService } from '../../../../src/impl/genode/services/rom.ts';
import { TIMER_SIGH, timerService } from '../../../../src/impl/genode/services/timer.ts';
import { ServiceBench } from '../../../../src/refinement/service-bench.ts';

const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes.filter(byte => byte !== 0));

describe('LOG', () => {
  test('appends labelled lines to a ring and never leaves it', () => {
    const bench = new ServiceBench(logService({ dataspace: 1, sizeBytes: 72 }));
    expect(bench.allocate(0x1000)).toBe(1);
    expect(bench.open(1, 'init -> app')).toBeUndefined();
    bench.call(1, 'write', 'hello\n');
    expect(textOf(bench.read(1, 8, 64))).toBe('[init -> app] hello\n');
    for (let line = 0; line < 9; line++) bench.call(1, 'write', `line ${line} of some\x1b length\n`);
    expect(bench.read(1, 72, 64).every(byte => byte === 0)).toBe(true);
    expect(textOf(bench.read(1, 8, 64))).toContain('8 of some. length');
  });
});

describe('ROM', () => {
  test('serves the module that the label ends with', () => {
    const bench = new ServiceBench(romService(new Map([['config', '<config/>']])));
    expect(bench.open(1, 'init -> app -> other')).toBe('DENIED');
    expect(bench.open(2, 'init -> app -> config')).toBeUndefined();
    const [dataspace] = bench.call(2, 'dataspace') as number[];
    expect(textOf(bench.read(dataspace!, 0, 16))).toBe('<config/>');
    bench.close(2);
    expect(bench.memory.size).toBe(0);
  });
});

describe('Timer', () => {
  test('signals once, or again and again, and never early', () => {
    const bench = new ServiceBench(timerService);
    bench.open(1, 'app');
    bench.open(2, 'other');
    bench.call(1, 'trigger_once', 1000n);
    bench.call(2, 'trigger_periodic', 400n);
    bench.advanceUs(999);
    expect(bench.signals).toEqual([
      { session: 2, opcode: TIMER_SIGH },
      { session: 2, opcode: TIMER_SIGH },
    ]);
    bench.advanceUs(1);
    expect(bench.signals.at(-1)).toEqual({ session: 1, opcode: TIMER_SIGH });
    expect(bench.call(1, 'elapsed_us')).toEqual([1000n]);
    bench.call(2, 'trigger_periodic', 0n);
    bench.advanceUs(10_000);
    expect(bench.signals).toHaveLength(3);
  });
});
