import { expect, test } from 'vitest';
import { runCli } from './spawn.ts';

interface RunReport {
  readonly kernelSteps: number;
  readonly power: string;
  readonly lines: readonly { readonly ms: number; readonly subject: string; readonly text: string }[];
  readonly subjects: readonly { readonly subject: string; readonly operations: number }[];
}

const run = async (args: readonly string[]) => runCli(['run', ...args], { real: true });

test('lines of the client appear at the log server in the other subject, in order, labelled by the server', async () => {
  const { code, stdout, stderr } = await run(['genode-log', '--frames', '6', '--json']);
  expect(code, stderr).toBe(0);
  const report = JSON.parse(stdout) as RunReport;
  expect(report.power).toBe('running');
  expect(report.lines.length).toBeGreaterThan(5);
  const numbers = new Map<string, number[]>();
  for (const { subject, text } of report.lines) {
    expect(subject).toBe('log_server');
    const parts = /^\[apps -> (init -> \w+)\] message (\d+) of session/.exec(text);
    expect(parts, text).not.toBeNull();
    numbers.set(parts![1]!, [...(numbers.get(parts![1]!) ?? []), Number(parts![2])]);
  }
  expect([...numbers.keys()].sort()).toEqual(['init -> desktop', 'init -> network']);
  for (const list of numbers.values()) expect(list).toEqual([...list].sort((a, b) => a - b));
  expect((await run(['genode-log', '--frames', '6', '--json'])).stdout).toBe(stdout);
});

test('text goes to stdout, the summary to stderr', async () => {
  const { code, stdout, stderr } = await run(['two-subjects', '--frames', '2']);
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toMatch(/no subject has a console/);
  expect(stderr).toMatch(/^alice +cpu0 +[\d_]+ +[\d_]+$/m);
});

test.each([
  [['no-such-scenario'], 2, /no scenario is called/],
  [['README.md'], 3, /XML/],
])('%o: exit code %i', async (args, code, message) => {
  const result = await run(args);
  expect(result.code).toBe(code);
  expect(result.stderr).toMatch(message);
});
