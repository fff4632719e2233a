import { describe, expect, test } from 'vitest';
import { inputService } from '../../../../src/impl/genode/services/input.ts';
import { logService } from '../../../../src/impl/genode/services/log.ts';
import { reportRomService } from '../../../../src/impl/genode/services/report-rom.ts';
import { romService } from '../../../../src/impl/genode/services/rom.ts';
import { serviceOps } from '../../../../src/impl/genode/services/service-ops.ts';
import { terminalService } from '../../../../src/impl/genode/services/terminal.ts';
import { TIMER_SIGH, timerService } from '../../../../src/impl/genode/services/timer.ts';
import { configElement } from '../../../../src/refinement/services/config-element.ts';
import { ServiceBench } from '../../../../src/refinement/services/service-bench.ts';

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

describe('Report and ROM', () => {
  const config = configElement('<config><policy label="app -> focus" report="nit -> focus"/></config>');
  test('a report is the ROM that a policy names; without a policy there is none', () => {
    const bench = new ServiceBench(reportRomService(config, serviceOps));
    expect(bench.open(1, 'other -> focus', {}, 'ROM')).toBe('DENIED');
    expect(bench.open(2, 'app -> focus', {}, 'ROM')).toBeUndefined();
    expect(bench.call(2, 'dataspace')).toEqual([0]);
    expect(bench.open(3, 'nit -> focus', { buffer_size: '0x2000' }, 'Report')).toBeUndefined();
    const [buffer] = bench.call(3, 'dataspace') as number[];
    bench.write(buffer!, 0, new TextEncoder().encode('<focus label="app"/>'));
    bench.call(3, 'submit', 20n);
    expect(bench.signals).toEqual([{ session: 2, opcode: 2 }]);
    const [rom] = bench.call(2, 'dataspace') as number[];
    expect(textOf(bench.memory.get(rom!)!)).toBe('<focus label="app"/>');
    expect(bench.call(3, 'obtain_response')).toEqual([0n]);
  });
  test.each([
    ['0', 'DENIED'],
    ['-1', 'DENIED'],
    ['4G', 'DENIED'],
    ['16M', 'INSUFFICIENT_RAM'],
  ])('a buffer of %s is refused', (buffer_size, error) => {
    const bench = new ServiceBench(reportRomService(config, serviceOps));
    bench.limitBytes = 0x1_0000;
    expect(bench.open(1, 'nit -> focus', { buffer_size }, 'Report')).toBe(error);
  });
});

describe('Terminal', () => {
  test('is connected at once, and tells who listens late', () => {
    const bench = new ServiceBench(terminalService(serviceOps));
    bench.open(1, 'one');
    bench.call(1, 'connected_sigh', 1);
    const [buffer] = bench.call(1, 'dataspace') as number[];
    bench.write(buffer!, 0, new Uint8Array([72, 105]));
    expect(bench.call(1, 'write', 2n)).toEqual([2n]);
    bench.open(2, 'two');
    expect(bench.call(2, 'avail')).toEqual([1]);
    bench.signals = [];
    bench.call(2, 'read_avail_sigh', 1);
    expect(bench.signals).toEqual([{ session: 2, opcode: 5 }]);
    expect(bench.call(2, 'read', 100n)).toEqual([2n]);
    expect(bench.call(2, 'size')).toEqual([0, 0]);
  });
});

describe('Input', () => {
  test.each([
    ['<config><press code="0"/></config>', '<press> has no valid key code'],
    ['<config><press code="767"/></config>', '<press> has no valid key code'],
    ['<config><press code="x"/></config>', 'code="x" of <press> is not a number'],
    ['<config><shake/></config>', '<shake> is no input event'],
    ['<config period_us="1"/>', 'period_us="1" of <config> is not a number from 100 to 60000000'],
  ])('refuses %s', (text, error) => {
    expect(inputService(configElement(text), serviceOps)).toEqual({ ok: false, error });
  });
});
