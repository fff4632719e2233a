import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPolicy } from '../../src/policy/check.ts';
import type { Finding } from '../../src/policy/finding.ts';
import { ADDRESS, formatWord64, parseWord64, SIZE, WORD64 } from '../../src/policy/literal.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { lineStarts, positionAt } from '../../src/policy/policy-lines.ts';
import { touchedBlocks } from '../../src/policy/spans.ts';
import { smallPolicy } from '../../test/policy/small-policy.ts';

const golden = new URL('../../../shared/golden/hand/h05_multiframe/policy_b.xml', import.meta.url);
const bases = [smallPolicy(), ...(existsSync(golden) ? [readFileSync(golden, 'utf8')] : [])];
const encoder = new TextEncoder();

function expectPlaced(findings: readonly Finding[], lines: number): void {
  for (const { code, severity, line, column, message, hint } of findings) {
    expect(code).toMatch(/^[A-Z0-9]+(-[A-Z0-9]+)+$/);
    expect(message.length * hint.length).toBeGreaterThan(0);
    const wholeFile = line === 0 && column === 0;
    expect(wholeFile || (line >= 1 && line <= lines && column >= 1)).toBe(true);
    if (wholeFile) expect(severity === 'notice' || code === 'XML-TOO-LARGE').toBe(true);
  }
}

/** Whatever the bytes are: a document whose rules can be checked, or at least one error with a place in the file. */
function expectHandled(bytes: Uint8Array): 'document' | 'refused' {
  const lines = lineStarts(new TextDecoder().decode(bytes)).length;
  const result = parsePolicy(bytes);
  if (!result.ok) {
    expect(result.error.some(finding => finding.severity === 'error')).toBe(true);
    expectPlaced(result.error, lines);
    return 'refused';
  }
  expectPlaced(result.value.findings, lines);
  expectPlaced(checkPolicy(result.value.document).findings, lines);
  return 'document';
}

const hostileValues = [
  '',
  '0',
  '-1',
  '1',
  '63',
  '64',
  '255',
  '256',
  '65535',
  '4294967295',
  '99999999999999999999999',
  '16#0000#',
  '16#1000#',
  '16#000f_ffff_ffff_f000#',
  '16#ffff_ffff_ffff_ffff#',
  '16#ff#',
  'true',
  'none',
  'auto',
  '$size',
  'alpha',
  'beta',
  'vt|state',
  '__proto__',
  'constructor',
  'x'.repeat(64),
  '&amp;&#x10FFFF;',
];
const hostileText = fc.oneof(
  fc.constantFrom(...hostileValues),
  fc.string({ maxLength: 12 }).map(text => text.replace(/[<&"]/g, '')),
);

/** One change to a text, at a place given as a fraction of its length. */
const change = fc.oneof(
  fc.record({ kind: fc.constant('value' as const), at: fc.double({ min: 0, max: 1, noNaN: true }), text: hostileText }),
  fc.record({
    kind: fc.constant('delete' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    count: fc.nat(200),
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    text: fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom(
        '<',
        '>',
        '"',
        '&',
        ']]>',
        '<!--',
        '<![CDATA[',
        '<?x?>',
        '<!DOCTYPE a>',
        '\u0000',
        '<memory/>',
        '</system>',
      ),
    ),
  }),
  fc.record({
    kind: fc.constant('repeat' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    count: fc.nat(2000),
  }),
  fc.record({
    kind: fc.constant('element' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    action: fc.constantFrom('remove' as const, 'double' as const),
  }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** Offset of the occurrence of `pattern` nearest behind the given fraction of the text. */
function find(text: string, fraction: number, pattern: RegExp): RegExpExecArray | null {
  const search = new RegExp(pattern, 'g');
  search.lastIndex = Math.floor(text.length * fraction * 0.999);
  return search.exec(text) ?? new RegExp(pattern, 'g').exec(text);
}

function apply(text: string, edit: Change): string {
  const offset = Math.floor(text.length * edit.at);
  switch (edit.kind) {
    case 'delete':
      return text.slice(0, offset) + text.slice(offset + edit.count);
    case 'insert':
      return text.slice(0, offset) + edit.text + text.slice(offset);
    case 'repeat':
      return text.slice(0, offset) + text.slice(Math.max(0, offset - edit.count));
    case 'value': {
      const match = find(text, edit.at, /="[^"]*"/);
      return match === null
        ? text
        : `${text.slice(0, match.index)}="${edit.text}"${text.slice(match.index + match[0].length)}`;
    }
    case 'element': {
      const match = find(text, edit.at, /<\w+(?: [^<>]*)?\/>|<(\w+)(?: [^<>]*)?>[^<]*<\/\1>/);
      if (match === null) return text;
      const kept = edit.action === 'double' ? match[0] + match[0] : '';
      return text.slice(0, match.index) + kept + text.slice(match.index + match[0].length);
    }
  }
}

describe('hostile policies', () => {
  it('survives random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
        expect(expectHandled(bytes)).toBe('refused');
      }),
      { numRuns: 500 },
    );
  });

  it('survives truncation at every place', () => {
    fc.assert(
      fc.property(fc.constantFrom(...bases), fc.double({ min: 0, max: 0.999, noNaN: true }), (text, fraction) => {
        const bytes = encoder.encode(text);
        const closing = text.trimEnd().length;
        expect(expectHandled(bytes.subarray(0, Math.floor(closing * fraction)))).toBe('refused');
      }),
      { numRuns: 150 },
    );
  });

  it('survives any handful of edits, and some of them still give a document', () => {
    const seen = { document: 0, refused: 0 };
    fc.assert(
      fc.property(fc.constantFrom(...bases), fc.array(change, { minLength: 1, maxLength: 4 }), (text, edits) => {
        seen[expectHandled(encoder.encode(edits.reduce(apply, text)))] += 1;
      }),
      { numRuns: 400 },
    );
    expect(Math.min(seen.document, seen.refused)).toBeGreaterThan(20);
  });

  it('reports one place per wrong value, at that value', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fraction => {
        const base = bases[0]!;
        const match = find(base, fraction, /(?:ticks|globalId|vector|number|bus)="[^"]*"/)!;
        const name = match[0].split('=')[0]!;
        const text = `${base.slice(0, match.index)}${name}="?"${base.slice(match.index + match[0].length)}`;
        const result = parsePolicy(encoder.encode(text));
        if (result.ok) throw new Error('accepted');
        const expected = positionAt(lineStarts(text), match.index);
        expect(result.error.map(({ line, column }) => ({ line, column }))).toEqual([expected]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('hostile sizes', () => {
  it.each([
    [
      'a mapping of almost all addresses',
      (text: string) => text.replace(/(name="data" [^>]*size=)"[^"]*"/, '$1"16#000f_ffff_ffff_f000#"'),
    ],
    [
      '100000 regions in one place',
      (text: string) =>
        text.replace(
          '</memory>\n <deviceDomains',
          `${text
            .match(/<memory [^>]*name="data"[^>]*>/)![0]
            .replace('>', '/>')
            .repeat(100_000)}</memory>\n <deviceDomains`,
        ),
    ],
    [
      '100000 minor frames',
      (text: string) =>
        text.replace('<minorFrame barrier="none" partition="alpha" ticks="10"/>', match => match.repeat(100_000)),
    ],
    [
      '100000 references to one device',
      (text: string) =>
        text.replace(
          '<devices/>\n   <events>',
          `<devices>${'<device logical="x" physical="com_1"><irq logical="i" physical="irq" vector="9"/></device>'.repeat(100_000)}</devices>\n   <events>`,
        ),
    ],
    ['100000 group members', (text: string) => text.replace('<subject name="alpha"/>', match => match.repeat(100_000))],
  ])('does not hang on %s', { timeout: 60_000 }, (_, edit) => {
    const text = edit(bases[0]!);
    expect(text).not.toBe(bases[0]);
    expect(expectHandled(encoder.encode(text))).toBe('document');
  });
});

describe('literals', () => {
  it('reads back every 64-bit word that it formats', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
        expect(parseWord64(formatWord64(value))).toBe(value);
        expect(WORD64.parse(formatWord64(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it('reads an address exactly when it is below 2^52', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 54n }), value => {
        for (const type of [ADDRESS, SIZE]) {
          const result = type.parse(formatWord64(value));
          expect(result.ok).toBe(value < 2n ** 52n);
          if (result.ok) expect(BigInt(result.value)).toBe(value);
        }
      }),
    );
  });

  it('accepts no other text as a word', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), hostileText), text => {
        const value = parseWord64(text);
        const digits = text.replace(/^16#|#$|_/g, '').toLowerCase();
        if (value !== undefined) expect(value.toString(16).padStart(digits.length, '0')).toBe(digits);
        else expect(WORD64.parse(text).ok).toBe(false);
      }),
    );
  });
});

describe('spans', () => {
  it('counts the touched blocks as a walk over them does', () => {
    const span = fc.tuple(fc.nat(300), fc.nat(80)).map(([start, size]) => ({ start, end: start + size }));
    fc.assert(
      fc.property(fc.array(span, { maxLength: 8 }), fc.integer({ min: 1, max: 40 }), (spans, size) => {
        const walked = new Set(
          spans.flatMap(({ start, end }) =>
            Array.from({ length: end - start }, (_, i) => Math.floor((start + i) / size)),
          ),
        );
        expect(touchedBlocks(spans, size)).toBe(walked.size);
      }),
    );
  });
});
