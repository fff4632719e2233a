import { describe, expect, test } from 'vitest';
import { readItf, traceToItf } from '../../src/trace/itf.ts';
import { traceToPerfetto } from '../../src/trace/perfetto.ts';
import { fakeTrace, hostileTrace } from './fake-trace.ts';

describe('ITF', () => {
  test('a trace comes back with a state per row of its timeline', () => {
    const read = readItf(traceToItf(fakeTrace));
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const { timeline } = fakeTrace.outcome;
    expect(read.value.states).toHaveLength(timeline.length);
    expect(read.value.states.map(({ step, tsc, subject, event }) => ({ step, tsc, subject, event }))).toEqual(
      timeline.map(({ step, tsc, subject, event }) => ({ step, tsc, subject, event })),
    );
    expect(read.value.vars).toContain('mbt::actionTaken');
  });

  test("Apalache's tagged values are read", () => {
    const text = JSON.stringify({
      vars: ['big', 'tuple', 'set', 'map', 'record'],
      states: [
        {
          '#meta': { index: 0 },
          big: { '#bigint': '123456789012345678901234567890' },
          tuple: { '#tup': [1, 'a'] },
          set: { '#set': [1, 2] },
          map: { '#map': [['k', { '#bigint': '7' }]] },
          record: { tag: 'Some', value: 3 },
        },
      ],
    });
    const read = readItf(text);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    expect(read.value.states[0]).toEqual({
      big: 123456789012345678901234567890n,
      tuple: [1, 'a'],
      set: [1, 2],
      map: [['k', 7n]],
      record: { tag: 'Some', value: 3 },
    });
  });

  test.each([
    ['no JSON', '{', /./],
    ['no states', '{"vars": []}', /states/],
    ['a variable missing', '{"vars": ["x"], "states": [{"y": 1}]}', /missing/],
    ['a big integer that is none', '{"vars": ["x"], "states": [{"x": {"#bigint": "1e9"}}]}', /digits/],
    ['an unknown form', '{"vars": ["x"], "states": [{"x": {"#code": []}}]}', /not a known form/],
    ['a prototype', '{"vars": ["__proto__"], "states": [{"x": 1}]}', /missing/],
    ['deep nesting', `{"vars": ["x"], "states": [{"x": ${'['.repeat(5000)}${']'.repeat(5000)}}]}`, /deep/],
  ])('hostile input is refused: %s', (_name, text, message) => {
    const read = readItf(text);
    expect(read.ok).toBe(false);
    if (!read.ok) expect(JSON.stringify(read.error)).toMatch(message);
  });

  test('a hostile trace stays data', () => {
    expect(readItf(traceToItf(hostileTrace)).ok).toBe(true);
    expect(traceToItf(hostileTrace)).not.toContain('\u001b');
  });
});

describe('Perfetto', () => {
  test('has a lane per CPU, an event per row and names', () => {
    const { traceEvents } = JSON.parse(traceToPerfetto(fakeTrace)) as { traceEvents: { ph: string; ts?: number }[] };
    const { timeline } = fakeTrace.outcome;
    expect(traceEvents.filter(({ ph }) => ph !== 'M')).toHaveLength(timeline.length);
    expect(traceEvents.filter(({ ph }) => ph === 'M')).toHaveLength(1 + new Set(timeline.map(({ cpu }) => cpu)).size);
    for (const { ph, ts } of traceEvents) expect(ph === 'M' || ts! >= 0).toBe(true);
  });
});
