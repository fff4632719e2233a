import { expect, test } from 'vitest';
import { matrixMarkdown } from '../../src/cli/matrix-text.ts';
import { type FaultVerdict, seedStatistics } from '../../src/engine/kill-matrix.ts';
import { runCli } from './spawn.ts';

test('the control campaign runs seed after seed without a fault and counts kernel steps', async () => {
  const args = ['faults', 'two-subjects', '--control', '1500', '--runs', '8', '--property', 'scheduling/plan-followed'];
  const result = await runCli([...args, '--json', '--jobs', '1'], { real: true });
  expect(result.code, result.stderr).toBe(0);
  const { control } = JSON.parse(result.stdout) as {
    control: { rows: { property: string; seeds: number; steps: number; refuted: number }[]; steps: number };
  };
  expect(control.rows).toMatchObject([{ property: 'scheduling/plan-followed', refuted: 0 }]);
  expect(control.rows[0]!.seeds).toBeGreaterThan(1);
  expect(control.steps).toBeGreaterThanOrEqual(1500);
});

test('the control campaign does not run what makes no kernel steps', async () => {
  const result = await runCli(['faults', 'two-subjects', '--control', '10', '--property', 'isolation/intent'], {
    real: true,
  });
  expect(result.code).not.toBe(0);
});

test('the Markdown matrix escapes what would break its table', () => {
  const verdict: FaultVerdict = {
    id: 'a|b',
    title: 't',
    seam: 'kernel',
    precedent: 'Muen 1 | 2',
    killed: true,
    by: 'x/y',
    executions: 3,
    counterexample: null,
    reason: '',
    exercised: true,
  };
  const text = matrixMarkdown([{ ...verdict, seeds: seedStatistics([verdict, verdict], 40) }]);
  expect(text).toContain('1 of 1 seeded faults');
  expect(text).toContain('| a\\|b | kernel | x/y | 2/2 | 3 | 3 | 3 | 40 | Muen 1 \\| 2 |');
});
