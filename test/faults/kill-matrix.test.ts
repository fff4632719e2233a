import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PROPERTIES } from '../../properties/index.ts';
import { DEFAULT_SCENARIO, findScenario } from '../../scenarios/index.ts';
import { toTrace } from '../../src/engine/counterexample.ts';
import type { CheckContext, Failure, Property } from '../../src/engine/property.ts';
import { replay } from '../../src/engine/replay.ts';
import type { Fault } from '../../src/faults/fault.ts';
import { FAULT_SEAMS } from '../../src/faults/fault.ts';
import { FAULTS } from '../../src/faults/index.ts';
import { defaultSeams, type Seams } from '../../src/impl/seams.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { countOperations } from '../../src/trace/trace.ts';

/** Operations that a counterexample may have. */
const MAX_OPERATIONS = 12;

/** Context of a scenario, as the command line makes it. */
function contextOf(scenario: string, seams: Seams): CheckContext {
  const found = findScenario(scenario);
  if (!found.ok || found.value === undefined) throw new Error(`no scenario ${scenario}`);
  const bytes = readFileSync(found.value.policyPath);
  const parsed = parsePolicy(bytes);
  if (!parsed.ok) throw new Error(`scenario ${scenario} has no policy`);
  return {
    document: parsed.value.document,
    policyText: bytes.toString(),
    policyPath: found.value.policyPath,
    policySha256: '',
    seams,
    seed: 1,
    // A short search for shorter counterexamples: what it finds must replay as all others do.
    budget: { name: 'smoke', searchRuns: 40 },
    software: found.value.software,
  };
}

/** Unmutated contexts, one per scenario. */
const healthy = new Map<string, CheckContext>();
function healthyContext(scenario: string): CheckContext {
  const known = healthy.get(scenario) ?? contextOf(scenario, defaultSeams);
  healthy.set(scenario, known);
  return known;
}

const scenarioOf = (fault: Fault): string => fault.scenario ?? DEFAULT_SCENARIO;

function firstFailure(property: Property, context: CheckContext): Failure | undefined {
  for (const task of property.tasks(context)) {
    const { failure } = property.runTask(context, task);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

const traceOf = (property: Property, failure: Failure) =>
  toTrace(property.id, failure, { tool: 'test', policyPath: '', policySha256: '', policyGzipBase64: '', seed: 1 });

const cases = FAULTS.flatMap(fault =>
  fault.killedBy.map(id => ({ fault, id, name: `${fault.id} by ${id}`, scenario: scenarioOf(fault) })),
);

/** A machine by itself, or a comparison of whole runs: no line of the policy speaks about what differed. */
const hasNoPlace = ({ id }: Property, { body }: Failure): boolean => body.kind === 'script' || id.startsWith('meta/');

/** What differed and in whom or what, how it came to it, and where the policy speaks about it. */
function expectExplained({ document }: CheckContext, property: Property, { body, outcome }: Failure): void {
  const { summary, explanation, policyLines } = outcome;
  expect(summary).not.toBe('');
  expect(explanation.length).toBeGreaterThanOrEqual(body.kind === 'script' ? 2 + body.steps.length : 1);
  const text = [summary, ...explanation].join(' ');
  expect(text).not.toMatch(/subject -1|undefined|\[object|NaN|kernel control/);
  if (hasNoPlace(property, { body, outcome })) return;
  expect(explanation[0]).toMatch(/^Let /);
  expect(policyLines.length).toBeGreaterThan(0);
  const places = [
    ...document.subjects,
    ...document.scheduling.partitions,
    ...document.memory,
    ...document.hardware.devices,
  ];
  const isNamed = places.some(({ name }) => text.includes(name));
  expect(isNamed || /\b(CPU|kernel|IOMMUs?|I\/O APIC|crash audit|iommu_\d|major frame)\b/.test(text), text).toBe(true);
}

describe('every seeded fault is found by each property that it names, within the smoke budget', () => {
  test.each(cases)('$name', ({ fault, id, scenario }) => {
    const property = PROPERTIES.find(candidate => candidate.id === id)!;
    const context: CheckContext = { ...healthyContext(scenario), seams: fault.apply(defaultSeams) };
    expect(property.notApplicable(context)).toBe('');
    const failure = firstFailure(property, context)!;
    expect(failure).toBeDefined();
    expect(countOperations(failure.body)).toBeLessThanOrEqual(MAX_OPERATIONS);
    expectExplained(context, property, failure);
    const trace = traceOf(property, failure);
    // A context of its own shares nothing with the search that found the trace.
    const fresh: CheckContext = { ...context, seams: fault.apply(defaultSeams) };
    expect(replay(fresh, property, trace)).toMatchObject({ status: 'reproduced', differences: [] });
    expect(replay(healthyContext(scenario), property, trace).status).toBe('holds');
  });
});

describe('the list of faults', () => {
  test('covers every seam with at least two faults', () => {
    for (const seam of FAULT_SEAMS) {
      expect(FAULTS.filter(fault => fault.seam === seam).length, seam).toBeGreaterThanOrEqual(2);
    }
    expect(FAULTS.length).toBeGreaterThanOrEqual(16);
  });

  test('and the properties name each other', () => {
    const byFault = FAULTS.flatMap(({ id, killedBy }) => killedBy.map(property => `${property} finds ${id}`));
    const byProperty = PROPERTIES.flatMap(({ id, killedBy }) => killedBy.map(fault => `${id} finds ${fault}`));
    expect([...byProperty].sort()).toEqual([...byFault].sort());
  });

  test.each(FAULTS)('$id replaces entries of its own seam only, and changes no record in place', fault => {
    const before = Object.fromEntries(FAULT_SEAMS.map(seam => [seam, { ...defaultSeams[seam] }]));
    const mutated = fault.apply(defaultSeams);
    for (const seam of FAULT_SEAMS) {
      expect(defaultSeams[seam]).toEqual(before[seam]);
      const changed = Object.entries(mutated[seam]).filter(
        ([name, entry]) => (before[seam] as Readonly<Record<string, unknown>>)[name] !== entry,
      );
      expect(changed.length > 0, seam).toBe(seam === fault.seam);
      expect(Object.keys(mutated[seam]).sort()).toEqual(Object.keys(defaultSeams[seam]).sort());
    }
  });

  test('has a title, an id of a real bug and no doubles', () => {
    expect(new Set(FAULTS.map(({ id }) => id)).size).toBe(FAULTS.length);
    expect(new Set(FAULTS.map(({ title }) => title)).size).toBe(FAULTS.length);
    for (const { id, precedent } of FAULTS) {
      expect(precedent, id).toMatch(
        /Muen [0-9a-f]{8,}|Genode [0-9a-f]{9,}|Genode #\d+|XSA-\d+|CVE-\d{4}-\d+|CWE-\d+|ACRN pull request \d+|Linux \w+ \(\w+\)/,
      );
    }
  });
});
