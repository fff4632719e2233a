import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTrace, writeTrace } from '../../src/trace/read.ts';
import type { Trace } from '../../src/trace/trace.ts';
import type { Operation } from '../../src/units/operation.ts';
import { emptyRun } from '../engine/fake-property.ts';
import { fakeTrace, hostileTrace } from './fake-trace.ts';

const everyOperation: readonly Operation[] = [
  { kind: 'read', address: 4096, sizeBytes: 8 },
  { kind: 'write', address: 4096, sizeBytes: 1, low: 0xffff_ffff, high: 1 },
  { kind: 'vmcall', low: 1, high: 2, cpl: 3 },
  { kind: 'exit', reason: 10, qualification: 5, interruptInfo: 0 },
  { kind: 'hlt' },
  { kind: 'rdtsc' },
  { kind: 'timedEvent', low: 1, high: 2, event: 3 },
  { kind: 'load', register: 15, low: 1, high: 2 },
  { kind: 'copy', from: 0x1000, to: 0x2000, sizeBytes: 4096 },
  { kind: 'fill', address: 0x1000, sizeBytes: 8, pattern: 255 },
  { kind: 'readFpu', place: 0 },
  { kind: 'writeFpu', place: 11, low: 1, high: 0xffff_ffff },
  { kind: 'rdmsr', index: 0xc000_0080 },
  { kind: 'wrmsr', index: 0xc000_0080, low: 1, high: 2 },
  { kind: 'in', port: 0xffff, sizeBytes: 4 },
  { kind: 'out', port: 0, sizeBytes: 1, value: 0xff },
  { kind: 'readCr', register: 3 },
  { kind: 'writeCr', register: 4, low: 1, high: 2 },
  { kind: 'sti' },
  { kind: 'cli' },
  { kind: 'nop' },
];

const full: Trace = {
  ...fakeTrace,
  fault: { id: 'f', from: 'f.ts' },
  body: {
    kind: 'pair',
    high: 'h',
    low: 'l',
    left: {
      ...emptyRun,
      programs: [{ subject: 'h', operations: everyOperation }],
      interrupts: [{ tsc: 1, cpu: 0, vector: 255 }],
      interleavings: [{ point: 0, cpu: 1 }],
    },
    right: { ...emptyRun, programs: [{ subject: 'l', software: 's', parameters: { n: 3, text: 'x' } }] },
  },
};

/** The problems of a trace after a change of its JSON. */
function problemsOf(change: (json: Record<string, never>) => unknown): string {
  const json = structuredClone(full) as unknown as Record<string, never>;
  const changed = change(json) ?? json;
  const result = readTrace(JSON.stringify(changed));
  return result.ok ? '' : result.error.map(problem => `${problem.path}: ${problem.message}`).join('\n');
}

describe('readTrace', () => {
  test.each([
    ['small', fakeTrace],
    ['full', full],
    ['static', { ...fakeTrace, body: { kind: 'static' } } as Trace],
    ['script', { ...fakeTrace, body: { kind: 'script', steps: [{ operation: 'ack', operands: [1, -2] }] } } as Trace],
    ['hostile text', hostileTrace],
  ])('what was written is read back: %s', (_, trace) => {
    expect(readTrace(writeTrace(trace))).toEqual({ ok: true, value: trace });
  });

  test.each([
    [
      'version',
      (json: Record<string, unknown>): void => {
        json.version = 2;
      },
      '$.version: expected 1, found 2',
    ],
    [
      'format',
      (json: Record<string, unknown>): void => {
        json.format = 'x';
      },
      '$.format: expected "muencheck-trace"',
    ],
    [
      'seed',
      (json: Record<string, unknown>): void => {
        json.seed = 2 ** 32;
      },
      '$.seed: expected an integer in 0 .. 4294967295',
    ],
    [
      'missing field',
      (json: Record<string, unknown>): void => {
        delete json.property;
      },
      '$.property: expected a name, found nothing',
    ],
    [
      'unknown field',
      (json: Record<string, unknown>): void => {
        json.extra = 1;
      },
      '$.extra: unknown field',
    ],
    ['array instead of object', () => [], '$: expected an object, found an array'],
    ['null', () => 'null', '$: expected an object'],
    [
      'body kind',
      (json: Record<string, unknown>): void => {
        json.body = { kind: 'toString' };
      },
      '$.body.kind: expected one of run, pair, static, script',
    ],
    [
      'digest',
      (json: Record<string, unknown>): void => {
        json.policy = { path: '', sha256: 'zz', gzipBase64: '' };
      },
      '$.policy.sha256: expected a SHA-256',
    ],
  ] as const)('%s is refused with its place', (_, change, message) => {
    expect(problemsOf(change as never)).toContain(message);
  });

  test('the place of a problem deep inside is exact', () => {
    const deep = JSON.parse(writeTrace(full)) as {
      body: { left: { programs: { operations: Record<string, unknown>[] }[] } };
    };
    const operations = deep.body.left.programs[0]?.operations ?? [];
    Object.assign(operations[1] ?? {}, { sizeBytes: 3 });
    Object.assign(operations[4] ?? {}, { extra: true });
    const result = readTrace(JSON.stringify(deep));
    expect(result.ok ? [] : result.error.map(problem => problem.path)).toEqual([
      '$.body.left.programs[0].operations[1].sizeBytes',
      '$.body.left.programs[0].operations[4].extra',
    ]);
  });

  test('no text throws, and nothing pollutes a prototype', () => {
    const texts = [
      '',
      '{',
      '[]',
      'null',
      '1e999',
      '"x"',
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      '{"__proto__":{"polluted":1}}',
    ];
    for (const text of texts) expect(readTrace(text).ok).toBe(false);
    const parameters = JSON.parse('{"__proto__":1,"constructor":2}') as Record<string, number>;
    const trace: Trace = {
      ...fakeTrace,
      body: { kind: 'run', run: { ...emptyRun, programs: [{ subject: 'a', software: 's', parameters }] } },
    };
    const read = readTrace(JSON.stringify(trace));
    expect(read.ok).toBe(true);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('any JSON value in any place is accepted or refused, never thrown on', () => {
    const paths = ['format', 'version', 'tool', 'policy', 'property', 'seed', 'fault', 'body', 'outcome'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const result = readTrace(JSON.stringify({ ...full, [path]: value }));
        if (!result.ok) expect(result.error[0]?.path.startsWith('$')).toBe(true);
        else expect(JSON.stringify(result.value)).toBe(JSON.stringify({ ...full, [path]: value }));
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});
