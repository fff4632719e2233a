import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COMMAND_LOADERS } from '../../src/cli/commands/loaders.ts';
import { COMMANDS } from '../../src/cli/commands/registry.ts';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { freshFolder, runCli, runHere } from './spawn.ts';

const check = (property: string, ...rest: readonly string[]): readonly string[] => [
  'check',
  '--property',
  property,
  '--jobs',
  '1',
  '--out',
  freshFolder(),
  ...rest,
];
const brokenPolicy = join(freshFolder(), 'broken.xml');
writeFileSync(brokenPolicy, '<system>\n  <nonsense/>\n</system>\n');

describe('exit codes', () => {
  const rows: readonly (readonly [string, number, readonly string[]])[] = [
    ['holds', 0, check('meta/holds')],
    ['proved', 0, check('meta/proved')],
    ['not applicable', 0, check('meta/inapplicable')],
    ['refuted', 1, check('meta/refuted')],
    [
      'refuted and inconclusive',
      1,
      check('meta/{x,y}', '--property', 'meta/refuted', '--property', 'meta/inconclusive'),
    ],
    ['fault survives', 1, ['faults', '--fault', 'fake-unseen', '--jobs', '1']],
    ['fault found', 0, ['faults', '--fault', 'fake-mark', '--jobs', '1']],
    ['no command', 2, []],
    ['unknown command', 2, ['chekc']],
    ['unknown option', 2, ['check', '--sed', '1']],
    ['no such file', 2, ['check', 'no-such.xml']],
    ['no such scenario', 2, ['check', 'no-such']],
    ['no such property', 2, check('no/such')],
    ['missing argument', 2, ['policy']],
    ['too many arguments', 2, ['check', 'a', 'b']],
    ['two reporters on stdout', 2, check('meta/holds', '--reporter', 'text', '--json')],
    ['tables of a toolchain, which a later version reads', 2, check('meta/holds', '--tables', 'folder')],
    ['format that a scenario does not have', 2, ['policy', 'two-subjects', '--format', 'a']],
    ['no such include directory', 2, ['policy', brokenPolicy, '--include', 'no-such']],
    ['no such folder of files', 2, ['policy', 'two-subjects', '--files', 'no-such']],
    ['no such folder of files', 2, check('meta/holds', '--files', 'no-such')],
    ['no such trace', 2, ['replay', 'no-such.json']],
    ['trace format of a later version', 2, ['replay', 'x.json', '--to', 'html']],
    ['invalid policy', 3, check('meta/holds', brokenPolicy)],
    ['invalid policy', 3, ['policy', brokenPolicy]],
    ['invalid policy', 3, ['flows', brokenPolicy]],
    ['invalid policy', 3, ['faults', brokenPolicy]],
    ['inconclusive', 4, check('meta/inconclusive')],
    ['vacuous', 4, check('meta/vacuous')],
    ['out of steps', 4, check('meta/holds', '--max-steps', '150')],
    ['exception in a property', 70, check('meta/throws')],
    ['a worker dies', 70, ['check', '--property', 'meta/dies', '--jobs', '2', '--out', freshFolder()]],
  ];
  test.each(rows)('%s: %i', async (_, code, args) => {
    const result = await runHere(args);
    expect(result.code, result.stderr).toBe(code);
    if (code === 2 && args.length > 0) expect(result.stdout).toBe('');
    if (code === 2 && args.length > 0) expect(result.stderr).toMatch(/^muencheck: .+\nTry `muencheck .*--help`\.\n$/s);
  });

  test.concurrent.each(EXIT_CODES.map(({ code }) => code).filter(code => code !== 5 && code !== 130))(
    'the process itself ends with %i',
    async code => {
      const [, , args = []] = rows.find(([, expected]) => expected === code) ?? [];
      expect((await runCli(args)).code).toBe(code);
    },
  );

  test('every code of the table has a row here or a test below', () => {
    const tested = new Set([...rows.map(([, code]) => code), 5, 130]);
    expect(EXIT_CODES.filter(({ code }) => !tested.has(code))).toEqual([]);
  });
});

describe('interrupt and time limit', () => {
  interface Report {
    readonly properties: readonly { readonly id: string; readonly verdict: string; readonly reason: string }[];
  }
  const slow = (jobs: string): readonly string[] => [
    'check',
    '--property',
    'meta/slow',
    '--jobs',
    jobs,
    '--json',
    '--out',
    freshFolder(),
  ];
  const slowVerdict = (stdout: string) =>
    (JSON.parse(stdout) as Report).properties.find(property => property.id === 'meta/slow');
  /** Sends signals once the slow property says that it works. */
  const interrupt = (times: number) => {
    let sent = 0;
    return (text: string, child: ChildProcess): void => {
      if (!text.includes('working')) return;
      while (sent < times) {
        sent++;
        child.kill('SIGINT');
      }
    };
  };
  test.each(['1', '2'])('SIGINT gives a valid partial report and 130, --jobs %s', async jobs => {
    const result = await runCli(slow(jobs), { onStderr: interrupt(1) });
    expect(result.code, result.stderr).toBe(130);
    expect(slowVerdict(result.stdout)).toMatchObject({
      verdict: 'inconclusive',
      reason: expect.stringMatching(/^interrupted after \d+ of 400 parts/),
    });
  });
  test('a second SIGINT ends it at once', async () => {
    let stage = 0;
    const result = await runCli(slow('2'), {
      onStderr: (text, child) => {
        if (stage === 0 && text.includes('working')) child.kill('SIGINT');
        if (stage === 1 && text.includes('interrupted')) child.kill('SIGINT');
        stage = text.includes('interrupted') ? 2 : text.includes('working') ? 1 : 0;
      },
    });
    expect(result.code).toBe(130);
  });
  test.each(['1', '2'])('--timeout turns the rest into inconclusive, --jobs %s', async jobs => {
    const result = await runCli([...slow(jobs), '--timeout', '2']);
    expect(result.code, result.stderr).toBe(4);
    expect(slowVerdict(result.stdout)).toMatchObject({
      verdict: 'inconclusive',
      reason: expect.stringMatching(/^time limit of 2 s reached after \d+ of 400 parts/),
    });
  });
});

describe('help', () => {
  test.each(COMMANDS.map(command => command.name))('%s --help', async name => {
    const result = await runHere([name, '--help']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout.match(/^ {2}muencheck /gm)).toHaveLength(2);
  });
  test('commands are loaded by their names', () => {
    expect(COMMANDS.map(({ name }) => name)).toEqual([...COMMAND_LOADERS.keys()]);
  });

  test('--help shows two examples and every exit code', async () => {
    const { code, stdout } = await runCli(['--help'], { real: true });
    expect(code).toBe(0);
    for (const row of EXIT_CODES) expect(stdout).toContain(row.meaning);
    expect(stdout.match(/^ {2}muencheck /gm)).toHaveLength(2);
  });
});
