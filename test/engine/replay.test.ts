import { expect, test } from 'vitest';
import { toTrace } from '../../src/engine/counterexample.ts';
import { compareOutcomes, replay } from '../../src/engine/replay.ts';
import { emptyResult, fakeContext, fakeProperty, outcomeOf, runBody } from './fake-property.ts';

const origin = {
  tool: 'muencheck test',
  policyPath: 'policy.xml',
  policySha256: '0'.repeat(64),
  policyGzipBase64: '',
  seed: 1,
};
const recorded = outcomeOf('recorded', ['aa', 'bb']);
const trace = toTrace('meta/a', { body: runBody, outcome: recorded }, origin);
const replayWith = (outcome: ReturnType<typeof outcomeOf> | undefined) =>
  replay(
    fakeContext(),
    fakeProperty('meta/a', 1, () => emptyResult, { replay: () => outcome }),
    trace,
  );

test('an equal outcome reproduces', () => {
  expect(replayWith(structuredClone(recorded))).toMatchObject({ status: 'reproduced', differences: [] });
});

test('no failure holds', () => {
  expect(replayWith(undefined).status).toBe('holds');
});

test.each([
  ['summary', { ...recorded, summary: 'other' }, /summary/],
  ['explanation', { ...recorded, explanation: [] }, /explanation/],
  ['policy lines', { ...recorded, policyLines: [3] }, /policy lines/],
  ['timeline', { ...recorded, timeline: recorded.timeline.slice(1) }, /timeline row 0/],
  ['a digest', { ...recorded, digests: ['aa', 'bc'] }, /digest 1: recorded bb, now bc/],
  ['the number of digests', { ...recorded, digests: ['aa'] }, /digest 1: recorded bb, now nothing/],
] as const)('a different %s differs', (_, outcome, message) => {
  const result = replayWith(outcome);
  expect(result.status).toBe('differs');
  expect(result.differences.join('\n')).toMatch(message);
  expect(compareOutcomes(recorded, outcome)).toHaveLength(1);
});
