import { describe, expect, test } from 'vitest';
import { later, rtcService } from '../../../../src/impl/genode/services/rtc.ts';
import { configElement, made } from '../../../../src/refinement/services/config-element.ts';
import { ServiceBench } from '../../../../src/refinement/services/service-bench.ts';

describe('Rtc', () => {
  test('counts like the calendar of the host, over leap years and ends of months', () => {
    let state = 12_345;
    for (let round = 0; round < 2000; round++) {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      const start = new Date(Date.UTC(1970 + (state % 500), state % 12, 1 + (state % 28), state % 24, state % 60, 7));
      const elapsedUs = (state % 1_000_000) * 3_600_000_017;
      const from = {
        microsecond: 0,
        second: start.getUTCSeconds(),
        minute: start.getUTCMinutes(),
        hour: start.getUTCHours(),
        day: start.getUTCDate(),
        month: start.getUTCMonth() + 1,
        year: start.getUTCFullYear(),
      };
      const end = new Date(start.getTime() + Math.floor(elapsedUs / 1000));
      expect(later(from, elapsedUs)).toEqual({
        microsecond: elapsedUs % 1e6,
        second: end.getUTCSeconds(),
        minute: end.getUTCMinutes(),
        hour: end.getUTCHours(),
        day: end.getUTCDate(),
        month: end.getUTCMonth() + 1,
        year: end.getUTCFullYear(),
      });
    }
  });

  test('starts with the date of its configuration', () => {
    const config = configElement('<config year="2026" month="2" day="28" hour="23" minute="59" second="59"/>');
    const bench = new ServiceBench(made(rtcService(config)));
    expect(bench.open(1, 'panel')).toBeUndefined();
    bench.advanceUs(1_000_001);
    expect(bench.call(1, 'current_time')).toEqual([1, 0, 0, 0, 1, 3, 2026]);
    expect(bench.call(1, 'set_sigh', 1)).toEqual([]);
  });

  test.each([
    ['<config year="2026" month="2" day="29"/>', 'month 2 of 2026 has no day 29'],
    ['<config hour="24"/>', 'hour="24" of <config> is not a number from 0 to 23'],
    ['<config year="x"/>', 'year="x" of <config> is not a number from 1970 to 9999'],
  ])('refuses %s', (text, error) => {
    expect(rtcService(configElement(text))).toEqual({ ok: false, error });
  });
});
