import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freshFolder, runCli } from './spawn.ts';

describe('policy', () => {
  test('a valid policy', async () => {
    const result = await runCli(['policy', 'two-subjects']);
    expect(result.code, result.stdout).toBe(0);
    expect(result.stdout).toMatch(/policy\.xml: valid: .*rules examined \d+ objects\n$/);
  });
  test('--json', async () => {
    const { stdout } = await runCli(['policy', 'two-subjects', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: true,
      policy: { format: 'b', digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      findings: expect.any(Array),
    });
  });
  test('a hostile path and hostile content reach no terminal', async () => {
    const path = join(freshFolder(), 'a\u001b[31mb.xml');
    writeFileSync(path, '<system><\u0007</system>');
    const { code, stdout, stderr } = await runCli(['policy', path]);
    expect(code).toBe(3);
    expect(stdout + stderr).not.toMatch(/[^\x20-\x7e\n]/);
  });
});

describe('flows', () => {
  test('a table with the policy lines, and the same flows as JSON, DOT and Mermaid', async () => {
    const text = (await runCli(['flows', 'two-subjects'])).stdout;
    const json = JSON.parse((await runCli(['flows', 'two-subjects', '--json'])).stdout) as {
      edges: { from: string; to: string; lines: number[] }[];
      nodes: unknown[];
    };
    expect(json.edges.length).toBeGreaterThan(0);
    expect(json.edges.every(edge => edge.lines.length > 0)).toBe(true);
    expect(text).toContain(`${json.nodes.length} parties, ${json.edges.length} permitted flows`);
    for (const { from, to } of json.edges) expect(text).toMatch(new RegExp(`^${from} +${to} `, 'm'));
    const dot = (await runCli(['flows', 'two-subjects', '--dot'])).stdout;
    expect(dot.match(/ -> /g)?.length).toBe(
      new Set(json.edges.map(edge => JSON.stringify([edge.from, edge.to, 'kind' in edge ? edge.kind : '']))).size,
    );
    expect((await runCli(['flows', 'two-subjects', '--mermaid'])).stdout).toMatch(/^flowchart LR\n/);
  });
  test('a policy does not differ from itself', async () => {
    expect((await runCli(['flows', 'two-subjects', '--diff', 'two-subjects'])).stdout).toContain(
      ': 0 flows added, 0 removed',
    );
  });
  test('two drawings at once are a usage error', async () => {
    expect(await runCli(['flows', 'two-subjects', '--dot', '--json'])).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('list and explain', () => {
  const kinds = ['properties', 'faults', 'rules', 'scenarios', 'models', 'exits'];
  test.concurrent.each(kinds)('list %s: text, JSON and Markdown have the same rows', async kind => {
    const [text, json, markdown] = await Promise.all([
      runCli(['list', kind]),
      runCli(['list', kind, '--json']),
      runCli(['list', kind, '--markdown']),
    ]);
    const rows = JSON.parse(json.stdout) as unknown[];
    expect(rows.length).toBeGreaterThan(0);
    expect(text.stdout.trimEnd().split('\n')).toHaveLength(rows.length + 1);
    expect(markdown.stdout.trimEnd().split('\n')).toHaveLength(rows.length + 2);
  });
  test.each([
    [['list', 'propertys'], /Did you mean properties\?/],
    [['list', 'instructions'], /not in this version/],
    [['list', 'constructor'], /cannot list/],
    [['explain', 'meta/hold'], /Did you mean meta\/holds\?/],
  ])('%j is a usage error', async (args, message) => {
    const result = await runCli(args);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(message);
  });
  test.each(['meta/holds', 'fake-mark', 'fake-rule', 'two-subjects', '70'])('explain %s', async id => {
    const result = await runCli(['explain', id]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout.split('\n').length).toBeGreaterThan(3);
  });
});
