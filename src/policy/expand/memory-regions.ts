import { childrenNamed, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import {
  KERNEL_BSS,
  KERNEL_DATA,
  KERNEL_GLOBAL_DATA,
  KERNEL_INTERRUPT_STACK,
  KERNEL_RO,
  KERNEL_STACK,
  KERNEL_TEXT,
  PAGE_BYTES,
  TRAMPOLINE_ADDRESS,
  VMXON_ADDRESS,
} from './layout.ts';
import { activeCpuCount } from './processors.ts';
import { addRegion, type NewRegion, setAttribute, word } from './regions.ts';
import { partitionsOf } from './scheduling-ids.ts';
import { nameOf, subjectsOf } from './subjects.ts';

/** Regions without alignment or type get the usual ones. */
export function addMissingAttributes(workspace: Workspace): void {
  for (const region of childrenNamed(workspace.section('memory'), 'memory')) {
    if (region.attributes.alignment === undefined) setAttribute(region, 'alignment', word(PAGE_BYTES));
    if (region.attributes.type === undefined) setAttribute(region, 'type', 'subject');
  }
}

/** What the kernel's regions are there for, where findings about them point. */
const kernelCause = (workspace: Workspace): TreeElement => workspace.section('memory');

/** A part of the kernel's image, at its own address; `from` gives the place in the file. */
function imagePart(name: string, part: { address: number; sizeBytes: number }, physical = true): NewRegion {
  return {
    name,
    sizeBytes: part.sizeBytes,
    type: 'kernel_binary',
    file: { name: 'kernel', offset: part.address - KERNEL_TEXT.address },
    ...(physical ? { physicalAddress: part.address } : {}),
  };
}

/** Adds the parts of the kernel's image that all CPUs share. */
export function addKernelSharedMemory(workspace: Workspace): void {
  const cause = kernelCause(workspace);
  addRegion(workspace, cause, imagePart('kernel_text', KERNEL_TEXT));
  addRegion(workspace, cause, imagePart('kernel_global_data', KERNEL_GLOBAL_DATA));
  addRegion(workspace, cause, imagePart('kernel_ro', KERNEL_RO));
}

/** Adds the data of each CPU's kernel; that of the first lies where the image has it. */
export function addKernelCpuMemory(workspace: Workspace): void {
  const cause = kernelCause(workspace);
  for (let cpu = 0; cpu < activeCpuCount(workspace); cpu++) {
    const isFirst = cpu === 0;
    addRegion(workspace, cause, imagePart(`kernel_data_${cpu}`, KERNEL_DATA, isFirst));
    addRegion(workspace, cause, {
      name: `kernel_bss_${cpu}`,
      sizeBytes: KERNEL_BSS.sizeBytes,
      type: 'kernel_binary',
      zero: true,
      ...(isFirst ? { physicalAddress: KERNEL_BSS.address } : {}),
    });
  }
}

export function addKernelStacks(workspace: Workspace): void {
  const cause = kernelCause(workspace);
  for (let cpu = 0; cpu < activeCpuCount(workspace); cpu++) {
    addRegion(workspace, cause, { name: `kernel_stack_${cpu}`, sizeBytes: KERNEL_STACK.sizeBytes, type: 'kernel' });
    const sizeBytes = KERNEL_INTERRUPT_STACK.sizeBytes;
    addRegion(workspace, cause, { name: `kernel_interrupt_stack_${cpu}`, sizeBytes, type: 'kernel' });
  }
}

/** Adds one page of `type` for each subject. */
function addSubjectPages(workspace: Workspace, suffix: string, type: string): void {
  for (const subject of subjectsOf(workspace)) {
    addRegion(workspace, subject, { name: `${nameOf(subject)}|${suffix}`, sizeBytes: PAGE_BYTES, type });
  }
}

export const addSubjectStates = (workspace: Workspace): void => addSubjectPages(workspace, 'state', 'subject_state');
export const addTimedEventPages = (workspace: Workspace): void =>
  addSubjectPages(workspace, 'timed_event', 'subject_timed_event');
export const addInterruptPages = (workspace: Workspace): void =>
  addSubjectPages(workspace, 'interrupts', 'subject_interrupts');
export const addFpuStates = (workspace: Workspace): void => addSubjectPages(workspace, 'fpu', 'kernel_fpu');
export const addVmcsRegions = (workspace: Workspace): void => addSubjectPages(workspace, 'vmcs', 'kernel_vmcs');

/** Adds the page through which tau0 tells the kernels the next major frame. */
export function addTau0Interface(workspace: Workspace): void {
  const cause = kernelCause(workspace);
  addRegion(workspace, cause, { name: 'sys_interface', sizeBytes: PAGE_BYTES, type: 'kernel_interface', zero: true });
}

/** Adds the page where application processors start. */
export function addTrampoline(workspace: Workspace): void {
  const physicalAddress = TRAMPOLINE_ADDRESS;
  const region = { name: 'trampoline', sizeBytes: PAGE_BYTES, type: 'system', physicalAddress };
  addRegion(workspace, kernelCause(workspace), region);
}

/** Adds the VMXON regions, one after the other in low memory (SDM Vol. 3C, "VMXON Region"). */
export function addVmxonRegions(workspace: Workspace): void {
  for (let cpu = 0; cpu < activeCpuCount(workspace); cpu++) {
    const physicalAddress = VMXON_ADDRESS + cpu * PAGE_BYTES;
    const region = { name: `kernel_${cpu}|vmxon`, sizeBytes: PAGE_BYTES, type: 'system_vmxon', physicalAddress };
    addRegion(workspace, kernelCause(workspace), region);
  }
}

/** Adds the I/O and MSR bitmaps of each subject (SDM Vol. 3C, "I/O-Bitmap Addresses", "MSR-Bitmap Address"). */
export function addSubjectBitmaps(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    const name = nameOf(subject);
    const [io, msr] = [2 * PAGE_BYTES, PAGE_BYTES];
    addRegion(workspace, subject, { name: `${name}|iobm`, sizeBytes: io, type: 'system_iobm', zero: true });
    addRegion(workspace, subject, { name: `${name}|msrbm`, sizeBytes: msr, type: 'system_msrbm', zero: true });
  }
}

/** Adds a page of scheduling information for each partition. */
export function addSchedulingInfoRegions(workspace: Workspace): void {
  for (const partition of partitionsOf(workspace)) {
    const name = `scheduling_info_${partition.attributes.id}`;
    addRegion(workspace, partition, { name, sizeBytes: PAGE_BYTES, type: 'subject_scheduling_info' });
  }
}
