import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { unwindPolicy } from '../../src/explore/policy-unwinding.ts';
import { flowGraph } from '../../src/model/flow-policy.ts';
import { type KernelConfig, kernelConfig } from '../../src/model/kernel-config.ts';
import { policyDomains } from '../../src/model/policy-domains.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { defined } from '../../src/units/invariant.ts';

const LIMITS = { maxStates: 20_000, interrupts: true };

function read(scenario: string) {
  const parsed = parsePolicy(readFileSync(new URL(`../../scenarios/${scenario}/policy.xml`, import.meta.url)));
  if (!parsed.ok) throw new Error('the policy does not parse');
  const config = kernelConfig(parsed.value.document);
  return { config, domains: policyDomains(config, flowGraph(parsed.value.document)) };
}

describe('unwinding of policies', () => {
  it.each([
    ['two-subjects', 0],
    ['log-channel', 83],
    ['genode-log', 129],
    ['device-domains', 256],
  ])('%s: the flows that it declares are all there are', (scenario, states) => {
    const { config, domains } = read(scenario);
    const result = unwindPolicy(config, domains, LIMITS);
    expect(result.failure).toBeUndefined();
    expect(result.complete).toBe(true);
    if (states > 0) expect(result.states).toBe(states);
    expect(result.checks).toBeGreaterThan(result.steps);
  });

  it('is inconclusive when there are too many states', () => {
    const { config, domains } = read('log-channel');
    expect(unwindPolicy(config, domains, { ...LIMITS, maxStates: 10 })).toMatchObject({ complete: false });
  });

  /** A system that differs from its policy in one place. */
  const tampered = (change: (config: KernelConfig) => KernelConfig) => {
    const { config, domains } = read('two-subjects');
    return unwindPolicy(change(config), domains, LIMITS);
  };
  const alice = 0;
  const retarget = (config: KernelConfig, target: number): KernelConfig => ({
    ...config,
    vmcalls: config.vmcalls.with(
      alice,
      config.vmcalls[alice]!.map(entry => (entry.target >= 0 ? { ...entry, target } : entry)),
    ),
  });

  it('finds an event that goes to another subject than the policy says, with two runs', () => {
    const { config } = read('two-subjects');
    const bob = config.subjectNames.indexOf('bob');
    const failure = defined(tampered(its => retarget(its, bob)).failure, 'failure');
    expect(failure).toMatchObject({ condition: 'local respect', observer: 'bob', actor: 'alice' });
    expect(failure.left).toEqual([...failure.right, failure.step]);
    expect(failure.leftView).not.toBe(failure.rightView);
  });

  it('finds a flow that happens and is not declared, by the shortest run', () => {
    const { config, domains } = read('genode-log');
    const mute = { ...domains, mayFlow: (from: number, to: number) => from === to };
    const failure = defined(unwindPolicy(config, mute, LIMITS).failure, 'failure');
    expect(failure.condition).toBe('local respect');
    expect(failure.left.length).toBeLessThanOrEqual(2);
  });
});
