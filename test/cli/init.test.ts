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

async function init(policy: string, ...args: string[]) {
  const folder = join(freshFolder(), 'claims');
  const result = await runHere(['init', policy, '--out', folder, ...args]);
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return { folder, result, read, claims: (): ClaimsFile => JSON.parse(read('claims.json')) as ClaimsFile };
}

/** Verdict on the claims of a policy, and what there is to say about the claims themselves. */
async function judge(policy: string, claims: string) {
  const { properties, findings } = await check(Buffer.from(policy), { claims, properties: ['isolation/claims'] });
  return { ...properties[0], findings: findings.filter(({ code }) => code.startsWith('CLAIM')) };
}

describe('init', () => {
  test('writes claims that the policy fulfils, and that one flow more breaks', async () => {
    const { result, read, claims } = await init(POLICY);
    expect(result.code, result.stderr).toBe(0);
    const policy = readFileSync(POLICY, 'utf8');
    expect(await judge(policy, read('claims.json'))).toMatchObject({ verdict: 'proved', findings: [] });
    const { noFlow, onlyVia } = claims();
    expect([noFlow.length > 0, onlyVia.length > 0]).toEqual([true, true]);
    // The monitor gets to read what the client writes for the server.
    const more = policy.replace(
      /<memory [^>]*logical="monitor_state"[^>]*\/>/,
      '$&<memory executable="false" logical="more" physical="log_proxy_channel" virtualAddress="16#7000_0000#" writable="false"/>',
    );
    expect(more).not.toBe(policy);
    const broken = await judge(more, read('claims.json'));
    expect(broken.verdict).toBe('refuted');
    expect(broken.reason).toContain("'genode_client' -> 'guest_monitor'");
  });

  test('is about the named subjects only', async () => {
    const { claims } = await init(POLICY, '--subject', 'tau0', '--subject', 'genode_client');
    const names = [...claims().noFlow, ...claims().onlyVia].flatMap(({ from, to }) => [from, to]);
    expect(new Set(names).size).toBeLessThanOrEqual(2);
    const { result } = await init(POLICY, '--subject', 'genode_clint');
    expect(result).toMatchObject({ code: 2 });
    expect(result.stderr).toContain('Did you mean genode_client?');
  });

  test('writes a vitest file that names the policy and a subject', async () => {
    const { read } = await init(POLICY);
    const text = read('policy.test.ts');
    expect(text).toMatch(/new URL\('.*scenarios\/log-proxy\/policy\.xml', import\.meta\.url\)/);
    expect(text).toContain("entry.subject !== 'tau0'");
  });

  test('overwrites nothing', async () => {
    const { folder } = await init(POLICY);
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
