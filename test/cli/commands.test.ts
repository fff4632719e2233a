import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { VERDICT_WORDS } from '../../src/engine/verdict.ts';
import { EXIT_REASONS } from '../../src/impl/vmx/exit-reasons.ts';
import { freshFolder, runHere } from './spawn.ts';

describe('policy', () => {
  test('a valid policy', async () => {
    const result = await runHere(['policy', 'two-subjects']);
    expect(result.code, result.stdout).toBe(0);
    expect(result.stdout).toMatch(/policy\.xml: valid: .*rules examined \d+ objects\n$/);
  });
  test('--json', async () => {
    const { stdout } = await runHere(['policy', 'two-subjects', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: true,
      policy: { format: 'b', digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      findings: expect.any(Array),
    });
  });
  test('a hostile path and hostile content reach no terminal', async () => {
    const path = join(freshFolder(), 'a\u001b[31mb.xml');
    writeFileSync(path, '<system><\u0007</system>');
    const { code, stdout, stderr } = await runHere(['policy', path]);
    expect(code).toBe(3);
    expect(stdout + stderr).not.toMatch(/[^\x20-\x7e\n]/);
  });
});

describe('flows', () => {
  interface Flows {
    readonly nodes: readonly unknown[];
    readonly edges: readonly { readonly from: string; readonly to: string; readonly kind: string }[];
  }
  test('a table, and the same flows as JSON, DOT and Mermaid', async () => {
    const print = async (...options: readonly string[]) =>
      (await runHere(['flows', 'two-subjects', ...options])).stdout;
    const { edges } = JSON.parse(await print('--json')) as Flows;
    const untimed = edges.filter(edge => edge.kind !== 'timing');
    expect(untimed.length).toBeGreaterThan(0);
    expect(edges.length).toBeGreaterThan(untimed.length);
    const rows = (text: string): number => text.split('\n').filter(line => / (data|event|timing) /.test(line)).length;
    expect(rows(await print())).toBe(untimed.length);
    expect(rows(await print('--timing'))).toBe(edges.length);
    expect((await print('--dot')).match(/ -> /g)).toHaveLength(untimed.length);
    expect((await print('--mermaid', '--timing')).match(/\|"/g)).toHaveLength(edges.length);
  });
  test('a policy does not differ from itself, but from another one', async () => {
    const same = await runHere(['flows', 'two-subjects', '--diff', 'two-subjects']);
    expect(same.stdout).toMatch(/: 0 flows added, 0 removed, 0 changed\n$/);
    const other = await runHere(['flows', 'two-subjects', '--diff', 'scenarios/log-channel/policy.xml', '--json']);
    const diff = JSON.parse(other.stdout) as Record<'added' | 'removed', readonly unknown[]>;
    expect([diff.added.length, diff.removed.length].every(count => count > 0)).toBe(true);
  });
  test('two drawings at once are a usage error', async () => {
    expect(await runHere(['flows', 'two-subjects', '--dot', '--json'])).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('list and explain', () => {
  const kinds = ['properties', 'faults', 'rules', 'scenarios', 'models', 'exits'];
  test.each(kinds)('list %s: text, JSON and Markdown have the same rows', async kind => {
    const [text, json, markdown] = await Promise.all([
      runHere(['list', kind]),
      runHere(['list', kind, '--json']),
      runHere(['list', kind, '--markdown']),
    ]);
    const rows = JSON.parse(json.stdout) as unknown[];
    expect(rows.length).toBeGreaterThan(0);
    expect(text.stdout.trimEnd().split('\n')).toHaveLength(rows.length + 1);
    expect(markdown.stdout.trimEnd().split('\n')).toHaveLength(rows.length + 2);
  });
  test.each([
    [['list', 'propertys'], /Did you mean properties\?/],
    [['list', 'constructor'], /cannot list/],
    [['explain', 'meta/hold'], /Did you mean meta\/holds\?/],
  ])('%j is a usage error', async (args, message) => {
    const result = await runHere(args);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(message);
  });
  test('list exits shows the VM exits, not the exit codes', async () => {
    const rows = JSON.parse((await runHere(['list', 'exits', '--json'])).stdout) as Record<string, unknown>[];
    expect(rows).toHaveLength(EXIT_REASONS.length);
    expect(rows[48]).toEqual({
      reason: 48,
      name: 'EPT violation',
      action: 'trap',
      kernel: 'trap table of the subject; without an entry crash audit 0x2000',
      causedBy: 'subject',
    });
  });
  test.each(['meta/holds', 'fake-mark', 'fake-rule', 'two-subjects', 'exit-codes', '48', 'ept violation'])(
    'explain %s',
    async id => {
      const result = await runHere(['explain', id]);
      expect(result).toMatchObject({ code: 0, stderr: '' });
      expect(result.stdout.split('\n').length).toBeGreaterThan(3);
    },
  );
  test('explain exit-codes has every code; a VM exit with such a number refers to it', async () => {
    const { stdout } = await runHere(['explain', 'exit-codes']);
    for (const { code, meaning } of EXIT_CODES) expect(stdout).toMatch(new RegExp(`^${code} .*${meaning}$`, 'm'));
    expect((await runHere(['explain', '4'])).stdout).toContain('muencheck explain exit-codes');
  });
  test.each(VERDICT_WORDS)('explain %s', async word => {
    expect((await runHere(['explain', word])).stdout).toMatch(new RegExp(`^verdict +${word}\nmeaning +.+\n$`));
  });
});
