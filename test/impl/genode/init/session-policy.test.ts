import { expect, test } from 'vitest';
import { ANY_LABEL, type LabelPattern } from '../../../../src/impl/genode/init/label.ts';
import { selectPolicy } from '../../../../src/impl/genode/init/session-policy.ts';

const policy = (parts: Partial<LabelPattern>): LabelPattern => ({ ...ANY_LABEL, ...parts });

test.each<[string, readonly Partial<LabelPattern>[], string, number]>([
  ['an equal label beats a prefix', [{ labelPrefix: 'a -> b' }, { label: 'a -> b' }], 'a -> b', 1],
  ['a prefix beats a longer suffix', [{ labelSuffix: 'client -> x' }, { labelPrefix: 'c' }], 'client -> x', 1],
  ['the longer prefix wins', [{ labelPrefix: 'a' }, { labelPrefix: 'a -> ' }], 'a -> b', 1],
  ['the longer suffix wins', [{ labelSuffix: 'b' }, { labelSuffix: '-> b' }], 'a -> b', 1],
  ['of equals the first wins', [{ labelPrefix: 'a' }, { labelPrefix: 'a' }], 'a -> b', 0],
  ['every attribute must match', [{ labelPrefix: 'a', labelSuffix: 'x' }], 'a -> b', -1],
  ['a node without label attributes never matches', [{}], 'a', -1],
  ['none matches', [{ label: 'b' }], 'a', -1],
  ['the last element alone', [{ labelLast: 'b' }], 'a -> b', 0],
])('%s', (_, policies, label, expected) => {
  expect(selectPolicy(policies.map(policy), label)).toBe(expected);
});
