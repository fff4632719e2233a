import { describe, expect, it } from 'vitest';
import {
  CPU_FEATURES,
  type CpuidRegister,
  featureBits,
  UNANNOUNCED_FEATURES,
} from '../../../src/impl/x86/cpu-features.ts';
import { Gpr } from '../../../src/impl/x86/state-layout.ts';
import { HELPERS } from '../../../src/impl/x86/system.ts';
import { INSTRUCTIONS } from '../../../src/impl/x86/table.ts';
import { guestMachine } from '../../guests/machine.ts';

const { cpu } = guestMachine(new Uint8Array());

/** What CPUID gives on a machine with VMX and a local APIC. */
function cpuid(leaf: number): Record<CpuidRegister, number> {
  cpu.state.setGpr(Gpr.rax, BigInt(leaf));
  cpu.state.setGpr(Gpr.rcx, 0n);
  HELPERS.cpuid!(cpu);
  const [ebx, ecx, edx] = [Gpr.rbx, Gpr.rcx, Gpr.rdx].map(n => Number(cpu.state.gpr(n)));
  return { ebx: ebx!, ecx: ecx!, edx: edx! };
}

describe('CPUID announces exactly what is implemented', () => {
  it.each([
    [1, ['ecx', 'edx']],
    [7, ['ebx', 'ecx', 'edx']],
    [0x8000_0001, ['ecx', 'edx']],
  ] as const)('leaf %i is the table of features', (leaf, registers) => {
    for (const register of registers) expect(cpuid(leaf)[register], register).toBe(featureBits(leaf, register));
  });

  it('has a row for each feature of instructions', () => {
    const implemented = new Set(INSTRUCTIONS.filter(row => row.class !== 'unsupported').map(row => row.feature));
    const without = CPU_FEATURES.filter(({ name, gives }) => gives === 'rows' && !implemented.has(name));
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  it('announces the feature of every row, or says why not', () => {
    const announced = new Set(CPU_FEATURES.map(({ name }) => name));
    const rows = INSTRUCTIONS.filter(row => row.class !== 'unsupported');
    const unknown = rows.filter(({ feature }) => !announced.has(feature) && !(feature in UNANNOUNCED_FEATURES));
    expect(unknown.map(({ encoding, feature }) => `${encoding} ${feature}`)).toEqual([]);
    for (const feature of Object.keys(UNANNOUNCED_FEATURES)) {
      expect(announced.has(feature), feature).toBe(false);
      expect(
        rows.some(row => row.feature === feature),
        feature,
      ).toBe(true);
    }
  });
});
