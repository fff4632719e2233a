import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Field } from '../../src/model/schema.ts';
import { array, bits, bool, enumOf, int, record, schemaOf } from '../../src/model/schema.ts';
import { InvariantError } from '../../src/units/invariant.ts';

const schema = schemaOf({
  frame: int(0, 7),
  deadline: int(-5, 2 ** 50),
  wide: int(Number.MIN_SAFE_INTEGER, 0),
  unit: int(3, 3),
  running: bool(true),
  result: enumOf('no_data', 'success', 'overrun_detected'),
  single: enumOf('only'),
  pending: bits(32),
  subjects: array(2, record({ active: bool(), vectors: bits(3, ['timer', 'key', 'net']) }), ['nic', 'vt']),
  grid: array(2, array(3, int(1, 9))),
  none: array(0, int(0, 1)),
});
type State = ReturnType<typeof schema.initial>;

function arbitraryOf(field: Field): fc.Arbitrary<unknown> {
  if (field.kind === 'int') return wideInteger(field.min, field.max);
  if (field.kind === 'bool') return fc.boolean();
  if (field.kind === 'enum') return fc.constantFrom(...field.values);
  if (field.kind === 'bits') return fc.nat(0xffff_ffff).map(word => (word >>> (32 - field.width)) >>> 0);
  if (field.kind === 'array') {
    return fc.array(arbitraryOf(field.of), { minLength: field.length, maxLength: field.length });
  }
  return fc.record(Object.fromEntries(Object.entries(field.fields).map(([name, of]) => [name, arbitraryOf(of)])));
}

/** Integers of a range of up to 2^53 values, with its bounds often. */
function wideInteger(min: number, max: number): fc.Arbitrary<number> {
  const inside = fc.bigInt(BigInt(min), BigInt(max)).map(Number);
  return fc.oneof(fc.constantFrom(min, max), inside);
}

const states = arbitraryOf(schema.root) as fc.Arbitrary<State>;

describe('schema', () => {
  it('starts at 0 or the nearest bound, false, the first value and the empty set', () => {
    expect(schema.initial()).toEqual({
      frame: 0,
      deadline: 0,
      wide: 0,
      unit: 3,
      running: true,
      result: 'no_data',
      single: 'only',
      pending: 0,
      subjects: [
        { active: false, vectors: 0 },
        { active: false, vectors: 0 },
      ],
      grid: [
        [1, 1, 1],
        [1, 1, 1],
      ],
      none: [],
    });
    expect(schema.check(schema.initial())).toEqual([]);
  });

  it('counts bits and words', () => {
    // 3 + 51 + 53 + 0 + 1 + 2 + 0 + 32 + 2 * (1 + 3) + 6 * 4
    expect(schema.bits).toBe(174);
    expect(schema.words).toBeGreaterThanOrEqual(Math.ceil(174 / 32));
    expect(schemaOf({ a: int(1, 1) })).toMatchObject({ bits: 0, words: 1 });
    expect(schemaOf({ a: bits(31), b: bool(), c: bool() })).toMatchObject({ bits: 33, words: 2 });
  });

  it('does not let leaves overlap or straddle a word', () => {
    const used = new Set<string>();
    for (const leaf of schema.leaves) {
      expect(leaf.shift + leaf.width).toBeLessThanOrEqual(32);
      for (let bit = 0; bit < leaf.width; bit++) {
        const key = `${leaf.word}.${leaf.shift + bit}`;
        expect(used.has(key), `${leaf.path} ${key}`).toBe(false);
        used.add(key);
      }
    }
    expect(used.size).toBe(schema.bits);
  });

  it('unpacks what it packed, at any offset, into a new or a given state', () => {
    fc.assert(
      fc.property(states, fc.nat(3), (state, offset) => {
        const words = new Uint32Array(schema.words + 4).fill(0xdead_beef);
        schema.pack(state, words, offset);
        expect(schema.unpack(words, offset)).toEqual(state);
        const into = schema.initial();
        expect(schema.unpack(words, offset, into)).toBe(into);
        expect(into).toEqual(state);
        const outside = [...words].filter((_, index) => index < offset || index >= offset + schema.words);
        expect(outside.every(word => word === 0xdead_beef)).toBe(true);
      }),
    );
  });

  it('packs different states differently, and equal ones equally', () => {
    fc.assert(
      fc.property(states, states, (left, right) => {
        const samePacked = [...schema.pack(left)].join() === [...schema.pack(right)].join();
        expect(samePacked).toBe(schema.equal(left, right));
        expect(schema.diff(left, right).length === 0).toBe(samePacked);
        expect(schema.equal(left, schema.clone(left))).toBe(true);
      }),
    );
  });

  it('clones and copies deeply', () => {
    fc.assert(
      fc.property(states, state => {
        const text = JSON.stringify(state);
        const copy = schema.initial();
        schema.copy(state, copy);
        const clone = schema.clone(state);
        expect([clone, copy]).toEqual([state, state]);
        for (const changed of [clone, copy]) {
          changed.subjects[1]!.active = !changed.subjects[1]!.active;
          changed.grid[0]![2] = 0;
        }
        expect(JSON.stringify(state)).toBe(text);
      }),
    );
  });

  it('handles schemas that need several generated functions', () => {
    const large = schemaOf({ cells: array(1000, record({ a: int(0, 2 ** 40), b: bool() })) });
    const state = large.initial();
    state.cells.forEach((cell, index) => {
      cell.a = index * 2 ** 30;
      cell.b = index % 3 === 0;
    });
    const copy = large.unpack(large.pack(state));
    expect(copy).toEqual(state);
    expect(large.equal(copy, state)).toBe(true);
    copy.cells[999]!.a += 1;
    expect(large.equal(copy, state)).toBe(false);
    large.copy(state, copy);
    expect(large.equal(copy, state)).toBe(true);
  });

  it('names differing fields in domain terms', () => {
    const left = schema.initial();
    const right = schema.initial();
    right.subjects[1]!.active = true;
    right.subjects[0]!.vectors = 0b101;
    right.pending = 0x8000_0001;
    right.grid[1]![2] = 4;
    right.result = 'success';
    expect(schema.diff(left, right)).toEqual([
      'result: no_data vs success',
      'pending: {} vs {0, 31}',
      'subjects[nic].vectors: {} vs {timer, net}',
      'subjects[vt].active: false vs true',
      'grid[1][2]: 1 vs 4',
    ]);
  });

  it('shows states as JSON in domain terms', () => {
    const state = schema.initial();
    state.subjects[1]!.vectors = 0b010;
    state.pending = 1 << 7;
    expect(schema.toJson(state)).toMatchObject({
      pending: [7],
      subjects: { nic: { active: false, vectors: [] }, vt: { vectors: ['key'] } },
    });
  });

  it.each([
    [
      'a missing field',
      (s: Record<string, unknown>) => delete s.frame,
      /^frame: undefined is not an integer in 0 .. 7$/,
    ],
    ['an unknown field', (s: Record<string, unknown>) => Object.assign(s, { extra: 1 }), /^extra: is not a field$/],
    ['a value above', (s: Record<string, unknown>) => Object.assign(s, { frame: 8 }), /^frame: 8 is not an integer/],
    ['a value below', (s: Record<string, unknown>) => Object.assign(s, { deadline: -6 }), /^deadline: -6/],
    ['a fraction', (s: Record<string, unknown>) => Object.assign(s, { frame: 0.5 }), /^frame: 0.5/],
    ['NaN', (s: Record<string, unknown>) => Object.assign(s, { frame: Number.NaN }), /^frame: NaN/],
    [
      'a signed word',
      (s: Record<string, unknown>) => Object.assign(s, { pending: -1 }),
      /^pending: -1 is not an integer in 0 .. 4294967295$/,
    ],
    [
      'a number for a truth value',
      (s: Record<string, unknown>) => Object.assign(s, { running: 1 }),
      /^running: 1 is not a boolean$/,
    ],
    [
      'another name',
      (s: Record<string, unknown>) => Object.assign(s, { result: 'toString' }),
      /^result: toString is not one of/,
    ],
    [
      'a short array',
      (s: Record<string, unknown>) => Object.assign(s, { subjects: [] }),
      /^subjects: is not an array of 2$/,
    ],
    [
      'a hole',
      (s: Record<string, unknown>) => Object.assign(s, { subjects: [null, null] }),
      /^subjects\[nic\]: is not a record$/,
    ],
  ])('finds %s', (_name, spoil, message) => {
    const state: Record<string, unknown> = schema.initial();
    spoil(state);
    expect(schema.check(state)[0]).toMatch(message);
  });

  it('accepts anything in check', () => {
    fc.assert(fc.property(fc.anything(), value => Array.isArray(schema.check(value))));
    for (const value of [null, undefined, 1, 'x', []]) expect(schema.check(value)).toEqual(['state: is not a record']);
  });

  it.each([
    () => int(1, 0),
    () => int(0.5, 1),
    () => int(-(2 ** 53), 0),
    () => int(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    () => int(0, 3, 4),
    () => bits(0),
    () => bits(33),
    () => enumOf('a', 'a'),
    () => array(-1, bool()),
    () => record({ 'a.b': bool() }),
    () => record({ 'x;': bool() }),
  ])('rejects what is not a field: %s', build => {
    expect(build).toThrow(InvariantError);
  });
});
