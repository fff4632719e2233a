import { expect, test } from 'vitest';
import { readFaults } from '../../src/faults/read-faults.ts';

const good = {
  id: 'my-fault',
  title: 'A fault',
  seam: 'kernel',
  precedent: 'a real bug',
  apply: (seams: unknown) => seams,
  killedBy: [],
};

test('one fault or an array of faults', () => {
  expect(readFaults(good, [])).toMatchObject({ ok: true, value: [good] });
  expect(readFaults([good, { ...good, id: 'other' }], [])).toMatchObject({ ok: true });
});

test.each([
  ['nothing', undefined, /no default export/],
  ['an empty list', [], /empty list/],
  ['a number', 3, /not an object/],
  ['no id', { ...good, id: undefined }, /`id` is missing/],
  ['a bad id', { ...good, id: 'My Fault' }, /`id` is not valid/],
  ['a bad seam', { ...good, seam: 'brain' }, /`seam` is not valid/],
  ['no apply', { ...good, apply: 'x' }, /`apply` is not valid/],
  ['a bad killedBy', { ...good, killedBy: [1] }, /`killedBy` is not valid/],
  ['a known id', { ...good, id: 'known' }, /used twice/],
  ['the same id twice', [good, good], /used twice/],
])('%s is refused with a hint', (_, exported, message) => {
  const result = readFaults(exported, ['known']);
  expect(result.ok).toBe(false);
  if (result.ok) return;
  expect(result.error.map(finding => finding.message).join('\n')).toMatch(message);
  expect(result.error.every(finding => finding.hint !== '')).toBe(true);
});

test('all problems are reported at once', () => {
  const result = readFaults({ ...good, title: '', seam: 'x' }, []);
  expect(result.ok ? [] : result.error).toHaveLength(2);
});
