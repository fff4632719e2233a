import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DESCRIPTIONS } from '../../scenarios/generate.ts';
import {
  DEFAULT_SCENARIO,
  discoverScenarios,
  findScenario,
  formatScenarioError,
  parseScenario,
  type Scenario,
} from '../../scenarios/index.ts';
import { componentOps } from '../../src/impl/components/ops.ts';
import { genodeOps } from '../../src/impl/genode/core/genode-ops.ts';
import { proxyOps } from '../../src/impl/genode/log-ops.ts';
import { channelOps } from '../../src/impl/native/muchannel.ts';
import { createSoftware } from '../../src/impl/software.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { parsePolicy } from '../../src/policy/parse.ts';

function all(): readonly Scenario[] {
  const found = discoverScenarios();
  if (!found.ok) throw new Error(formatScenarioError(found.error));
  return found.value;
}

function documentOf(scenario: Scenario): PolicyDocument {
  const parsed = parsePolicy(readFileSync(scenario.policyPath));
  if (!parsed.ok) throw new Error(scenario.policyPath);
  return parsed.value.document;
}

/** Parameters that hold addresses, with the access that the software needs. */
const ADDRESSES: Readonly<Record<string, boolean>> = {
  'channel-writer.address': true,
  'channel-reader.address': false,
  'log-proxy-client.address': true,
  'log-proxy-server.address': false,
  'log-proxy-server.logAddress': true,
  'subject-monitor.stateAddress': true,
};

describe('discovery', () => {
  test('finds all scenarios, and each has a generated policy', () => {
    expect(all().map(({ id }) => id)).toEqual(Object.keys(DESCRIPTIONS).sort());
  });

  test('finds one by id', () => {
    expect(findScenario(DEFAULT_SCENARIO)).toMatchObject({ ok: true, value: { id: 'log-proxy' } });
    expect(findScenario('none')).toEqual({ ok: true, value: undefined });
  });
});

describe.each(all().map(scenario => [scenario.id, scenario] as const))('%s', (_id, scenario) => {
  const document = documentOf(scenario);

  test('every subject has software, and all software can be created', () => {
    expect(scenario.software.map(({ subject }) => subject).sort()).toEqual(
      document.subjects.map(({ name }) => name).sort(),
    );
    for (const { software, parameters } of scenario.software) {
      expect(
        createSoftware(software, parameters, {
          channel: channelOps,
          proxy: proxyOps,
          genode: genodeOps,
          component: componentOps,
        }),
      ).toMatchObject({
        ok: true,
      });
    }
  });

  test('software refers to events and addresses that its subject has', () => {
    for (const { subject: name, software, parameters } of scenario.software) {
      const subject = document.subjects.find(candidate => candidate.name === name)!;
      const vmcalls = subject.sourceGroups
        .filter(group => group.name === 'vmcall')
        .flatMap(group => group.events.map(({ id }) => id));
      for (const [parameter, value] of Object.entries(parameters)) {
        if (/event$/i.test(parameter)) expect(vmcalls, `${name}.${parameter}`).toContain(value);
        const needsWrite = ADDRESSES[`${software}.${parameter}`];
        if (needsWrite === undefined) continue;
        const mapping = subject.memory.find(
          ({ virtualAddress }) => virtualAddress === Number(String(value).replaceAll('_', '')),
        );
        expect(mapping, `${name}.${parameter}`).toBeDefined();
        expect(mapping!.writable).toBe(needsWrite);
      }
    }
  });

  test('a drawing that fits a terminal', () => {
    for (const line of scenario.diagram) expect(line.length).toBeLessThanOrEqual(80);
    for (const { name } of document.subjects) expect(scenario.diagram.join('\n')).toContain(name);
  });
});

describe('malformed scenario.json', () => {
  const good = {
    id: 'x',
    title: 't',
    description: 'd',
    diagram: [],
    software: [{ subject: 's', software: 'idle', parameters: { pauses: 1 } }],
    expected: {},
    seeds: [1],
  };
  const parse = (value: unknown): ReturnType<typeof parseScenario> =>
    parseScenario(JSON.stringify(value), 'scenario.json', 'policy.xml');

  test('a good one', () => {
    expect(parse(good)).toMatchObject({ ok: true, value: { id: 'x', policyPath: 'policy.xml' } });
  });

  test.each([
    ['no JSON', undefined, ''],
    ['a list', [], ''],
    ['no title', { ...good, title: undefined }, 'title'],
    ['an unknown field', { ...good, colour: 'red' }, 'colour'],
    ['no list of software', { ...good, software: {} }, 'software'],
    ['software without subject', { ...good, software: [{ software: 'idle', parameters: {} }] }, 'software[0].subject'],
    [
      'a parameter that is a list',
      { ...good, software: [{ subject: 's', software: 'idle', parameters: { a: [] } }] },
      'software[0].parameters.a',
    ],
    ['an unknown verdict', { ...good, expected: { 'a/b': 'fine' } }, 'expected.a/b'],
    ['a negative seed', { ...good, seeds: [1, -1] }, 'seeds[1]'],
    ['a diagram line that is a number', { ...good, diagram: [1] }, 'diagram[0]'],
  ])('%s', (_name, value, place) => {
    const text = value === undefined ? '{' : JSON.stringify(value);
    expect(parseScenario(text, 'scenario.json', 'policy.xml')).toMatchObject({
      ok: false,
      error: { file: 'scenario.json', place },
    });
  });
});
