import type { SubjectId } from '../../units/ids.ts';
import type { Cpu } from '../cpu.ts';
import { FRAME_WORDS } from '../memory.ts';
import { VM_SUCCEED } from '../vmx/hosted-vmx.ts';
import { vmcsWord } from '../vmx/vmcs.ts';
import { VmxFailure, type VmxOperation } from '../vmx/vmx-failure.ts';
import { slotAddress } from '../vmx/vmx-unit.ts';
import { AuditReason } from './crash-audit-layout.ts';
import type { Kernel, Segments } from './kernel-context.ts';

/** VMX instructions of the kernel; each must succeed, else the kernel records why and resets the machine (Muen SK.VMX). */

const INSTRUCTION_ERROR = vmcsWord('INSTRUCTION_ERROR');
const FEATURE_CONTROL = 0x3a;
const FEATURE_LOCKED = 1;
/** VMX outside of SMX on, inside off, locked: what the kernel writes where the firmware has left the register open. */
const FEATURE_VMX = 5;
const CR4_OSFXSR = 1 << 9;
const CR4_OSXSAVE = 1 << 18;
const CR4_MCE = 1 << 6;
const CR4_VMXE = 1 << 13;

/** CR4 of the kernel once it is initialised. */
export const kernelCr4 = ({ platform }: Kernel): number =>
  (platform.processor.cr4 | CR4_OSFXSR | CR4_OSXSAVE | CR4_MCE | CR4_VMXE) >>> 0;

/** BSP, before any other CPU starts: zeroed VMXON regions with the revision of the processor. */
export function prepareVmxonRegions({ memory, at, platform }: Kernel): void {
  for (const slot of at.vmxonSlots) {
    memory.fillWords(slot, 0, FRAME_WORDS, 0);
    memory.writeWord(slot, 0, platform.vmx.capabilities.revision);
  }
}

/** VMX operation of one CPU (Muen Enter_VMX_Root). */
export function enableVmx(kernel: Kernel, cpu: Cpu): void {
  const { processor, vmx } = kernel.platform;
  const [control] = processor.msr(FEATURE_CONTROL);
  const featureControl = (control & FEATURE_LOCKED) !== 0 ? control : FEATURE_VMX;
  const address = slotAddress(kernel.memory, kernel.at.vmxonSlots[cpu.id]!);
  const registers = { cr0: processor.cr0, cr4: kernelCr4(kernel), featureControl };
  demand('vmxon', vmx.vmxon(cpu, address, registers), address);
}

/** VMPTRLD of the subject's VMCS. */
export function loadVmcs(kernel: Kernel, cpu: Cpu, subject: SubjectId): void {
  const address = kernel.tables.subjects[subject]!.pages.vmcs;
  demand('vmptrld', kernel.platform.vmx.vmptrld(cpu, address), address);
}

export function clearVmcs(kernel: Kernel, cpu: Cpu, subject: SubjectId): void {
  const address = kernel.tables.subjects[subject]!.pages.vmcs;
  demand('vmclear', kernel.platform.vmx.vmclear(cpu, address), address);
}

/** Enters the subject whose VMCS is current: VMRESUME, and VMLAUNCH if that falls through. */
export function enterSubject(kernel: Kernel, cpu: Cpu): void {
  const { vmx } = kernel.platform;
  if (vmx.enter(cpu, false) === VM_SUCCEED) return;
  demand('entry', vmx.enter(cpu, true), -1);
}

function demand(operation: VmxOperation, outcome: number, operand: number): void {
  if (outcome !== VM_SUCCEED) throw new VmxFailure(operation, Math.max(0, outcome), operand);
}

const REASONS: Readonly<Record<VmxOperation, AuditReason>> = {
  vmxon: AuditReason.vtxRootMode,
  entry: AuditReason.vtxEntry,
  vmclear: AuditReason.vtxClear,
  vmptrld: AuditReason.vtxLoad,
  vmwrite: AuditReason.vtxWrite,
  vmread: AuditReason.vtxRead,
};

/** A VMX instruction of the kernel failed: crash audit with the current VMCS and the instruction error, without them before VMX operation. */
export function* handleVmxFailure(kernel: Kernel, cpu: Cpu, failure: VmxFailure): Segments {
  const { operation, operand } = failure;
  const subject = kernel.at.vmcsSlots.indexOf(cpu.vmcsSlot);
  const isCurrent = cpu.vmcsSlot >= 0;
  yield* kernel.ops.crash(kernel, cpu, {
    reason: REASONS[operation],
    text: `${failure.message} on CPU ${cpu.id}`,
    ...(operation === 'vmxon'
      ? {}
      : {
          vtx: {
            ...(isCurrent && subject >= 0 ? { activeVmcs: kernel.tables.subjects[subject]!.pages.vmcs } : {}),
            ...(isCurrent ? { error: kernel.memory.readWord(cpu.vmcsSlot, INSTRUCTION_ERROR) } : {}),
            ...(operation === 'vmclear' || operation === 'vmptrld' ? { requestedVmcs: operand } : {}),
            ...(operation === 'vmwrite' || operation === 'vmread' ? { field: operand } : {}),
          },
        }),
  });
}
