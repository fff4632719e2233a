import type { CheckContext } from '../../src/engine/property.ts';
import type { Iommu as IommuUnit } from '../../src/impl/platform/iommu.ts';
import { Iommu } from '../../src/impl/platform/iommu.ts';
import type { Processor } from '../../src/impl/platform/processor.ts';
import type { Seams } from '../../src/impl/seams.ts';
import { type BootCase, bootOnce, bootProperty } from './boot-property.ts';

/** Offsets in the crash-audit page (Muen "Crash audit"): first dump, its reason, validity and init context. */
const DUMP = 104;
const REASON = DUMP + 8;
const VALIDITY = DUMP + 17;
const INIT = DUMP + 1252;
const INIT_FAILURE = 0x3000;
const INIT_VALID = 8;

/** A defect of the hardware, and the one bit of the init context that it must clear: byte behind its start, and bit. */
interface Defect {
  readonly name: string;
  readonly byte: number;
  readonly bit: number;
  processor?(healthy: Processor): Processor;
  unit?(healthy: IommuUnit['spec']): IommuUnit['spec'];
}

type Register = 'eax' | 'ebx' | 'ecx' | 'edx';
const REGISTERS: readonly Register[] = ['eax', 'ebx', 'ecx', 'edx'];

const withCpuid =
  (leaf: number, register: Register, change: (word: number) => number) =>
  (healthy: Processor): Processor => ({
    ...healthy,
    cpuid(asked, subleaf) {
      const words = [...healthy.cpuid(asked, subleaf)] as [number, number, number, number];
      const index = REGISTERS.indexOf(register);
      if (asked === leaf && subleaf === 0) words[index] = change(words[index]!) >>> 0;
      return words;
    },
  });
const withMsr =
  (index: number, low: number) =>
  (healthy: Processor): Processor => ({ ...healthy, msr: asked => (asked === index ? [low, 0] : healthy.msr(asked)) });
const without =
  (bit: number) =>
  (word: number): number =>
    word & ~(1 << bit);

/** One defect per bit of the init context, in the order of the documented layout. */
const DEFECTS: readonly Defect[] = [
  { name: 'a processor without VMX', byte: 0, bit: 0, processor: withCpuid(1, 'ecx', without(5)) },
  { name: 'VMX locked off', byte: 0, bit: 1, processor: withMsr(0x3a, 1) },
  {
    name: 'CR0.PE clear',
    byte: 0,
    bit: 2,
    // The bit that VMX operation fixes is left out, so that nothing else fails.
    processor: healthy => ({ ...withMsr(0x486, 0)(healthy), cr0: (healthy.cr0 & ~1) >>> 0 }),
  },
  {
    name: 'CR0.PG clear',
    byte: 0,
    bit: 3,
    processor: healthy => ({ ...withMsr(0x486, 0)(healthy), cr0: healthy.cr0 & 0x7fff_ffff }),
  },
  { name: 'EFER.LMA clear', byte: 0, bit: 4, processor: healthy => ({ ...healthy, efer: healthy.efer & ~0x400 }) },
  { name: 'a processor without x2APIC', byte: 0, bit: 5, processor: withCpuid(1, 'ecx', without(21)) },
  { name: 'a processor without local APIC', byte: 0, bit: 5, processor: withCpuid(1, 'edx', without(9)) },
  { name: 'a CR0 that VMX operation refuses', byte: 0, bit: 6, processor: withMsr(0x487, 0xffff_0000) },
  { name: 'a CR4 that VMX operation refuses', byte: 0, bit: 7, processor: withMsr(0x489, 0x2000) },
  { name: 'virtual-8086 mode', byte: 1, bit: 0, processor: healthy => ({ ...healthy, rflags: 0x2_0002 }) },
  { name: 'a TSC that stops', byte: 1, bit: 1, processor: withCpuid(0x8000_0007, 'edx', without(8)) },
  { name: 'a processor without XSAVE', byte: 2, bit: 0, processor: withCpuid(0xd, 'eax', without(0)) },
  { name: 'an XSAVE area beyond the FPU page', byte: 2, bit: 1, processor: withCpuid(0xd, 'ecx', () => 4096) },
  { name: 'no machine-check exception', byte: 3, bit: 0, processor: withCpuid(1, 'edx', without(7)) },
  { name: 'no machine-check architecture', byte: 3, bit: 1, processor: withCpuid(1, 'edx', without(14)) },
  { name: '21 machine-check banks', byte: 3, bit: 2, processor: withMsr(0x179, 21) },
  { name: 'an IOMMU of version 0', byte: 5, bit: 0, unit: spec => ({ ...spec, version: 0 }) },
  { name: 'an IOMMU with 64 domains', byte: 5, bit: 1, unit: spec => ({ ...spec, domains: 64 }) },
  {
    name: 'an IOMMU of another address width',
    byte: 5,
    bit: 2,
    unit: spec => ({ ...spec, addressWidth: spec.addressWidth === 48 ? 39 : 48 }),
  },
  {
    name: 'an IOMMU without interrupt remapping',
    byte: 5,
    bit: 3,
    unit: spec => ({ ...spec, remapsInterrupts: false }),
  },
  {
    name: 'an IOMMU without extended interrupts',
    byte: 5,
    bit: 4,
    unit: spec => ({ ...spec, extendedInterrupts: false }),
  },
  { name: 'an IOMMU with more fault records', byte: 5, bit: 5, unit: spec => ({ ...spec, faultRecords: 8 }) },
  {
    name: 'fault records elsewhere',
    byte: 5,
    bit: 6,
    unit: spec => ({ ...spec, faultRecordOffset: spec.faultRecordOffset + 0x10 }),
  },
  {
    name: 'an IOTLB register elsewhere',
    byte: 5,
    bit: 7,
    unit: spec => ({ ...spec, iotlbOffset: spec.iotlbOffset + 0x10 }),
  },
];

/** Bytes of the init context when all is well: system 0..9, FPU 0..1, machine check 0..2, units, a byte per unit. */
const healthyBytes = (units: number): number[] => [
  0xff,
  0x03,
  0x03,
  0x07,
  units,
  ...Array.from({ length: units }, () => 0xff),
];

function withDefect(seams: Seams, { processor, unit }: Defect): Seams {
  const { machine } = seams;
  let created = 0;
  return {
    ...seams,
    machine: {
      ...machine,
      describeProcessor: document =>
        processor?.(machine.describeProcessor(document)) ?? machine.describeProcessor(document),
      createIommu(spec) {
        created += 1;
        return unit === undefined || created > 1 ? machine.createIommu(spec) : new Iommu(spec, unit(spec));
      },
    },
  };
}

function judge(context: CheckContext, defect: Defect): string {
  const booted = bootOnce(context, withDefect(context.seams, defect));
  if (typeof booted === 'string') return booted;
  const { kernel } = booted;
  if (!booted.halted || kernel.platform.power !== 'panic') return 'the kernel starts all the same';
  if (kernel.at.crashAuditSlot < 0) return '';
  const byte = (offset: number): number => kernel.memory.readByte(kernel.at.crashAuditSlot, offset);
  const reason = byte(REASON) + 256 * byte(REASON + 1);
  if (reason !== INIT_FAILURE) return `the crash audit has reason 0x${reason.toString(16)}, not 0x3000`;
  if (byte(VALIDITY) !== INIT_VALID) return `the crash audit has validity ${byte(VALIDITY)}, not ${INIT_VALID}`;
  const expected = healthyBytes(kernel.platform.iommus.length);
  expected[defect.byte]! &= ~(1 << defect.bit);
  const wrong = expected.findIndex((value, index) => byte(INIT + index) !== value);
  return wrong < 0
    ? ''
    : `byte ${wrong} of the init context is 0x${byte(INIT + wrong).toString(16)}, not 0x${expected[wrong]!.toString(16)}`;
}

/** Every start-up check, made to fail by one defect of the hardware. */
export const startUpChecks = bootProperty({
  id: 'boot/start-up-checks',
  claim:
    'A processor or remapping unit that lacks what the kernel needs stops the boot with crash audit 0x3000, which shows exactly the failed check.',
  killedBy: ['paging-check-tests-pe', 'fault-offset-unchecked'],
  witness: { id: 'defect', description: 'a defect of the hardware was tried' },
  cases: (context): readonly BootCase[] => {
    const hasUnits = context.document.hardware.devices.some(device =>
      device.capabilities.some(row => row.name === 'iommu'),
    );
    return DEFECTS.filter(defect => defect.unit === undefined || hasUnits).map(defect => ({
      name: defect.name,
      run: () => judge(context, defect),
    }));
  },
});
