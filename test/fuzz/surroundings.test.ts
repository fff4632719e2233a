import { expect, it } from 'vitest';
import { ALONE, type FuzzInput } from '../../src/fuzz/fuzz-input.ts';
import { targetOf } from './executions-to-kill.ts';

it('interrupts that the policy routes to nobody arrive at every CPU', () => {
  const target = targetOf('log-proxy');
  const { subject } = target.attackers[0]!;
  const interrupts = Array.from({ length: 64 }, (_, index) => index);
  const input: FuzzInput = { kind: 'exits', subject, exits: [], around: { ...ALONE, interrupts } };
  const { tables } = target.bench.system.kernel;
  const spurious = target.specOf(input)!.interrupts.filter(({ vector }) => vector === 255);
  expect(new Set(spurious.map(({ cpu }) => cpu)).size).toBe(tables.cpuCount);
});
