import { describe, expect, test } from 'vitest';
import { toJson } from '../../src/trace/json.ts';
import { traceToMermaid } from '../../src/trace/mermaid.ts';
import { groupDigits, layoutTable, traceToText } from '../../src/trace/text.ts';
import { traceToVitest } from '../../src/trace/vitest.ts';
import { fakeTrace, HOSTILE, hostileTrace } from './fake-trace.ts';

const options = {
  claim: 'A cannot tell B.',
  policyText: '<system>\n  <subject name="a"/>\n</system>',
  replayCommand: 'muencheck replay x.json',
};

describe('toJson', () => {
  test('prints no character that a terminal acts on, and parses back', () => {
    const value = { [HOSTILE]: [HOSTILE, '\u{e0001}tag', 'Größe, 日本語, 😀'] };
    expect(toJson(value).replace('Größe, 日本語, 😀', '')).not.toMatch(/[^\x20-\x7e\n]/);
    expect(toJson(value)).toContain('Größe, 日本語, 😀');
    expect(JSON.parse(toJson(value))).toEqual(value);
  });
});

describe('text', () => {
  test('has claim, reason, timeline, explanation, policy line with its text, replay command', () => {
    expect(traceToText(fakeTrace, options)).toBe(
      [
        'REFUTED  meta/a',
        '  claim   A cannot tell B.',
        '  why     it differs',
        '  trace   one run, 1 operation, 0 external events',
        '',
        '  step    tsc  cpu   subject  event',
        '     0      0  cpu0  a        frame 0.0 begins',
        '     1  1_200  cpu0  b        vmcall event 3    <-- differs',
        '',
        '  Let s = the common state.',
        '  Then it differs: a contradiction.',
        '',
        '  see     policy.xml:2  <subject name="a"/>',
        '',
        '  replay  muencheck replay x.json',
        '  seed    0x7',
        '',
      ].join('\n'),
    );
  });
  test('hostile text cannot leave its line', () => {
    const text = traceToText(hostileTrace, { ...options, claim: HOSTILE, policyText: `x\n${HOSTILE}` });
    expect(text.split('\n').every(line => !/[^\x20-\x7e]/.test(line))).toBe(true);
    expect(text).not.toMatch(/^::error/m);
  });
  test('digit groups and column widths', () => {
    expect([0, 999, 1000, 1234567].map(groupDigits)).toEqual(['0', '999', '1_000', '1_234_567']);
    expect(
      layoutTable(
        [
          ['a', '1'],
          ['bbb', '22'],
        ],
        { right: [1] },
      ),
    ).toEqual(['a     1', 'bbb  22']);
  });
});

describe('mermaid', () => {
  test('one participant per CPU and subject, one message per row', () => {
    const lines = traceToMermaid(fakeTrace).trimEnd().split('\n');
    expect(lines[0]).toBe('sequenceDiagram');
    expect(lines.filter(line => line.includes('participant'))).toHaveLength(3);
    expect(lines.filter(line => line.includes('->>'))).toHaveLength(2);
    expect(lines.at(-1)).toContain('it differs');
  });
  test('hostile text cannot become a statement', () => {
    const lines = traceToMermaid(hostileTrace).trimEnd().split('\n');
    expect(
      lines
        .slice(1)
        .every(line =>
          /^ {2}(participant p\d+ as |p\d+->>p\d+: |Note over p\d+: )[^<>"&;]*$/u.test(line.replace(/#\d+;/g, '')),
        ),
    ).toBe(true);
  });
});

describe('vitest', () => {
  test('the generated file replays exactly this trace', () => {
    const source = traceToVitest(fakeTrace);
    expect(source).toContain("import { replayTrace } from 'muencheck';");
    const json = /const trace: unknown = ([\s\S]*?\n});/.exec(source)?.[1] ?? '';
    expect(JSON.parse(json)).toEqual(fakeTrace);
  });
  test("a user's own fault is imported from where the user said, never from where the trace says", () => {
    const trace = { ...fakeTrace, fault: { id: 'mine', from: './from-the-trace.ts' } };
    expect(traceToVitest(trace, '/home/me/mine.ts')).toContain('import fault from "/home/me/mine.ts";');
    expect(traceToVitest(trace)).not.toMatch(/^import .*from-the-trace/m);
    expect(traceToVitest(fakeTrace, '/home/me/mine.ts')).not.toContain('import fault');
  });
  test('hostile text stays inside its literal', () => {
    const source = traceToVitest({ ...hostileTrace, property: "a'); process.exit(1); //\u2028" });
    expect(source).not.toContain('\u2028');
    expect(source).toContain('test("a\'); process.exit(1); //\\u2028 is refuted as recorded"');
  });
});
