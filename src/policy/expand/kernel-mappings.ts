import { childNamed, childrenNamed, createElement, insertBefore, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import {
  CRASH_AUDIT_ADDRESS,
  FPU_STATES_ADDRESS,
  INTERRUPTS_ADDRESS,
  KERNEL_BSS,
  KERNEL_DATA,
  KERNEL_GLOBAL_DATA,
  KERNEL_INTERRUPT_STACK,
  KERNEL_RO,
  KERNEL_STACK,
  KERNEL_TEXT,
  MICROCODE_ADDRESS,
  MSR_STORES_ADDRESS,
  PAGE_BYTES,
  SCHEDULING_INFO_ADDRESS,
  SUBJECT_STATES_ADDRESS,
  TAU0_INTERFACE_ADDRESS,
  TIMED_EVENTS_ADDRESS,
  VMCS_ADDRESS,
} from './layout.ts';
import { activeCpuCount } from './processors.ts';
import { mappingElement } from './regions.ts';
import { partitionsOf } from './scheduling-ids.ts';
import { nameOf, subjectsOf } from './subjects.ts';

/** Adds the kernel section with one memory section for each CPU of the plan. */
export function addKernelSkeleton(workspace: Workspace): void {
  const { root } = workspace;
  const cause = workspace.section('memory');
  const cpus = Array.from({ length: activeCpuCount(workspace) }, (_, id) =>
    createElement(cause, 'cpu', { id: String(id) }),
  );
  const parts = [createElement(cause, 'memory', {}, cpus), createElement(cause, 'devices')];
  insertBefore(root, createElement(cause, 'kernel', {}, parts), ['subjects', 'scheduling']);
}

/** Memory sections of the kernels, by the id of the CPU. */
const cpuSections = (workspace: Workspace): TreeElement[] => workspace.all('kernel/memory/cpu');

function addTo(workspace: Workspace, cpu: string, mapping: TreeElement): void {
  cpuSections(workspace)
    .find(section => section.attributes.id === cpu)
    ?.children.push(mapping);
}

/** Maps the kernel's image and stacks. */
export function addBinaryMappings(workspace: Workspace): void {
  for (const section of cpuSections(workspace)) {
    const cpu = section.attributes.id;
    const map = (logical: string, physical: string, { address }: { address: number }, access = {}): TreeElement =>
      mappingElement(section, logical, physical, address, access);
    const writable = { writable: true };
    section.children.push(
      map('text', 'kernel_text', KERNEL_TEXT, { executable: true }),
      map('data', `kernel_data_${cpu}`, KERNEL_DATA, writable),
      map('bss', `kernel_bss_${cpu}`, KERNEL_BSS, writable),
      map('global_data', 'kernel_global_data', KERNEL_GLOBAL_DATA, writable),
      map('ro', 'kernel_ro', KERNEL_RO),
      map('stack', `kernel_stack_${cpu}`, KERNEL_STACK, writable),
      map('interrupt_stack', `kernel_interrupt_stack_${cpu}`, KERNEL_INTERRUPT_STACK, writable),
    );
  }
}

/** Maps a page of each subject into the kernel of its CPU, at the place of its global id. */
function mapSubjectPages(workspace: Workspace, suffix: string, baseAddress: number): void {
  const regions = new Set(childrenNamed(workspace.section('memory'), 'memory').map(nameOf));
  for (const subject of subjectsOf(workspace)) {
    const name = `${nameOf(subject)}|${suffix}`;
    if (!regions.has(name)) continue;
    const address = baseAddress + workspace.decimal(subject, 'globalId') * PAGE_BYTES;
    addTo(workspace, subject.attributes.cpu ?? '', mappingElement(subject, name, name, address, { writable: true }));
  }
}

export const mapSubjectStates = (workspace: Workspace): void =>
  mapSubjectPages(workspace, 'state', SUBJECT_STATES_ADDRESS);
export const mapTimedEvents = (workspace: Workspace): void =>
  mapSubjectPages(workspace, 'timed_event', TIMED_EVENTS_ADDRESS);
export const mapInterrupts = (workspace: Workspace): void =>
  mapSubjectPages(workspace, 'interrupts', INTERRUPTS_ADDRESS);
export const mapVmcs = (workspace: Workspace): void => mapSubjectPages(workspace, 'vmcs', VMCS_ADDRESS);
export const mapFpuStates = (workspace: Workspace): void => mapSubjectPages(workspace, 'fpu', FPU_STATES_ADDRESS);
export const mapMsrStores = (workspace: Workspace): void => mapSubjectPages(workspace, 'msrstore', MSR_STORES_ADDRESS);

/** Maps the scheduling information of each partition into the kernel of its CPU. */
export function mapSchedulingInfo(workspace: Workspace): void {
  for (const partition of partitionsOf(workspace)) {
    const name = `scheduling_info_${partition.attributes.id}`;
    const address = SCHEDULING_INFO_ADDRESS + (workspace.decimal(partition, 'id') - 1) * PAGE_BYTES;
    addTo(
      workspace,
      partition.attributes.cpu ?? '',
      mappingElement(partition, name, name, address, { writable: true }),
    );
  }
}

/** Maps the region of a type into every kernel, if there is one. */
function mapEverywhere(workspace: Workspace, type: string, logical: string, address: number, writable: boolean): void {
  const region = workspace.all('memory/memory').find(each => each.attributes.type === type);
  if (region === undefined) return;
  for (const section of cpuSections(workspace)) {
    section.children.push(mappingElement(section, logical, nameOf(region), address, { writable }));
  }
}

export const mapCrashAudit = (workspace: Workspace): void =>
  mapEverywhere(workspace, 'subject_crash_audit', 'crash_audit', CRASH_AUDIT_ADDRESS, true);
export const mapMicrocode = (workspace: Workspace): void =>
  mapEverywhere(workspace, 'kernel_microcode', 'microcode', MICROCODE_ADDRESS, false);

/** Lets the kernel of the boot processor, which chooses major frames, read what tau0 writes. */
export function mapTau0Interface(workspace: Workspace): void {
  const boot = workspace.all('hardware/processor/cpu').find(cpu => cpu.attributes.apicId === '0');
  const section = cpuSections(workspace).find(({ attributes }) => attributes.id === (boot?.attributes.cpuId ?? '0'));
  section?.children.push(mappingElement(section, 'tau0_interface', 'sys_interface', TAU0_INTERFACE_ADDRESS));
}

/** The kernel's devices section. */
export const kernelDevices = (workspace: Workspace): TreeElement =>
  childNamed(workspace.section('kernel'), 'devices') ?? workspace.section('kernel');
