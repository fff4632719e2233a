import { describe, expect, it } from 'vitest';
import { writeCr4 } from '../../../src/impl/x86/control-registers.ts';
import {
  CPU_FEATURES,
  type CpuidRegister,
  featureBits,
  UNANNOUNCED_FEATURES,
} from '../../../src/impl/x86/cpu-features.ts';
import { writeMsr } from '../../../src/impl/x86/msr.ts';
import { Gpr } from '../../../src/impl/x86/state-layout.ts';
import { HELPERS } from '../../../src/impl/x86/system.ts';
import { INSTRUCTIONS } from '../../../src/impl/x86/table.ts';
import { UNWIND } from '../../../src/impl/x86/unwind.ts';
import { guestMachine } from '../../guests/machine.ts';
import { featureCases } from '../../oracle/iced-features.ts';

const { cpu } = guestMachine(new Uint8Array());

/** What CPUID gives on a machine with VMX and a local APIC. */
function cpuid(leaf: number): Record<CpuidRegister, number> {
  cpu.state.setGpr(Gpr.rax, BigInt(leaf));
  cpu.state.setGpr(Gpr.rcx, 0n);
  HELPERS.cpuid!(cpu);
  const [ebx, ecx, edx] = [Gpr.rbx, Gpr.rcx, Gpr.rdx].map(n => Number(cpu.state.gpr(n)));
  return { ebx: ebx!, ecx: ecx!, edx: edx! };
}

/** Names of iced-x86 that are not ours in small letters; those of old processors, and what is named after them, are the base. */
const ICED_NAMES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['INTEL8086', 'INTEL186', 'INTEL286', 'INTEL386', 'INTEL486', 'X64', 'CPUID', 'MULTIBYTENOP', 'PAUSE', 'RDPMC'].map(
      name => [name, 'base'],
    ),
  ),
  CLFSH: 'clflush',
  CMPXCHG16B: 'cx16',
};
/** Encodings whose feature is not the one that iced-x86 names: mnemonics, what iced-x86 says, and why. */
const OTHER_FEATURES: readonly { readonly mnemonics: RegExp; readonly iced: RegExp; readonly reason: string }[] = [
  { mnemonics: /^(lahf|sahf)$/, iced: /^INTEL8086$/, reason: 'the bit is about 64-bit mode alone' },
  { mnemonics: /^cmpxchg8b$/, iced: /^CX8$/, reason: 'one row with CMPXCHG16B; both are announced' },
  { mnemonics: /^(invept|invvpid)$/, iced: /^VMX\+/, reason: 'enumerated by IA32_VMX_EPT_VPID_CAP, not by CPUID' },
  { mnemonics: /^wbinvd$/, iced: /^WBNOINVD$/, reason: 'F3 is ignored without WBNOINVD' },
  {
    mnemonics: /^(reservednop|endbr..)$/,
    iced: /^(CET_IBT|CET_SS|CLDEMOTE|PREFETCHITI|PREFETCHW|PREFETCHWT1)$/,
    reason: 'a hint that is NOP on processors without the feature',
  },
];
/** Named unsupported groups that hold encodings of the base, and why. */
const UNSUPPORTED_BASE = {
  'cache-control': "register forms of 0F 0D are reserved, #UD on AMD's processors",
  x87: 'WAIT belongs to the x87 unit, which is not announced',
};

describe('CPUID announces exactly what is implemented', () => {
  it.each([
    [1, ['ecx', 'edx']],
    [7, ['ebx', 'ecx', 'edx']],
    [0x8000_0001, ['ecx', 'edx']],
  ] as const)('leaf %i is the table of features', (leaf, registers) => {
    for (const register of registers) expect(cpuid(leaf)[register], register).toBe(featureBits(leaf, register));
  });

  it('as iced-x86 names the features of encodings: rows have the same, and nothing that is announced is unsupported', () => {
    const announced = new Set([...CPU_FEATURES.map(({ name }) => name), 'base']);
    const wrong = new Set<string>();
    const explained = new Set<(typeof OTHER_FEATURES)[number]>();
    const unsupportedBase = new Set<string>();
    for (const { mnemonic, feature, theirs, bytes } of featureCases()) {
      const names = theirs.map(name => ICED_NAMES[name] ?? name.toLowerCase());
      if (feature === 'unsupported') {
        if (!names.every(name => announced.has(name))) continue;
        if (mnemonic in UNSUPPORTED_BASE) unsupportedBase.add(mnemonic);
        else wrong.add(`${mnemonic}: announced by ${theirs}, unsupported (${bytes})`);
      } else if (names.join() !== feature) {
        const known = OTHER_FEATURES.find(row => row.mnemonics.test(mnemonic) && row.iced.test(theirs.join('+')));
        if (known === undefined) wrong.add(`${mnemonic}: ${feature} here, ${theirs} in iced-x86 (${bytes})`);
        else explained.add(known);
      }
    }
    expect([...wrong]).toEqual([]);
    expect(explained.size, 'each difference is there').toBe(OTHER_FEATURES.length);
    expect([...unsupportedBase].sort()).toEqual(Object.keys(UNSUPPORTED_BASE));
  });

  it('and CR4 and EFER have the bits of what is announced', () => {
    const { cpu: fresh } = guestMachine(new Uint8Array());
    const announced = new Set(CPU_FEATURES.map(({ name }) => name));
    const isTaken = (write: () => void): boolean => {
      try {
        write();
        return true;
      } catch (error) {
        if (error !== UNWIND) throw error;
        return false;
      }
    };
    // MXCSR and SMX do not exist, PCE has no feature bit, PCIDE needs IA-32e mode.
    const bits: Readonly<Record<number, string>> = {
      ...{ 0: 'vme', 1: 'vme', 2: 'tsc', 3: 'de', 4: 'pse', 5: 'pae', 6: 'mce', 7: 'pge', 9: 'fxsr', 10: 'sse' },
      ...{
        11: 'umip',
        12: 'la57',
        13: 'vmx',
        14: 'smx',
        16: 'fsgsbase',
        18: 'xsave',
        20: 'smep',
        21: 'smap',
        22: 'pku',
      },
    };
    for (let bit = 0; bit < 32; bit++) {
      if (bit === 8 || bit === 17) continue;
      const name = bits[bit];
      const isExpected = name !== undefined && announced.has(name);
      expect(
        isTaken(() => writeCr4(fresh, 1n << BigInt(bit))),
        `CR4 bit ${bit}`,
      ).toBe(isExpected);
    }
    const efer: Readonly<Record<number, string>> = { 0: 'syscall', 8: 'lm', 11: 'nx' };
    for (let bit = 0; bit < 64; bit++) {
      // LMA is not written by software: a write of it is ignored.
      if (bit === 10) continue;
      const name = efer[bit];
      const isExpected = name !== undefined && announced.has(name);
      expect(writeMsr(fresh, 0xc000_0080, 1n << BigInt(bit)), `EFER bit ${bit}`).toBe(isExpected);
    }
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
