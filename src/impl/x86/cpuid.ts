import { featureBits } from './cpu-features.ts';
import { type Helper, intercepted, readGpr } from './operand-access.ts';
import { PHYSICAL_ADDRESS_BITS } from './paging-context.ts';
import type { Processor } from './processor.ts';
import { Cr4, Field, Gpr } from './state-layout.ts';
import { XSAVE_BYTES } from './xsave.ts';

const bits = (...positions: readonly number[]): number => positions.reduce((mask, n) => (mask | (1 << n)) >>> 0, 0);

/** Four characters as a little-endian word. */
const word = (text: string): number =>
  [...text].reduce((value, character, index) => (value | (character.charCodeAt(0) << (8 * index))) >>> 0, 0);

const words = (text: string): number[] => (text.match(/.{4}/g) ?? []).map(word);
const VENDOR = words('GenuineIntel') as [number, number, number];
const BRAND = words('muencheck virtual x86-64 processor'.padEnd(48, ' '));

/** Family 6, model 0x9E, stepping 9, as a Muen machine would have. */
const SIGNATURE = 0x000906e9;

/** Features of VMX and the local APIC: their hooks add them where they are. */
const HOOKED_ECX = bits(5, 21);
const HOOKED_EDX = bits(9);
const LEAF1_ECX = (featureBits(1, 'ecx') & ~HOOKED_ECX) >>> 0;
const LEAF1_EDX = (featureBits(1, 'edx') & ~HOOKED_EDX) >>> 0;
const LEAF7_EBX = featureBits(7, 'ebx');
const LEAF7_ECX = featureBits(7, 'ecx');
const EXTENDED_ECX = featureBits(0x8000_0001, 'ecx');
const EXTENDED_EDX = featureBits(0x8000_0001, 'edx');
/** Bytes of the line that MONITOR watches. */
const MONITOR_LINE = 64;

type Leaf = readonly [number, number, number, number];
const NONE: Leaf = [0, 0, 0, 0];

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
    case 5:
      return [MONITOR_LINE, MONITOR_LINE, 0, 0];
    case 7:
      return subleaf === 0 ? [0, LEAF7_EBX, LEAF7_ECX, 0] : NONE;
    case 0xd:
      return subleaf === 0 ? [1, XSAVE_BYTES, XSAVE_BYTES, 0] : NONE;
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
