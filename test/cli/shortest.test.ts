import { expect, test } from 'vitest';
import { runCli } from './spawn.ts';

test('counterexamples beside the shortest ones: one per kind of model, and what has none', async () => {
  const faults = [
    'xsetbv-unchecked',
    'refund-without-cost',
    'signal-overflow-wraps',
    'size-not-checked',
    'io-bit-order',
  ];
  const args = ['faults', '--shortest', '--json', '--quiet', ...faults.flatMap(fault => ['--fault', fault])];
  const result = await runCli(args, { real: true });
  expect(result.code, result.stderr).toBe(0);
  const { shortest } = JSON.parse(result.stdout) as { shortest: Record<string, unknown>[] };
  expect(shortest.map(({ fault, model, given, optimum, outside }) => [fault, model, given, optimum, outside])).toEqual([
    // In the order of the registry.
    ['xsetbv-unchecked', 'kernel', 1, 1, ''],
    ['io-bit-order', '', 0, null, 'enumeration: no operations'],
    ['size-not-checked', 'channel', 9, 9, ''],
    ['signal-overflow-wraps', 'signal', 2, 2, ''],
    ['refund-without-cost', 'session', 2, 2, ''],
  ]);
});
