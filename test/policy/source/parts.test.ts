import { describe, expect, it } from 'vitest';
import { parseInteger } from '../../../src/policy/source/config-value.ts';
import { FreeRanges } from '../../../src/policy/source/free-ranges.ts';
import { directoryOf, isWithin, joinPath, normalPath } from '../../../src/policy/source/paths.ts';
import { type ElementPath, selectElements } from '../../../src/policy/source/xpath.ts';
import { elementAt, parseTree } from '../../../src/policy/tree.ts';
import { bytesOf } from '../shared-files.ts';

const parsed = parseTree(
  bytesOf('<s><a n="1"><b n="2"/><b n="3">text</b></a><a n="4" m="x"><b n="5"/><c><b n="6"/></c></a><d>word</d></s>'),
  'x.xml',
);
if (!parsed.ok) throw new Error(parsed.error.message);
const { root } = parsed.value;

/** `n` or the name of what a path selects from the root, or the error. */
function select(xpath: string, context: ElementPath = [root]): string {
  const result = selectElements(xpath, context, { left: 10_000 });
  if (!result.ok) return 'error';
  return result.value.map(path => path.at(-1)?.attributes.n ?? path.at(-1)?.name ?? '/').join(' ');
}

describe('paths into a document', () => {
  it.each([
    ['/', '/'],
    ['/s', 's'],
    ['/s/a', '1 4'],
    ['/s/a/b', '2 3 5'],
    ['//b', '2 3 5 6'],
    ['/s//b', '2 3 5 6'],
    ['/s/*', '1 4 d'],
    ['a', '1 4'],
    ['./a', '1 4'],
    ['.', 's'],
    ['..', ''],
    ['/s/a/..', 's'],
    ['/s/a[1]', '1'],
    ['/s/a[last()]', '4'],
    ['//b[1]', '2 5 6'],
    ['//b[2]', '3'],
    ["/s/a[@n='4']", '4'],
    ['/s/a[@n="4"]/b', '5'],
    ['/s/a[@m]', '4'],
    ['/s/a[not(@m)]', '1'],
    ["/s/a[@n='4' and @m='x']", '4'],
    ["/s/a[@n='1' or @m='x']", '1 4'],
    ["/s/a[@n!='1']", '4'],
    ["/s/a[b/@n='5']", '4'],
    ['/s/a[c/b]', '4'],
    ["//b[text()='text']", '3'],
    ["/s/*[name()='d']", 'd'],
    ["/s/*[contains(@m,'x')]", '4'],
    ["/s/*[starts-with(name(),'d')]", 'd'],
    ['/s/d | /s/a', 'd 1 4'],
    ["/s/a[(@n='1')]", '1'],
  ])('%s selects %s', (xpath, expected) => {
    expect(select(xpath)).toBe(expected);
  });

  it('start at the end of the context', () => {
    const a = elementAt(root, 'a')!;
    expect(select('b', [root, a])).toBe('2 3');
    expect(select('..', [root, a])).toBe('s');
    expect(select('/s/d', [root, a])).toBe('d');
  });

  it.each(['', '/s[', '/s]', '/s/', 'a b', '@n', 'count(a)', "/s[@n='1", '/s/@n', '//', 'a[]', '..//..['])(
    '%j is refused',
    xpath => {
      expect(select(xpath)).toBe('error');
    },
  );
});

describe('free ranges', () => {
  it('hand out the lowest numbers in a row', () => {
    const free = new FreeRanges(10n, 30n);
    free.remove(12n, 3n);
    free.remove(20n, 1n);
    free.remove(5n, 2n);
    free.remove(0n, 0n);
    expect([3n, 2n, 5n, 1n, 10n, 4n].map(size => free.take(size))).toEqual([15n, 10n, 21n, 18n, undefined, 26n]);
    free.remove(0n, 29n);
    expect([2n, 1n].map(size => free.take(size))).toEqual([undefined, 30n]);
    expect(free.take(1n)).toBeUndefined();
  });

  it('agree with a plain search over all numbers', () => {
    let state = 7;
    const next = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return state % below;
    };
    for (let round = 0; round < 200; round += 1) {
      const free = new FreeRanges(0n, 99n);
      const taken = new Set<number>();
      for (let step = 0; step < 12; step += 1) {
        const size = 1 + next(12);
        if (next(2) === 0) {
          const first = next(110);
          free.remove(BigInt(first), BigInt(size));
          for (let n = first; n < first + size; n += 1) taken.add(n);
        } else {
          const fits = (first: number): boolean =>
            first + size <= 100 && Array.from({ length: size }, (_, n) => first + n).every(n => !taken.has(n));
          const expected = Array.from({ length: 100 }, (_, n) => n).find(fits);
          expect(free.take(BigInt(size))).toBe(expected === undefined ? undefined : BigInt(expected));
          if (expected !== undefined) for (let n = expected; n < expected + size; n += 1) taken.add(n);
        }
      }
    }
  });
});

describe('file paths', () => {
  it.each([
    ['a/./b//c', 'a/b/c'],
    ['a/../b', 'b'],
    ['../a/..', '..'],
    ['/../a', '/a'],
    ['a/..', '.'],
    ['', '.'],
  ])('%j is %j', (path, normal) => {
    expect(normalPath(path)).toBe(normal);
  });

  it('are joined and split', () => {
    expect(joinPath('a/b', '../c')).toBe('a/c');
    expect(joinPath('a', '/c')).toBe('/c');
    expect(['a/b.xml', 'b.xml', '/b.xml'].map(directoryOf)).toEqual(['a', '.', '/']);
  });

  it.each([
    ['a', 'a/b', true],
    ['a', 'ab', false],
    ['a', 'a', false],
    ['.', 'b', true],
    ['.', '../b', false],
    ['.', '/b', false],
    ['..', '../b', true],
    ['..', '../../b', false],
    ['/', '/b', true],
    ['/a', '/b', false],
  ])('%s contains %s: %s', (directory, path, expected) => {
    expect(isWithin(directory, path)).toBe(expected);
  });
});

describe('integers of Ada', () => {
  it.each([
    ['42', 42],
    [' -04 ', -4],
    ['1_000', 1000],
    ['16#1000#', 4096],
    ['2#1010#', 10],
    ['2147483647', 2_147_483_647],
    ['-2147483648', -2_147_483_648],
    ['2147483648', undefined],
    ['16#g#', undefined],
    ['2#2#', undefined],
    ['1__0', undefined],
    ['0x10', undefined],
    ['', undefined],
  ])('%j is %s', (text, value) => {
    expect(parseInteger(text)).toBe(value);
  });
});
