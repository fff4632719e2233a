import { type Helper, intercepted, readGpr } from './operand-access.ts';
import { PHYSICAL_ADDRESS_BITS } from './paging-context.ts';
import type { Processor } from './processor.ts';
import { Cr4, Field, Gpr } from './state-layout.ts';

const bits = (...positions: readonly number[]): number => positions.reduce((mask, n) => (mask | (1 << n)) >>> 0, 0);

/** Four characters as a little-endian word. */
const word = (text: string): number =>
  [...text].reduce((value, character, index) => (value | (character.charCodeAt(0) << (8 * index))) >>> 0, 0);

const words = (text: string): number[] => (text.match(/.{4}/g) ?? []).map(word);
const VENDOR = words('GenuineIntel') as [number, number, number];
const BRAND = words('muencheck virtual x86-64 processor'.padEnd(48, ' '));

/** Family 6, model 0x9E, stepping 9, as a Muen machine would have. */
const SIGNATURE = 0x000906e9;

/** Feature bits (SDM Vol. 2A, CPUID): what the instruction table has, nothing else. */
const LEAF1_ECX = bits(13, 17, 20, 22, 23, 26);
const LEAF1_EDX = bits(2, 3, 4, 5, 6, 8, 11, 13, 15, 16, 17, 19);
const LEAF7_EBX = bits(0, 3, 7, 8, 10, 19, 20);
const LEAF7_ECX = bits(2);
const EXTENDED_ECX = bits(0, 5, 8);
const EXTENDED_EDX = bits(11, 20, 26, 27, 29);

type Leaf = readonly [number, number, number, number];
const NONE: Leaf = [0, 0, 0, 0];

/** Names of the feature bits that CPUID announces, for the table's `feature` column. */
export const ANNOUNCED_FEATURES: readonly string[] = [
  'base',
  'cx16',
  'pcid',
  'sse4_2',
  'movbe',
  'popcnt',
  'xsave',
  'tsc',
  'msr',
  'sep',
  'cmov',
  'clflush',
  'fsgsbase',
  'bmi1',
  'smep',
  'bmi2',
  'invpcid',
  'adx',
  'smap',
  'umip',
  'lahf_lm',
  'lzcnt',
  'prefetchw',
  'syscall',
  'rdtscp',
];

function leaf(cpu: Processor, index: number, subleaf: number): Leaf {
  const hasXsaveEnabled = (cpu.state.u32(Field.cr4) & Cr4.osxsave) !== 0;
  switch (index) {
    case 0:
      return [0xd, VENDOR[0], VENDOR[2], VENDOR[1]];
    case 1:
      return [
        SIGNATURE,
        ((cpu.id << 24) | 0x0800) >>> 0,
        (LEAF1_ECX | (hasXsaveEnabled ? bits(27) : 0)) >>> 0,
        LEAF1_EDX,
      ];
    case 7:
      return subleaf === 0 ? [0, LEAF7_EBX, LEAF7_ECX, 0] : NONE;
    case 0xd:
      return subleaf === 0 ? [1, 576, 576, 0] : NONE;
    case 0x8000_0000:
      return [0x8000_0008, 0, 0, 0];
    case 0x8000_0001:
      return [0, 0, EXTENDED_ECX, EXTENDED_EDX];
    case 0x8000_0002:
    case 0x8000_0003:
    case 0x8000_0004: {
      const at = (index - 0x8000_0002) * 4;
      return [BRAND[at]!, BRAND[at + 1]!, BRAND[at + 2]!, BRAND[at + 3]!];
    }
    case 0x8000_0007:
      return [0, 0, 0, bits(8)];
    case 0x8000_0008:
      return [(48 << 8) | PHYSICAL_ADDRESS_BITS, 0, 0, 0];
    default:
      return NONE;
  }
}

const registers = new Uint32Array(4);

const cpuid: Helper = cpu => {
  intercepted(cpu, { kind: 'cpuid' });
  const index = Number(readGpr(cpu, Gpr.rax, 4));
  const subleaf = Number(readGpr(cpu, Gpr.rcx, 4));
  // A leaf above the highest basic one gives the data of that one.
  const isExtended = index >= 0x8000_0000;
  const known = isExtended ? index : Math.min(index, 0xd);
  registers.set(leaf(cpu, known, subleaf));
  cpu.hooks.cpuid(cpu, known, subleaf, registers);
  [Gpr.rax, Gpr.rbx, Gpr.rcx, Gpr.rdx].forEach((register, at) => {
    cpu.state.setGpr(register, BigInt(registers[at]!));
  });
  return false;
};

export const CPUID_HELPERS: Readonly<Record<string, Helper>> = { cpuid };
