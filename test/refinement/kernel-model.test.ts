import { expect, test } from 'vitest';
import { schedulingStepRefinement } from '../../properties/scheduling/step-refinement.ts';
import { initialPage } from '../../src/refinement/initial-page.ts';
import { kernelModel } from '../../src/refinement/kernel-model.ts';
import { runAll, scenarioContext } from '../properties/scenario-context.ts';

test('a policy with a microcode region has something that is not modelled, and runs count it', () => {
  const context = scenarioContext('two-subjects', undefined, 8);
  expect(kernelModel(context.document).unspecified).toEqual([]);
  const [first] = context.document.memory;
  const region = { ...first!, name: 'microcode', type: 'kernel_microcode' as const, physicalAddress: 0x7000_0000 };
  const document = { ...context.document, memory: [...context.document.memory, region] };
  const [result] = runAll(schedulingStepRefinement, { ...context, document });
  expect(result!.unspecified).toEqual({ 'microcode update at boot': 1 });
});

test('the initial state page is that of the documented layout', () => {
  const { document } = scenarioContext('log-proxy');
  const guest = document.subjects.find(({ name }) => name === 'guest_vm')!;
  const words = initialPage(guest);
  const bytes = new DataView(words.buffer);
  expect(words.length).toBe(124);
  expect(bytes.getBigUint64(164, true)).toBe(guest.vcpu.gpr.rip);
  expect(bytes.getUint32(220, true)).toBe(2);
  expect(bytes.getUint32(252, true)).toBe(guest.vcpu.segments.cs?.selector);
  expect(bytes.getUint8(492)).toBe(1);
  // CR0.NE, CR4.VMXE.
  expect(bytes.getUint32(180, true) & 0x20).toBe(0x20);
  expect(bytes.getUint32(204, true) & 0x2000).toBe(0x2000);
});
