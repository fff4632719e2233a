import { expect, test } from 'vitest';
import { type ShortestRow, shortestLine, shortestMarkdown, shortestText } from '../../src/cli/shortest-text.ts';

const row = (fault: string, change: Partial<ShortestRow>): ShortestRow => ({
  fault,
  property: 'events/every-vmcall',
  model: 'kernel',
  minimised: 3,
  optimum: 3,
  given: 3,
  runs: 12_345,
  outside: '',
  ...change,
});
const ROWS: readonly ShortestRow[] = [
  row('equal', {}),
  row('longer', { optimum: 2 }),
  row('open', { optimum: null }),
  row('nothing', { minimised: 0, optimum: 0, given: 0, runs: 0 }),
  row('static', { model: '', optimum: null, outside: 'enumeration: no operations' }),
];

test('counts what is shortest, longer, open and without a model', () => {
  const text = shortestText(ROWS);
  expect(text).toContain('finite model 4, counterexample as short as the shortest 2 (50 %), of these 1 without');
  expect(text).toContain('longer than the shortest 1: longer');
  expect(text).toContain('shortest not known 1: open');
  expect(text).toContain('without a finite model 1: enumeration: no operations');
});

test('a row of the document and a line of progress', () => {
  const document = shortestMarkdown(ROWS, 100);
  expect(document).toContain('| open | kernel | events/every-vmcall | 3 | 3 | ? | 12_345 |\n');
  expect(document).not.toContain('| static |');
  expect(document).toContain('`muencheck faults --shortest --markdown --search 100` for 5 seeded faults');
  expect(ROWS.map(shortestLine).slice(1, 3)).toEqual([
    'longer: given 3, shortest 2, executions 12_345',
    'open: given 3, shortest ?, executions 12_345',
  ]);
  expect(shortestLine(ROWS[4]!)).toBe('static: enumeration: no operations');
});
