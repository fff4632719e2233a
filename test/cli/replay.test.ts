import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Trace } from '../../src/trace/trace.ts';
import { freshFolder, runCli, runHere } from './spawn.ts';

const folder = freshFolder();
const refuted = join(folder, 'meta-refuted.trace.json');
const hostile = join(folder, 'meta-hostile.trace.json');
const faulty = join(folder, 'fault-fake-mark.trace.json');

beforeAll(async () => {
  await runHere(['check', '--property', 'meta/refuted', '--property', 'meta/hostile', '--out', folder]);
  await runHere(['faults', '--fault', 'fake-mark', '--out', folder]);
});

/** Writes a changed copy of a trace. */
function changed(path: string, change: (trace: Trace) => unknown): string {
  const copy = join(freshFolder(), 'changed.json');
  writeFileSync(copy, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Trace)));
  return copy;
}

describe('replay', () => {
  test('a counterexample replays exactly in a fresh process', async () => {
    const result = await runCli(['replay', refuted]);
    expect(result, result.stderr).toMatchObject({ code: 0, stderr: 'reproduced exactly\n' });
    expect(result.stdout).toContain('REFUTED  meta/refuted');
    expect(result.stdout).toContain('vmcall event 3');
  });
  test('so does one made with a seeded fault', async () => {
    expect(await runHere(['replay', faulty])).toMatchObject({ code: 0 });
  });
  test('another outcome exits 5 and says what differs', async () => {
    const path = changed(refuted, trace => ({ ...trace, outcome: { ...trace.outcome, digests: ['ee'] } }));
    const result = await runHere(['replay', path]);
    expect(result.code).toBe(5);
    expect(result.stderr).toContain('state digest 0: recorded ee, now 00ff');
  });
  test('a property that holds now exits 5', async () => {
    const { fault: _fault, ...rest } = JSON.parse(readFileSync(faulty, 'utf8')) as Trace;
    const result = await runHere(['replay', changed(faulty, () => rest)]);
    expect(result.code).toBe(5);
    expect(result.stderr).toContain('the property holds');
  });
  test('--step cuts the timeline; an unknown step is a usage error', async () => {
    const first = await runHere(['replay', refuted, '--step', '0']);
    expect(first.stdout).toContain('frame 0.0 begins');
    expect(first.stdout).not.toContain('vmcall event 3');
    const none = await runHere(['replay', refuted, '--step', '9']);
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toContain('the steps are 0, 1');
  });
  test('--to json, mermaid, vitest', async () => {
    expect((await runHere(['replay', refuted, '--to', 'json'])).stdout).toBe(readFileSync(refuted, 'utf8'));
    expect((await runHere(['replay', refuted, '--to', 'mermaid'])).stdout).toMatch(/^sequenceDiagram\n/);
    expect((await runHere(['replay', refuted, '--to', 'vitest'])).stdout).toContain("from 'muencheck'");
  });
  test('hostile text in a trace reaches no terminal', async () => {
    const { stdout, stderr } = await runHere(['replay', hostile]);
    expect(stdout + stderr).not.toMatch(/[^\x20-\x7e\n]/);
  });
});

describe('hostile trace files', () => {
  const policyOf = (xml: string | Buffer) => (trace: Trace) => ({
    ...trace,
    policy: { ...trace.policy, gzipBase64: gzipSync(xml).toString('base64') },
  });
  test.each([
    ['no JSON', () => 'x', /not JSON|expected an object/],
    ['no trace', () => ({}), /\$\.format: expected "muencheck-trace", found nothing/],
    ['another policy', policyOf('<system/>'), /\$\.policy\.sha256: the embedded policy has the digest/],
    [
      'no gzip',
      (trace: Trace) => ({ ...trace, policy: { ...trace.policy, gzipBase64: 'QUJD' } }),
      /\$\.policy\.gzipBase64: not a gzip stream/,
    ],
    ['a gzip bomb', policyOf(Buffer.alloc(80 << 20)), /not a gzip stream of at most/],
    [
      'an unknown property',
      (trace: Trace) => ({ ...trace, property: 'meta/refutd' }),
      /no property "meta\/refutd"\. Did you mean meta\/refuted\?/,
    ],
    [
      'an unknown fault',
      (trace: Trace) => ({ ...trace, fault: { id: 'fake-mrak' } }),
      /no seeded fault "fake-mrak"\. Did you mean fake-mark\?/,
    ],
    [
      'a module to load',
      (trace: Trace) => ({ ...trace, fault: { id: 'mine', from: './evil.ts' } }),
      /if you trust it, add --from/,
    ],
  ] as const)('%s', async (_, change, message) => {
    const result = await runHere(['replay', changed(refuted, change as (trace: Trace) => unknown)]);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(message);
  });
});

describe('faults', () => {
  test('--json has the documented shape', async () => {
    const { stdout, code } = await runHere(['faults', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      faults: [
        {
          id: 'fake-mark',
          title: 'leaves a mark',
          seam: 'kernel',
          precedent: 'none: made for a test',
          killed: true,
          by: 'meta/finds-mark',
          executions: 75 + 14,
          counterexample: { operations: 1, events: 0 },
        },
        {
          id: 'fake-unseen',
          title: 'changes nothing',
          seam: 'kernel',
          precedent: 'none: made for a test',
          killed: false,
          by: null,
          executions: 30,
          counterexample: null,
        },
      ],
    });
  });
  test('a property that fails without any fault spoils the matrix', async () => {
    const result = await runHere([
      'faults',
      '--fault',
      'fake-mark',
      '--all',
      '--property',
      'meta/refuted',
      '--property',
      'meta/finds-mark',
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('without any fault, refuted: meta/refuted');
  });
  describe('--from', () => {
    const module = (source: string): string => {
      const path = join(freshFolder(), 'mine.ts');
      writeFileSync(path, source);
      return path;
    };
    const mine =
      "export default { id: 'mine', title: 'mine', seam: 'kernel', precedent: 'p', apply: (seams: object) => ({ ...seams, mark: 1 }), killedBy: ['meta/finds-mark'] };\n";
    test.each(['1', '2'])(
      "a user's fault runs, is found, and its trace replays with --from only, --jobs %s",
      async jobs => {
        const from = module(mine);
        const result = await runCli(['faults', '--from', from, '--jobs', jobs, '--out', folder]);
        expect(result, result.stderr).toMatchObject({ code: 0 });
        const trace = join(folder, 'fault-mine.trace.json');
        expect((await runCli(['replay', trace])).code).toBe(2);
        expect(await runCli(['replay', trace, '--from', from])).toMatchObject({ code: 0 });
      },
    );
    test.each([
      ['export const x = 1;\n', /no default export/],
      ["export default { id: 'mine' };\n", /field `apply` is missing\n {4}hint: /],
      [
        mine.replace('meta/finds-mark', 'meta/finds-mrak'),
        /unknown property "meta\/finds-mrak"\. Did you mean meta\/finds-mark\?/,
      ],
      [mine.replace("id: 'mine'", "id: 'fake-mark'"), /used twice/],
      ['this is not TypeScript\n', /cannot be loaded/],
    ])('%j is refused with a hint', async (source, message) => {
      const result = await runCli(['faults', '--from', module(source)]);
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toMatch(message);
    });
  });
});
