import { describe, expect, it, test } from 'vitest';
import { type FaultVerdict, propertiesFor, seedStatistics, tryFault } from '../../src/engine/kill-matrix.ts';
import { checkPolicyProperties } from '../../src/engine/run.ts';
import type { Fault } from '../../src/faults/fault.ts';
import { emptyResult, fakeContext, fakeProperty, isMarked, markedSeams, outcomeOf, runBody } from './fake-property.ts';

const origin = {
  tool: 'muencheck test',
  policyPath: 'policy.xml',
  policySha256: '0'.repeat(64),
  policyGzipBase64: '',
  seed: 1,
};
const passing = { ...emptyResult, runs: 5, steps: 1 };
const blind = fakeProperty('meta/blind', 2, () => passing);
const sharp = fakeProperty('meta/sharp', 3, (context, task) =>
  isMarked(context.seams) && task.index === 1
    ? { ...passing, runs: 2, failure: { body: runBody, outcome: outcomeOf('found') } }
    : passing,
);
const elsewhere = fakeProperty('meta/elsewhere', 1, () => passing, { notApplicable: () => 'no channel' });
const fault = (killedBy: readonly string[]): Fault => ({
  id: 'f',
  title: 't',
  seam: 'kernel',
  precedent: 'p',
  apply: markedSeams,
  killedBy,
});

const attempt = (properties: Parameters<typeof tryFault>[1], seeded: Fault) =>
  tryFault(seeded, properties, property => {
    const context = fakeContext({ seams: seeded.apply(fakeContext().seams) });
    const execute = async (task: Parameters<typeof property.runTask>[1]) =>
      ({ kind: 'done', value: property.runTask(context, task), durationMs: 0 }) as const;
    return checkPolicyProperties(context, { properties: [property], jobs: 1, origin, execute });
  });

test('a fault is killed by the first property that refutes; executions count every run before', async () => {
  const { verdict } = await attempt([blind, sharp], fault([]));
  expect(verdict).toMatchObject({
    killed: true,
    by: 'meta/sharp',
    executions: 10 + 5 + 2,
    counterexample: { operations: 1, events: 0 },
    exercised: true,
  });
  expect(verdict.trace?.property).toBe('meta/sharp');
});

test('a survivor says why', async () => {
  const { verdict } = await attempt([blind], fault([]));
  expect(verdict).toMatchObject({
    killed: false,
    by: null,
    executions: 10,
    counterexample: null,
    exercised: true,
    reason: 'meta/blind: tested',
  });
});

test('a fault whose properties do not apply is not exercised', async () => {
  expect((await attempt([elsewhere], fault([]))).verdict).toMatchObject({ killed: false, exercised: false });
});

test('properties are tried in the order the fault names them', () => {
  const all = [blind, sharp, elsewhere];
  expect(propertiesFor(fault(['meta/sharp', 'meta/blind']), all, false)).toEqual([sharp, blind]);
  expect(propertiesFor(fault(['meta/sharp']), all, true)).toEqual(all);
  expect(propertiesFor(fault([]), all, false)).toEqual(all);
});

describe('statistics over seeds', () => {
  const verdict = (executions: number, killed = true): FaultVerdict => ({
    id: 'f',
    title: '',
    seam: 'kernel',
    precedent: '',
    killed,
    by: null,
    executions,
    counterexample: null,
    reason: '',
    exercised: true,
  });

  it('count what a seed spent in vain', () => {
    expect(seedStatistics([verdict(4), verdict(1), verdict(100, false)], 120)).toEqual({
      seeds: 3,
      killed: 2,
      mean: 35,
      median: 4,
      max: 100,
      cap: 120,
    });
  });

  it('take the mean of the two middle ones for an even number', () => {
    expect(seedStatistics([verdict(1), verdict(2)], 0)).toMatchObject({ mean: 1.5, median: 1.5 });
  });
});
