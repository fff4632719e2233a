import type { PolicyDocument } from '../../policy/document.ts';
import { highOfBig, lowOfBig } from '../../units/word.ts';
import { capabilitiesFrom, capabilityMsr, DEFAULT_CAPABILITIES, type VmxCapabilities } from '../vmx/capabilities.ts';

/** What start-up code can find out about a processor: CPUID, MSRs, and the control registers that the boot code has set. */
export interface Processor {
  /** EAX, EBX, ECX, EDX. */
  cpuid(leaf: number, subleaf: number): readonly [number, number, number, number];
  /** Low and high half. */
  msr(index: number): readonly [number, number];
  readonly cr0: number;
  readonly cr4: number;
  readonly efer: number;
  readonly rflags: number;
}

/** After the boot code: PE, MP, ET, NE, WP, PG; PAE; LME, LMA, NXE. */
const CR0_AFTER_BOOT = 0x8001_0033;
const CR4_AFTER_BOOT = 0x20;
const EFER_AFTER_BOOT = 0xd00;
const RFLAGS_AFTER_BOOT = 0x2;

/** What a processor that runs Muen reports where the policy's hardware section is silent. */
const USUAL_CPUID: ReadonlyMap<number, readonly [number, number, number, number]> = new Map([
  [1, [0x0005_06e3, 0x0002_0800, 0x7ffa_ebbf, 0xbfeb_fbff]],
  [0xd, [7, 0x340, 0x340, 0]],
  [0x8000_0007, [0, 0, 0, 0x100]],
]);
const USUAL_MSRS: ReadonlyMap<number, readonly [number, number]> = new Map([
  [0x3a, [5, 0]],
  [0x179, [10, 0]],
  [0x486, [0x8000_0021, 0]],
  [0x487, [0xffff_ffff, 0]],
  [0x488, [0x2000, 0]],
  [0x489, [0x0037_67ff, 0]],
]);

/** CPUID leaf of the address widths, and the width where a policy does not say. */
const ADDRESS_WIDTHS = 0x8000_0008;
const USUAL_PHYSICAL_BITS = 39;

/** VMX of a processor as its capability MSRs describe it. */
export function capabilitiesOf(processor: Processor): VmxCapabilities {
  const [eax] = processor.cpuid(ADDRESS_WIDTHS, 0);
  return capabilitiesFrom(processor.msr, eax & 0xff || USUAL_PHYSICAL_BITS);
}

/** Capability MSRs that the policy does not list. */
function usualMsr(index: number): readonly [number, number] {
  const usual = USUAL_MSRS.get(index);
  if (usual !== undefined) return usual;
  const value = capabilityMsr(DEFAULT_CAPABILITIES, index) ?? 0n;
  return [lowOfBig(value), highOfBig(value)];
}

/** The processor of a policy's hardware section. */
export function describeProcessor(document: PolicyDocument): Processor {
  const { cpuid, msrs } = document.hardware.processor;
  return {
    cpuid(leaf, subleaf) {
      const row = cpuid.find(candidate => candidate.leaf === leaf && candidate.subleaf === subleaf);
      return row === undefined ? (USUAL_CPUID.get(leaf) ?? [0, 0, 0, 0]) : [row.eax, row.ebx, row.ecx, row.edx];
    },
    msr(index) {
      const row = msrs.find(candidate => candidate.address === index);
      return row === undefined ? usualMsr(index) : [lowOfBig(row.value), highOfBig(row.value)];
    },
    cr0: CR0_AFTER_BOOT,
    cr4: CR4_AFTER_BOOT,
    efer: EFER_AFTER_BOOT,
    rflags: RFLAGS_AFTER_BOOT,
  };
}
