import type { Iommu } from '../platform/iommu.ts';
import { IommuRegister } from '../platform/iommu.ts';
import type { Processor } from '../platform/processor.ts';
import type { InitResults } from './crash-audit.ts';

/** Where the result of a check stands in the crash audit. */
export type CheckGroup = 'system' | 'fpu' | 'machineCheck' | 'iommu';

interface CheckFacts {
  readonly id: string;
  readonly title: string;
  /** Bit of its group; 1 means good. */
  readonly bit: number;
}

/** A check of the processor at start-up (Muen SK.System_State, SK.FPU, SK.MCE: Is_Valid). */
export interface ProcessorCheck extends CheckFacts {
  readonly group: Exclude<CheckGroup, 'iommu'>;
  passes(processor: Processor): boolean;
}

/** A check of a remapping unit (Muen SK.VTd: Check_State). */
export interface IommuCheck extends CheckFacts {
  readonly group: 'iommu';
  passes(unit: Iommu): boolean;
}

const hasBit = (word: number, bit: number): boolean => ((word >>> bit) & 1) === 1;
const [EAX, , ECX, EDX] = [0, 1, 2, 3];
const FEATURES = 1;
const XSAVE = 0xd;
const POWER = 0x8000_0007;
const FEATURE_CONTROL = 0x3a;
const MCG_CAP = 0x179;
const CR0_FIXED = [0x486, 0x487] as const;
const CR4_FIXED = [0x488, 0x489] as const;
const CR4_VMXE = 1 << 13;
const RFLAGS_VM = 17;
/** Bytes of the XSAVE area in a subject's FPU page. */
const AREA_BYTES = 4032;
const MAX_BANKS = 20;
const MIN_DOMAINS = 256;

/** Every bit that must be 1 is, and none that must be 0. */
function satisfies(processor: Processor, value: number, [mustBeOne, mayBeOne]: readonly [number, number]): boolean {
  const ones = processor.msr(mustBeOne)[0];
  const allowed = processor.msr(mayBeOne)[0];
  return (value & ones) >>> 0 === ones >>> 0 && (value & ~allowed) === 0;
}

/** All checks of the processor, by group and bit. */
export const PROCESSOR_CHECKS: readonly ProcessorCheck[] = [
  {
    id: 'vmx-supported',
    title: 'the processor has VMX',
    group: 'system',
    bit: 0,
    passes: processor => hasBit(processor.cpuid(FEATURES, 0)[ECX]!, 5),
  },
  {
    id: 'vmx-not-locked-off',
    title: 'IA32_FEATURE_CONTROL is not locked with VMX switched off',
    group: 'system',
    bit: 1,
    passes: processor => {
      const [low] = processor.msr(FEATURE_CONTROL);
      return !hasBit(low, 0) || hasBit(low, 2);
    },
  },
  { id: 'protected-mode', title: 'CR0.PE is set', group: 'system', bit: 2, passes: ({ cr0 }) => hasBit(cr0, 0) },
  { id: 'paging', title: 'CR0.PG is set', group: 'system', bit: 3, passes: ({ cr0 }) => hasBit(cr0, 31) },
  { id: 'ia32e-mode', title: 'EFER.LMA is set', group: 'system', bit: 4, passes: ({ efer }) => hasBit(efer, 10) },
  {
    id: 'x2apic',
    title: 'the processor has a local APIC with x2APIC mode',
    group: 'system',
    bit: 5,
    passes: processor =>
      hasBit(processor.cpuid(FEATURES, 0)[EDX]!, 9) && hasBit(processor.cpuid(FEATURES, 0)[ECX]!, 21),
  },
  {
    id: 'cr0-fixed',
    title: 'CR0 is as VMX operation wants it',
    group: 'system',
    bit: 6,
    passes: processor => satisfies(processor, processor.cr0, CR0_FIXED),
  },
  {
    id: 'cr4-fixed',
    title: 'CR4 with VMXE is as VMX operation wants it',
    group: 'system',
    bit: 7,
    passes: processor => satisfies(processor, processor.cr4 | CR4_VMXE, CR4_FIXED),
  },
  {
    id: 'not-virtual-8086',
    title: 'the processor is not in virtual-8086 mode',
    group: 'system',
    bit: 8,
    passes: ({ rflags }) => !hasBit(rflags, RFLAGS_VM),
  },
  {
    id: 'invariant-tsc',
    title: 'the TSC is invariant',
    group: 'system',
    bit: 9,
    passes: processor => hasBit(processor.cpuid(POWER, 0)[EDX]!, 8),
  },
  {
    id: 'xsave',
    title: 'XSAVE handles the x87 state',
    group: 'fpu',
    bit: 0,
    passes: processor => hasBit(processor.cpuid(FEATURES, 0)[ECX]!, 26) && hasBit(processor.cpuid(XSAVE, 0)[EAX]!, 0),
  },
  {
    id: 'xsave-area',
    title: 'the XSAVE area fits into a FPU page',
    group: 'fpu',
    bit: 1,
    passes: processor => processor.cpuid(XSAVE, 0)[ECX]! <= AREA_BYTES,
  },
  {
    id: 'machine-check-exception',
    title: 'the processor has machine-check exceptions',
    group: 'machineCheck',
    bit: 0,
    passes: processor => hasBit(processor.cpuid(FEATURES, 0)[EDX]!, 7),
  },
  {
    id: 'machine-check-architecture',
    title: 'the processor has the machine-check architecture',
    group: 'machineCheck',
    bit: 1,
    passes: processor => hasBit(processor.cpuid(FEATURES, 0)[EDX]!, 14),
  },
  {
    id: 'machine-check-banks',
    title: 'the processor has at most 20 machine-check banks',
    group: 'machineCheck',
    bit: 2,
    passes: processor => (processor.msr(MCG_CAP)[0] & 0xff) <= MAX_BANKS,
  },
];

const capability = (unit: Iommu): readonly [number, number] => [
  unit.read(IommuRegister.capability),
  unit.read(IommuRegister.capability + 4),
];
const extended = (unit: Iommu): number => unit.read(IommuRegister.extendedCapability);

/** All checks of a remapping unit, by bit. */
export const IOMMU_CHECKS: readonly IommuCheck[] = [
  {
    id: 'iommu-version',
    title: 'the remapping unit has version 1 or later',
    group: 'iommu',
    bit: 0,
    passes: unit => ((unit.read(IommuRegister.version) >>> 4) & 0xf) >= 1,
  },
  {
    id: 'iommu-domains',
    title: 'the remapping unit has at least 256 domains',
    group: 'iommu',
    bit: 1,
    passes: unit => 2 ** (4 + 2 * (capability(unit)[0] & 7)) >= MIN_DOMAINS,
  },
  {
    id: 'iommu-address-width',
    title: 'the remapping unit supports the address width of the policy',
    group: 'iommu',
    bit: 2,
    passes: unit => hasBit(capability(unit)[0], unit.expected.addressWidth === 48 ? 10 : 9),
  },
  {
    id: 'iommu-interrupt-remapping',
    title: 'the remapping unit remaps interrupts',
    group: 'iommu',
    bit: 3,
    passes: unit => hasBit(extended(unit), 3),
  },
  {
    id: 'iommu-extended-interrupts',
    title: 'the remapping unit has extended interrupt mode',
    group: 'iommu',
    bit: 4,
    passes: unit => hasBit(extended(unit), 4),
  },
  {
    id: 'iommu-fault-records',
    title: 'the remapping unit has as many fault-recording registers as the policy says',
    group: 'iommu',
    bit: 5,
    passes: unit => ((capability(unit)[1] >>> 8) & 0xff) + 1 === unit.expected.faultRecords,
  },
  {
    id: 'iommu-fault-offset',
    title: 'the fault-recording registers are where the policy says',
    group: 'iommu',
    bit: 6,
    passes: unit => {
      const [low, high] = capability(unit);
      return ((low >>> 24) | ((high & 3) << 8)) << 4 === unit.expected.faultRecordOffset;
    },
  },
  {
    id: 'iommu-iotlb-offset',
    title: 'the IOTLB register is where the policy says',
    group: 'iommu',
    bit: 7,
    passes: unit => (((extended(unit) >>> 8) & 0x3ff) << 4) + 8 === unit.expected.iotlbOffset,
  },
];

/** Results of all checks, as the crash audit has them. */
export function runInitChecks(
  processor: Processor,
  units: readonly Iommu[],
  processorChecks: readonly ProcessorCheck[] = PROCESSOR_CHECKS,
  iommuChecks: readonly IommuCheck[] = IOMMU_CHECKS,
): InitResults {
  const groupBits = (group: ProcessorCheck['group']): number =>
    processorChecks.reduce(
      (bits, check) => (check.group === group && check.passes(processor) ? bits | (1 << check.bit) : bits),
      0,
    );
  return {
    system: groupBits('system'),
    fpu: groupBits('fpu'),
    machineCheck: groupBits('machineCheck'),
    iommus: units.map(unit =>
      iommuChecks.reduce((bits, check) => (check.passes(unit) ? bits | (1 << check.bit) : bits), 0),
    ),
  };
}

/** Title of the first check that failed, empty if all passed. */
export function failedCheck(results: InitResults): string {
  const bits = { system: results.system, fpu: results.fpu, machineCheck: results.machineCheck };
  const inProcessor = PROCESSOR_CHECKS.find(check => !hasBit(bits[check.group], check.bit));
  if (inProcessor !== undefined) return inProcessor.title;
  for (const unit of results.iommus) {
    const found = IOMMU_CHECKS.find(check => !hasBit(unit, check.bit));
    if (found !== undefined) return found.title;
  }
  return '';
}
