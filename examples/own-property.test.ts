// A property of your own in your own vitest file. Outside of this checkout, import from 'muencheck'.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { check, ownProperty } from '../src/index.ts';
import neighbourVector from './neighbour-vector.ts';

const policy = readFileSync(new URL('../scenarios/two-subjects/policy.xml', import.meta.url));

/** alice is not entered on two CPUs: the policy puts her on one. */
const oneCpu = ownProperty({
  id: 'scheduling/alice-on-one-cpu',
  claim: 'The subject alice is entered on the CPU that the policy gives her and on no other one.',
  witness: { id: 'alice-runs', description: 'alice is entered' },
  judge: document => {
    const cpu = document.subjects.find(({ name }) => name === 'alice')?.cpu;
    return entry => {
      if (entry.subject !== 'alice') return {};
      return entry.cpu === cpu ? { seen: true } : { wrong: `alice runs on CPU ${entry.cpu}, not ${cpu}` };
    };
  },
});

/** A claim that is false, to see a counterexample. */
const neverCarol = ownProperty({
  id: 'scheduling/carol-never-runs',
  claim: 'The subject carol is never entered after the first major frame has begun.',
  witness: { id: 'anyone-runs', description: 'a subject is entered' },
  judge: () => entry => (entry.subject === 'carol' ? { wrong: 'carol is entered' } : { seen: true }),
});

test('my property holds for the policy', async () => {
  const { properties } = await check(policy, { own: [oneCpu], properties: ['scheduling/alice-*'] });
  expect(properties).toMatchObject([{ id: oneCpu.id, verdict: 'tested' }]);
});

test('a false claim comes with a counterexample', async () => {
  const { properties } = await check(policy, { own: [neverCarol], properties: [neverCarol.id] });
  expect(properties).toMatchObject([{ verdict: 'refuted', reason: expect.stringMatching(/carol is entered/) }]);
  expect(properties[0]?.counterexample?.outcome.explanation.join(' ')).toMatch(/enters carol/);
});

test('a fault in the kernel is found by the properties that come with muencheck', async () => {
  const { properties } = await check(policy, { fault: neighbourVector, properties: ['interrupts/step-refinement'] });
  expect(properties[0]?.verdict).toBe('refuted');
});
