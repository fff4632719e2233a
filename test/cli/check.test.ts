import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freshFolder, runCli, runHere } from './spawn.ts';

/** Removes what depends on the machine: `timing` and `durationMs`. */
function withoutTimes(json: string): string {
  return JSON.stringify(
    JSON.parse(json, (key, value: unknown) => (key === 'timing' || key === 'durationMs' ? undefined : value)),
  );
}

const selection = ['holds', 'proved', 'refuted', 'vacuous', 'inconclusive', 'inapplicable', 'hostile'].flatMap(name => [
  '--property',
  `meta/${name}`,
]);

describe('determinism', () => {
  test('same input and seed: byte-identical JSON whatever --jobs is', async () => {
    const outputs = await Promise.all(
      ['1', '2', '4'].map(jobs =>
        runCli(['check', ...selection, '--json', '--jobs', jobs, '--seed', '0x2a', '--out', freshFolder()]),
      ),
    );
    expect(outputs.map(output => output.code)).toEqual([1, 1, 1]);
    const [first = '', ...others] = outputs.map(output => withoutTimes(output.stdout));
    for (const other of others) expect(other).toBe(first);
    expect(JSON.parse(first)).toMatchObject({
      tool: 'muencheck',
      seed: 42,
      verdict: 'refuted',
      policy: { format: 'b' },
    });
  });
  test('the text on stdout has no times at all', async () => {
    const folder = freshFolder();
    const outputs = [
      await runCli(['check', ...selection, '--jobs', '1', '--out', folder]),
      await runCli(['check', ...selection, '--jobs', '2', '--out', folder]),
    ];
    expect(outputs[0]?.stdout).toBe(outputs[1]?.stdout);
  });
});

describe('streams', () => {
  test('data on stdout, prose on stderr; a pipe gets no carriage return and no escape', async () => {
    const { stdout, stderr } = await runCli(['check', ...selection, '--out', freshFolder()]);
    expect(stdout).toMatch(/^muencheck .*\n/);
    expect(stderr).toMatch(/report in .*report\.html/);
    expect(stdout + stderr).not.toContain('\r');
    expect(stdout + stderr).not.toContain('\u001b');
  });
  test('--quiet leaves stderr empty', async () => {
    expect((await runCli(['check', '--property', 'meta/holds', '--quiet', '--out', freshFolder()])).stderr).toBe('');
  });
  test('FORCE_COLOR colours, NO_COLOR and --no-color leave no escape', async () => {
    const args = ['check', '--property', 'meta/holds', '--out', freshFolder()];
    expect((await runCli(args, { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[32mtested');
    expect((await runCli(args, { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain('\u001b');
    expect((await runCli([...args, '--no-color'], { env: { FORCE_COLOR: '1' } })).stdout).not.toContain('\u001b');
  });
});

describe('files', () => {
  test('the report folder has three reports and a trace per counterexample; a stale trace goes', async () => {
    const folder = freshFolder();
    await runHere(['check', ...selection, '--out', folder]);
    expect(readdirSync(folder).sort()).toEqual([
      'meta-hostile.trace.json',
      'meta-refuted.trace.json',
      'report.html',
      'report.json',
      'report.txt',
    ]);
    const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as {
      properties: { id: string; counterexample?: unknown }[];
    };
    expect(report.properties.find(property => property.id === 'meta/refuted')?.counterexample).toEqual(
      JSON.parse(readFileSync(join(folder, 'meta-refuted.trace.json'), 'utf8')),
    );
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).not.toMatch(/<script/i);
  });
  test('--reporter writes files beside the text; --baseline tells what changed', async () => {
    const folder = freshFolder();
    const file = (name: string): string => join(folder, name);
    const reporters = ['junit', 'sarif', 'html', 'github', 'json'].flatMap(name => [
      '--reporter',
      `${name}:${file(name)}`,
    ]);
    const first = await runHere(['check', '--property', 'meta/holds', ...reporters, '--out', folder]);
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toContain('meta/holds');
    expect(readFileSync(file('junit'), 'utf8')).toMatch(/^<\?xml/);
    expect(JSON.parse(readFileSync(file('sarif'), 'utf8'))).toMatchObject({ version: '2.1.0' });
    const second = await runHere([
      'check',
      '--property',
      'meta/holds',
      '--property',
      'meta/vacuous',
      '--baseline',
      file('json'),
      '--out',
      folder,
    ]);
    expect(second.stdout).toContain('changes since the baseline\n  meta/vacuous: new, vacuous');
    expect((await runHere(['check', '--baseline', file('junit'), '--out', folder])).code).toBe(2);
  });
  test('github: annotations on stdout, a table in the step summary', async () => {
    const folder = freshFolder();
    const summary = join(folder, 'summary.md');
    const { stdout } = await runHere(['check', '--property', 'meta/refuted', '--reporter', 'github', '--out', folder], {
      GITHUB_STEP_SUMMARY: summary,
    });
    expect(stdout).toMatch(/^::error file=.*policy\.xml,line=2,title=meta\/refuted::refuted: /);
    expect(readFileSync(summary, 'utf8')).toContain('| meta/refuted | refuted |');
  });
});

test('an invalid policy is reported as findings with place and hint, in text and JSON', async () => {
  const folder = freshFolder();
  const invalid = await runHere(['check', './package.json', '--out', folder]);
  expect(invalid.code).toBe(3);
  expect(invalid.stdout).toMatch(/^\.\/package\.json:\d+:\d+ error [A-Z-]+ .+\n {4}hint: /m);
  const json = JSON.parse((await runHere(['check', './package.json', '--json', '--out', folder])).stdout) as {
    properties: unknown[];
    findings: { severity: string }[];
  };
  expect(json.properties).toEqual([]);
  expect(json.findings.some(finding => finding.severity === 'error')).toBe(true);
});

test('an internal error shows its stack only with --verbose', async () => {
  const args = ['check', '--property', 'meta/throws', '--out', freshFolder()];
  const brief = await runHere(args);
  expect(brief.stderr).toContain('internal error in meta/throws: TypeError: a defect of ours');
  expect(brief.stderr).not.toMatch(/^ +at /m);
  expect((await runHere([...args, '--verbose'])).stderr).toMatch(/^ +at /m);
});
