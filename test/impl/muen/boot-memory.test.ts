import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { findScenario } from '../../../scenarios/index.ts';
import { createSystem } from '../../../src/impl/create-system.ts';
import { GLOBAL_IO_APIC_LOCK } from '../../../src/impl/muen/kernel-memory.ts';
import { currentSubject, currentXcr0 } from '../../../src/impl/muen/scheduling-state.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';

const scenario = findScenario('log-proxy');
if (!scenario.ok || scenario.value === undefined) throw new Error('scenario log-proxy');
const parsed = parsePolicy(readFileSync(scenario.value.policyPath));
if (!parsed.ok) throw new Error('log-proxy');
const { document } = parsed.value;

/** The same policy with kernel memory that is filled with a pattern instead of zeros. */
const patterned: PolicyDocument = {
  ...document,
  memory: document.memory.map(region =>
    /^kernel_(bss|data|global_data)/.test(region.name)
      ? { ...region, content: { kind: 'fill', pattern: 0x5a } }
      : region,
  ),
};

it('boots with kernel memory that the policy fills with a pattern as with one that is zero', () => {
  const filled = patterned.memory.filter(({ content }) => content?.kind === 'fill' && content.pattern === 0x5a);
  expect(filled.length).toBeGreaterThan(2);
  const [usual, other] = [document, patterned].map(policy => {
    const created = createSystem(policy, defaultSeams);
    if (!created.ok) throw new Error(created.error[0]!.message);
    const { kernel } = created.value;
    return kernel.cpus.map(cpu => ({
      subject: currentSubject(kernel, cpu),
      xcr0: currentXcr0(kernel, cpu.id),
      lock: kernel.memory.readWord(kernel.at.globalSlot, GLOBAL_IO_APIC_LOCK),
    }));
  });
  expect(other).toEqual(usual);
});
