import { describe, expect, test } from 'vitest';
import { PROPERTIES } from '../../properties/index.ts';
import { discoverScenarios } from '../../scenarios/index.ts';
import { checkPolicyProperties } from '../../src/engine/run.ts';
import type { VerdictWord } from '../../src/engine/verdict.ts';
import { scenarioContext } from '../properties/scenario-context.ts';

/** Words with which a whole check of a scenario must not end. */
const BAD: readonly VerdictWord[] = ['refuted', 'inconclusive', 'vacuous'];

/** Scenarios that only the properties are run on which they are there for: the others have cases like theirs elsewhere. */
const PURPOSE: readonly string[] = ['linux-vm'];

/** Verdicts of properties at the smoke budget, as `check <scenario>` gives them. */
async function verdicts(scenario: string, selected: typeof PROPERTIES): Promise<ReadonlyMap<string, VerdictWord>> {
  const context = scenarioContext(scenario);
  const byId = new Map<string, (typeof PROPERTIES)[number]>(PROPERTIES.map(property => [property.id, property]));
  const { properties, errors } = await checkPolicyProperties(context, {
    properties: selected,
    jobs: 1,
    origin: { tool: 'test', policyPath: '', policySha256: '', policyGzipBase64: '', seed: context.seed },
    execute: async task => ({
      kind: 'done',
      value: byId.get(task.property)!.runTask(context, task),
      durationMs: 0,
    }),
  });
  expect(errors).toEqual([]);
  return new Map(properties.map(({ id, verdict }) => [id, verdict]));
}

const scenarios = discoverScenarios();
if (!scenarios.ok) throw new Error(scenarios.error.message);

describe.each(scenarios.value.map(scenario => [scenario.id, scenario] as const))('%s', (id, { expected }) => {
  test('expects verdicts of registered properties only', () => {
    const known = PROPERTIES.map(property => String(property.id));
    expect(Object.keys(expected).filter(property => !known.includes(property))).toEqual([]);
    expect(Object.keys(expected).length).toBeGreaterThan(10);
  });

  test('gets the verdicts that it expects, and no bad one from any other property', async () => {
    const isPurpose = PURPOSE.includes(id);
    const found = await verdicts(id, isPurpose ? PROPERTIES.filter(property => property.id in expected) : PROPERTIES);
    expect(Object.fromEntries([...found].filter(([property]) => property in expected))).toEqual(expected);
    expect([...found].filter(([, word]) => BAD.includes(word))).toEqual([]);
  });
});
