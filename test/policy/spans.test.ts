import { describe, expect, it } from 'vitest';
import { pageTableBytes } from '../../src/policy/page-table-size.ts';
import { lineStarts, positionAt, sourceLine } from '../../src/policy/policy-lines.ts';
import { isInside, merged, overlaps, touchedBlocks } from '../../src/policy/spans.ts';

const span = (start: number, end: number) => ({ start, end });

describe('spans', () => {
  it('finds overlaps, also with a span that reaches over several', () => {
    const [long, a, b, c] = [span(0, 100), span(10, 20), span(30, 40), span(100, 110)];
    expect(overlaps([c, b, a, long])).toEqual([
      [long, a],
      [long, b],
    ]);
    expect(overlaps([span(0, 10), span(10, 20), span(5, 5)])).toEqual([]);
  });

  it('merges touching spans and decides containment', () => {
    const covers = merged([span(20, 30), span(0, 10), span(10, 12), span(25, 28)]);
    expect(covers).toEqual([span(0, 12), span(20, 30)]);
    expect([span(0, 12), span(20, 21), span(11, 13), span(12, 13), span(29, 31)].map(s => isInside(covers, s))).toEqual(
      [true, true, false, false, false],
    );
    expect(isInside([], span(0, 1))).toBe(false);
  });

  it('counts touched blocks once, without walking them', () => {
    expect(touchedBlocks([span(0, 1), span(9, 11), span(15, 40)], 10)).toBe(4);
    expect(touchedBlocks([span(0, 2 ** 52)], 0x1000)).toBe(2 ** 40);
  });

  it('sizes page tables by level', () => {
    expect(pageTableBytes([], 4)).toBe(0x1000);
    expect(pageTableBytes([span(0, 0x1000)], 4)).toBe(0x4000);
    expect(pageTableBytes([span(0, 0x1000)], 3)).toBe(0x3000);
    expect(pageTableBytes([span(0x1f_f000, 0x20_1000)], 4)).toBe(0x5000);
    expect(pageTableBytes([span(0, 0x1000), span(2 ** 39, 2 ** 39 + 0x1000)], 4)).toBe(0x7000);
  });
});

describe('source lines', () => {
  const text = 'one\r\ntwo\n\rfour';
  it('knows LF, CR LF and CR', () => {
    expect([1, 2, 3, 4, 5, 0].map(line => sourceLine(text, line))).toEqual(['one', 'two', '', 'four', '', '']);
  });
  it('gives 1-based positions', () => {
    const starts = lineStarts(text);
    expect(positionAt(starts, text.indexOf('two'))).toEqual({ line: 2, column: 1 });
    expect(positionAt(starts, text.length)).toEqual({ line: 4, column: 5 });
  });
});
