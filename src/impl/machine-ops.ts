import { type Gpa, hpa, type SubjectAddress } from '../units/address.ts';
import { joinWords } from '../units/word.ts';
import type { Cpu } from './cpu.ts';
import { type DmaOps, dmaOps } from './dma/dma-remapping.ts';
import { GuestHooks } from './machine-code/guest-hooks.ts';
import type { PhysicalMemory } from './memory.ts';
import type { IommuSpec } from './muen/compile-platform.ts';
import { Iommu } from './platform/iommu.ts';
import { describeProcessor } from './platform/processor.ts';
import { isMsrTrapped, isPortTrapped } from './vmx/access-bitmaps.ts';
import { translateEpt } from './vmx/ept-walk.ts';
import { type CheckEntry, checkEntry } from './vmx/hosted-vmx.ts';
import { ENABLE_EPT, Vmcs } from './vmx/vmcs.ts';
import type { Platform as GuestMachine, VmxHooks } from './vmx/vmx-hooks.ts';
import type { MsrAccess } from './vmx/vmx-unit.ts';
import { type Access, translateIa32e } from './x86/paging-walk.ts';

/** Processor behaviour that a seeded fault can replace. */
export interface MachineOps {
  readonly translate: typeof translate;
  readonly checkEntry: CheckEntry;
  readonly requestInterrupt: typeof requestInterrupt;
  readonly isPortTrapped: typeof isPortTrapped;
  readonly isMsrTrapped: typeof isMsrTrapped;
  readonly describeProcessor: typeof describeProcessor;
  readonly createIommu: (spec: IommuSpec) => Iommu;
  /** How the IOMMU treats DMA. */
  readonly dma: DmaOps;
  /** What a processor does for a subject's machine code: intercepts, EPT, bitmaps, masks. */
  readonly createGuestHooks: (memory: PhysicalMemory, platform: GuestMachine, msrs: MsrAccess) => VmxHooks;
}

/** EPTP bits 51:12. */
const pageAligned = (value: number): number => value - (value % 0x1000);

/** Translates an access of the current subject through the tables that its VMCS names: Hpa, or a negative fault code. */
export function translate(memory: PhysicalMemory, cpu: Cpu, address: SubjectAddress, access: Access): number {
  if ((cpu.vmread(Vmcs.proc2Controls) & ENABLE_EPT) !== 0) {
    const eptPointer = joinWords(cpu.vmread(Vmcs.eptPointer), cpu.vmread(Vmcs.eptPointer + 1));
    return translateEpt(memory, hpa(pageAligned(eptPointer)), address as number as Gpa, access);
  }
  const cr3 = joinWords(cpu.vmread(Vmcs.cr3), cpu.vmread(Vmcs.cr3 + 1));
  return translateIa32e(memory, hpa(pageAligned(cr3)), address, access);
}

/** Requests `vector` at the local APIC of a CPU. */
export function requestInterrupt(cpu: Cpu, vector: number): void {
  cpu.requestInterrupt(vector);
}

export const machineOps: MachineOps = {
  translate,
  checkEntry,
  requestInterrupt,
  isPortTrapped,
  isMsrTrapped,
  describeProcessor,
  createIommu: spec => new Iommu(spec),
  dma: dmaOps,
  createGuestHooks: (memory, platform, msrs) => new GuestHooks(memory, platform, msrs),
};
