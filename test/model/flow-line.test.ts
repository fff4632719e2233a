import { expect, test } from 'vitest';
import { lineList, policyLine, sortedLines } from '../../src/model/flow-line.ts';

test('a line names its file where there are several', () => {
  expect(policyLine({ at: { line: 7, column: 1 } })).toBe(7);
  expect(policyLine({ at: { line: 7, column: 1, file: 'a:b.xml' } })).toBe('a:b.xml:7');
});

test('lines are distinct and sorted by file and number', () => {
  expect(sortedLines([12, 3, 12])).toEqual([3, 12]);
  expect(sortedLines(['b.xml:2', 'a.xml:10', 'a.xml:9', 'b.xml:2'])).toEqual(['a.xml:9', 'a.xml:10', 'b.xml:2']);
});

test('lists have ranges, and name each file once in a row', () => {
  expect(lineList([1, 2, 3, 7])).toBe('1-3, 7');
  expect(lineList(['a.xml:1', 'a.xml:2', 'a.xml:5', 'b.xml:5'])).toBe('a.xml:1-2, 5, b.xml:5');
  expect(lineList([1, 3, 5, 7, 9, 11, 13, 15, 17, 18])).toBe('1, 3, 5, 7, 9, 11, 13, 15 and 2 more');
});
