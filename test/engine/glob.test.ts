import { expect, test } from 'vitest';
import { globMatcher, selectByGlobs } from '../../src/engine/glob.ts';

test.each([
  ['isolation/*', 'isolation/spatial', true],
  ['isolation/*', 'scheduling/spatial', false],
  ['*', 'isolation/spatial', false],
  ['**', 'isolation/spatial', true],
  ['*/spatial', 'isolation/spatial', true],
  ['isolation/sp?tial', 'isolation/spatial', true],
  ['isolation.spatial', 'isolation/spatial', false],
  ['isolation/spatial', 'isolation/spatial-more', false],
  ['isolation/(a|b)', 'isolation/a', false],
])('glob %s on %s', (glob, id, expected) => {
  expect(globMatcher(glob)(id)).toBe(expected);
});

test('an area name alone selects the area, no glob selects all, order is kept', () => {
  const items = [{ id: 'b/1' }, { id: 'a/1' }, { id: 'b/2' }];
  expect(selectByGlobs(items, ['b'])).toEqual([{ id: 'b/1' }, { id: 'b/2' }]);
  expect(selectByGlobs(items, [])).toEqual(items);
  expect(selectByGlobs(items, ['b/2', 'a/*'])).toEqual([{ id: 'a/1' }, { id: 'b/2' }]);
});
