import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check } from '../../src/index.ts';
import { freshFolder, ROOT, runHere } from './spawn.ts';

const POLICY = join(ROOT, 'scenarios/log-proxy/policy.xml');

interface ClaimsFile {
  readonly noFlow: readonly { readonly from: string; readonly to: string }[];
  readonly onlyVia: readonly { readonly from: string; readonly to: string; readonly via: readonly string[] }[];
}

async function init(...args: string[]) {
  const folder = join(freshFolder(), 'claims');
  const result = await runHere(['init', POLICY, '--out', folder, ...args]);
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return { folder, result, read, claims: (): ClaimsFile => JSON.parse(read('claims.json')) as ClaimsFile };
}

describe('init', () => {
  test('writes claims that the policy fulfils, and that a flow more would break', async () => {
    const { result, read, claims } = await init();
    expect(result.code, result.stderr).toBe(0);
    const policyBytes = readFileSync(POLICY);
    const holds = await check(policyBytes, { claims: read('claims.json'), properties: ['isolation/claims'] });
    expect(holds.properties).toMatchObject([{ verdict: 'proved' }]);
    expect(holds.findings.filter(({ code }) => code.startsWith('CLAIM'))).toEqual([]);
    const { noFlow, onlyVia } = claims();
    expect([noFlow.length > 0, onlyVia.length > 0]).toEqual([true, true]);
    // The server gets to write what it could only read.
    const original = policyBytes.toString();
    const at = original.lastIndexOf('physical="log_proxy_channel"');
    const text = original.slice(0, at) + original.slice(at).replace('writable="false"', 'writable="true"');
    expect(text).not.toBe(original);
    const broken = await check(Buffer.from(text), { claims: read('claims.json'), properties: ['isolation/claims'] });
    expect(broken.properties).toMatchObject([
      { verdict: 'refuted', reason: expect.stringContaining("'genode_server'") },
    ]);
  });

  test('is about the named subjects only', async () => {
    const { claims } = await init('--subject', 'tau0', '--subject', 'genode_client');
    const names = [...claims().noFlow, ...claims().onlyVia].flatMap(({ from, to }) => [from, to]);
    expect(new Set(names).size).toBeLessThanOrEqual(2);
    const { result } = await init('--subject', 'genode_clint');
    expect(result).toMatchObject({ code: 2 });
    expect(result.stderr).toContain('Did you mean genode_client?');
  });

  test('writes a vitest file that names the policy and a subject', async () => {
    const { read } = await init();
    const text = read('policy.test.ts');
    expect(text).toMatch(/new URL\('.*scenarios\/log-proxy\/policy\.xml', import\.meta\.url\)/);
    expect(text).toContain("entry.subject !== 'tau0'");
  });

  test('overwrites nothing', async () => {
    const { folder } = await init();
    writeFileSync(join(folder, 'claims.json'), 'mine');
    const again = await runHere(['init', POLICY, '--out', folder]);
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toContain('claims.json exists');
    expect(readFileSync(join(folder, 'claims.json'), 'utf8')).toBe('mine');
  });

  test('refuses what is no policy', async () => {
    const folder = freshFolder();
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'broken.xml');
    writeFileSync(file, '<system>');
    const refused = await runHere(['init', file, '--out', folder]);
    expect(refused.code).toBe(3);
    expect(refused.stdout).toContain('broken.xml:1:9 error XML-TRUNCATED');
    expect(existsSync(join(folder, 'claims.json'))).toBe(false);
    expect(await runHere(['init', join(folder, 'absent.xml')])).toMatchObject({ code: 2 });
  });
});
