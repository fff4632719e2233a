import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check } from '../../src/index.ts';
import { freshFolder, ROOT, runCli } from './spawn.ts';

const policyOf = (scenario: string): Uint8Array => readFileSync(join(ROOT, `scenarios/${scenario}/policy.xml`));

/** Verdict of the claims about a scenario, and the findings about the claims file. */
async function claim(scenario: string, claims: unknown) {
  const report = await check(policyOf(scenario), {
    properties: ['isolation/claims', 'isolation/sharing-is-explained'],
    claims: typeof claims === 'string' ? claims : JSON.stringify(claims),
  });
  expect(report.errors).toEqual([]);
  const [sharing, flows] = report.properties;
  return { flows, sharing, findings: report.findings.map(({ code, message }) => `${code} ${message}`) };
}

describe('claims about flows', () => {
  test('that hold are proved', async () => {
    const { flows, findings } = await claim('two-subjects', {
      noFlow: [
        { from: 'alice', to: 'bob' },
        { from: 'carol', to: 'alice' },
      ],
    });
    expect([flows!.verdict, flows!.steps, findings]).toEqual(['proved', 2, []]);
  });

  test('that a direct flow breaks are refuted with the policy lines that grant it', async () => {
    const { flows } = await claim('two-subjects', { noFlow: [{ from: 'alice', to: 'carol' }] });
    expect(flows!.verdict).toBe('refuted');
    expect(flows!.reason).toMatch(
      /^claims\.json:1:\d+ says that nothing flows from 'alice' to 'carol', but the policy allows 'alice' -> 'carol'$/,
    );
    const { outcome, body } = flows!.counterexample!;
    expect(outcome.explanation[1]).toMatch(
      /^Then 'alice' influences 'carol' by async 'notify_carol' \(policy line \d+, \d+, \d+\)\.$/,
    );
    expect(outcome.policyLines.length).toBeGreaterThan(0);
    expect(body).toMatchObject({ kind: 'static', claims: { path: 'claims.json' } });
  });

  test('that only a path through others breaks are refuted with the whole path', async () => {
    const claims = { noFlow: [{ from: 'genode_client', to: 'device:cmos_rtc' }] };
    const { flows } = await claim('log-proxy', claims);
    if (flows!.verdict === 'inconclusive') throw new Error(flows!.reason);
    const path = /allows (.*)$/.exec(flows!.reason)?.[1]?.split(' -> ') ?? [];
    expect([flows!.verdict, path.length > 2, path[0], path.at(-1)]).toEqual([
      'refuted',
      true,
      "'genode_client'",
      "'device:cmos_rtc'",
    ]);
  });

  test('onlyVia holds if every path passes one of the named, and is refuted by the path around them', async () => {
    const through = (via: readonly string[]) =>
      claim('log-proxy', { onlyVia: [{ from: 'genode_client', to: 'device:cmos_rtc', via }] });
    const { flows } = await through(['genode_server']);
    expect(flows!.verdict).toBe('proved');
    expect((await through(['guest_monitor'])).flows!.verdict).toBe('refuted');
  });

  test('labels: data goes up only; an allowance with a reason is an exception', async () => {
    const labels = { alice: 'secret', carol: 'public' };
    const levels = ['public', 'secret'];
    const refuted = await claim('two-subjects', { labels, levels });
    expect([refuted.flows!.verdict, refuted.flows!.reason]).toEqual([
      'refuted',
      expect.stringContaining("labels 'alice' 'secret' and 'carol' 'public'"),
    ]);
    expect((await claim('two-subjects', { labels, levels: [...levels].reverse() })).flows!.verdict).toBe('proved');
    expect((await claim('two-subjects', { labels })).flows!.verdict).toBe('refuted');
    const allow = [{ event: 'notify_carol', reason: 'one bit at start' }];
    expect((await claim('two-subjects', { labels, levels, allow })).flows!.verdict).toBe('proved');
  });

  test('about names that the policy does not have are findings, and not proved', async () => {
    const { flows, findings } = await claim('two-subjects', {
      noFlow: [{ from: 'alice', to: 'bobb' }],
      allow: [
        { region: 'nowhere', reason: 'x' },
        { rule: 'NO-RULE', reason: 'x' },
      ],
    });
    expect(flows!.verdict).toBe('inconclusive');
    expect(findings).toEqual([
      "CLAIM-NAME the policy has no subject or device 'bobb'",
      "CLAIM-NAME there is no region 'nowhere'",
      "CLAIM-NAME there is no rule 'NO-RULE'",
    ]);
  });

  test('an allowance that concerns nothing is a warning', async () => {
    const { findings } = await claim('two-subjects', { allow: [{ region: 'alice|stack', reason: 'x' }] });
    expect(findings).toEqual([
      "CLAIM-UNUSED the region 'alice|stack' needs no allowance: nothing is reported about it",
    ]);
  });
});

describe('an allowance', () => {
  /** bob also maps the stack of alice: nothing explains that. */
  const policy = new TextDecoder()
    .decode(policyOf('two-subjects'))
    .replace(
      /(<memory [^>]*logical="stack" physical="bob\|stack"[^>]*\/>)/,
      '$1<memory executable="false" logical="window" physical="alice|stack" virtualAddress="16#0050_0000#" writable="false"/>',
    );
  const verdict = async (claims: string) => {
    const bytes = new TextEncoder().encode(policy);
    const report = await check(bytes, { properties: ['isolation/sharing-is-explained'], claims });
    return report.properties[0]!;
  };

  test('explains what nothing else explains, and is shown with its reason', async () => {
    expect((await verdict('{}')).verdict).toBe('refuted');
    const claims = '{"allow": [{"region": "alice|stack", "reason": "debugging"}]}';
    const allowed = await verdict(claims);
    expect(allowed.verdict).toBe('proved');
    expect(allowed.sharing!.explained.find(({ rule }) => rule === 'claimed')).toMatchObject({
      inferred: false,
      resource: 'alice|stack',
      text: expect.stringContaining("allowed by claims.json:1:12 (region 'alice|stack'): debugging"),
    });
    const byRule = await verdict('{"allow": [{"rule": "INTENT-PRIVATE-REGION", "reason": "debugging"}]}');
    expect(byRule.verdict).toBe('proved');
  });
});

describe('the command line', () => {
  const policy = join(ROOT, 'scenarios/two-subjects/policy.xml');
  const run = (file: string, out = freshFolder()) =>
    runCli(['check', policy, '--claims', file, '--property', 'isolation/claims', '--jobs', '1', '--out', out], {
      real: true,
    });

  test('refutes, and the counterexample replays with the claims that it carries', async () => {
    const folder = freshFolder();
    const file = join(folder, 'claims.json');
    writeFileSync(file, '{"noFlow": [{"from": "alice", "to": "carol"}]}');
    const result = await run(file, folder);
    expect([result.code, result.stdout]).toEqual([1, expect.stringContaining("allows 'alice' -> 'carol'")]);
    writeFileSync(file, '{}');
    const replayed = await runCli(['replay', join(folder, 'isolation-claims.trace.json')], { real: true });
    expect(replayed.stderr).toContain('reproduced exactly');
  });

  test('says where a file is wrong', async () => {
    const file = join(freshFolder(), 'claims.json');
    writeFileSync(file, '{\n  "noFlow": [{"from": "alice"}]\n}');
    const result = await run(file);
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining(`${file}:2:14 "to" is missing`)]);
  });
});
