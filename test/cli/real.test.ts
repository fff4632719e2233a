import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { toTrace } from '../../src/engine/counterexample.ts';
import { gzipBase64, sha256Hex } from '../../src/host/files.ts';
import { check, parsePolicy, replayTrace } from '../../src/index.ts';
import { outcomeOf } from '../engine/fake-property.ts';
import { freshFolder, ROOT, runCli } from './spawn.ts';

const bytes = new Uint8Array(readFileSync(join(ROOT, 'scenarios/two-subjects/policy.xml')));
const property = 'isolation/subject-page-tables';

test('check without an argument checks the default scenario, in a process and through the library alike', async () => {
  const folder = freshFolder();
  const result = await runCli(['check', '--property', property, '--json', '--out', folder], { real: true });
  expect(result.code, result.stderr).toBe(0);
  const report = JSON.parse(result.stdout) as {
    policy: { path: string };
    properties: { id: string; verdict: string; steps: number }[];
  };
  expect(report.policy.path).toBe('scenarios/log-proxy/policy.xml');
  expect(report.properties).toMatchObject([{ id: property, verdict: 'proved' }]);
  const again = await check(new Uint8Array(readFileSync(join(ROOT, report.policy.path))), { properties: [property] });
  expect(again.errors).toEqual([]);
  expect(again.properties[0]?.steps).toBe(report.properties[0]?.steps);
});

test('an invalid policy gives findings and no verdict', async () => {
  const report = await check(new TextEncoder().encode('<system/>'));
  expect(report.properties).toEqual([]);
  expect(report.findings.some(finding => finding.severity === 'error')).toBe(true);
});

test('replayTrace says that a claim holds, and refuses what is no trace', () => {
  expect(parsePolicy(bytes).ok).toBe(true);
  const origin = {
    tool: 'test',
    policyPath: 'p.xml',
    policySha256: sha256Hex(bytes),
    policyGzipBase64: gzipBase64(bytes),
    seed: 1,
  };
  const trace = toTrace(property, { body: { kind: 'static' }, outcome: outcomeOf('never seen') }, origin);
  expect(replayTrace(JSON.stringify(trace)).status).toBe('holds');
  expect(replayTrace('{}').status).toBe('unreadable');
});

test('list shows the real tables', async () => {
  const list = async (kind: string): Promise<unknown[]> =>
    JSON.parse((await runCli(['list', kind, '--json'], { real: true })).stdout) as unknown[];
  for (const kind of ['properties', 'rules', 'scenarios', 'models'])
    expect((await list(kind)).length).toBeGreaterThan(0);
});
