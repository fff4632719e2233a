/**
 * What a Muen system policy in format B (expanded and allocated, late-2024 schema) says: plain data, no derived facts.
 *
 * Every node keeps the position of its element, so that a finding or a verdict can name the policy line.
 * Model and implementation both start from this document and derive everything else separately.
 */

/** Place in a policy file; line and column are 1-based. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
  /** Path of the file, given when a policy was put together from several. */
  readonly file?: string;
}

export interface PolicyNode {
  readonly at: SourcePosition;
}

/** Memory types of the policy schema (memory.xsd). */
export const MEMORY_TYPES = [
  'system',
  'system_vmxon',
  'system_iobm',
  'system_msrbm',
  'system_pt',
  'system_vtd_root',
  'system_vtd_context',
  'system_vtd_ir',
  'kernel',
  'kernel_binary',
  'kernel_fpu',
  'kernel_interface',
  'kernel_microcode',
  'kernel_msrstore',
  'kernel_vmcs',
  'subject',
  'subject_info',
  'subject_binary',
  'subject_zeropage',
  'subject_initrd',
  'subject_channel',
  'subject_state',
  'subject_timed_event',
  'subject_interrupts',
  'subject_scheduling_info',
  'subject_bios',
  'subject_acpi_rsdp',
  'subject_acpi_xsdt',
  'subject_acpi_fadt',
  'subject_acpi_dsdt',
  'subject_device',
  'subject_solo5_boot_info',
  'subject_crash_audit',
  'device_rmrr',
] as const;
export type MemoryType = (typeof MEMORY_TYPES)[number];

export const CACHING_TYPES = ['UC', 'WC', 'WT', 'WB', 'WP'] as const;
export type Caching = (typeof CACHING_TYPES)[number];

export const EVENT_MODES = ['async', 'ipi', 'self', 'switch', 'kernel'] as const;
export type EventMode = (typeof EVENT_MODES)[number];

export interface ConfigVariable extends PolicyNode {
  readonly kind: 'boolean' | 'integer' | 'string';
  readonly name: string;
  readonly value: string;
}

export interface HardwareCpu extends PolicyNode {
  readonly apicId: number;
  readonly cpuId: number;
}

export interface CpuidLeaf extends PolicyNode {
  readonly leaf: number;
  readonly subleaf: number;
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

export interface HardwareMsr extends PolicyNode {
  readonly address: number;
  readonly name: string;
  readonly value: bigint;
}

export interface Processor extends PolicyNode {
  readonly cpuCores: number;
  /** TSC frequency in kHz. */
  readonly speedKhz: number;
  /** The VMX-preemption timer counts once every 2^vmxTimerRate TSC cycles, 0 .. 31. */
  readonly vmxTimerRate: number;
  readonly cpus: readonly HardwareCpu[];
  readonly cpuid: readonly CpuidLeaf[];
  readonly msrs: readonly HardwareMsr[];
}

export interface MemoryBlock extends PolicyNode {
  readonly name: string;
  readonly physicalAddress: number;
  readonly sizeBytes: number;
  readonly allocatable: boolean;
}

export interface PciAddress extends PolicyNode {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

export interface DevicePci extends PciAddress {
  readonly msi: boolean;
  readonly identification?: {
    readonly classCode: number;
    readonly deviceId: number;
    readonly revisionId: number;
    readonly vendorId: number;
  };
  readonly iommuGroup?: number;
}

export interface DeviceIrq extends PolicyNode {
  readonly name: string;
  readonly number: number;
  readonly msis: readonly (PolicyNode & { readonly name: string; readonly number?: number })[];
}

export interface DeviceMemory extends PolicyNode {
  readonly name: string;
  readonly physicalAddress: number;
  readonly sizeBytes: number;
  readonly caching: Caching;
}

export interface DeviceIoPort extends PolicyNode {
  readonly name: string;
  /** First and last port, both inclusive. */
  readonly start: number;
  readonly end: number;
}

export interface DeviceCapability extends PolicyNode {
  readonly name: string;
  /** Text content, empty if none. */
  readonly value: string;
}

export interface PhysicalDevice extends PolicyNode {
  readonly name: string;
  readonly description?: string;
  readonly pci?: DevicePci;
  readonly irqs: readonly DeviceIrq[];
  readonly memory: readonly DeviceMemory[];
  readonly ioPorts: readonly DeviceIoPort[];
  readonly reservedMemory: readonly (PolicyNode & { readonly ref: string })[];
  readonly capabilities: readonly DeviceCapability[];
}

export interface Hardware extends PolicyNode {
  readonly processor: Processor;
  readonly memoryBlocks: readonly MemoryBlock[];
  readonly reservedMemory: readonly (PolicyNode & {
    readonly name: string;
    readonly physicalAddress: number;
    readonly sizeBytes: number;
  })[];
  readonly pciConfigAddress?: number;
  readonly pciConfigSizeBytes?: number;
  readonly devices: readonly PhysicalDevice[];
}

/** Alias of a device or of one of its resources. */
export interface AliasResource extends PolicyNode {
  readonly name: string;
  readonly physical: string;
  readonly resources: readonly AliasResource[];
}

export interface DeviceClass extends PolicyNode {
  readonly name: string;
  readonly devices: readonly (PolicyNode & { readonly physical: string })[];
}

export interface KernelDiagnostics extends PolicyNode {
  readonly type: string;
  readonly device?: PolicyNode & {
    readonly physical: string;
    /** Memory and I/O ports of the device that the kernel uses. */
    readonly memory?: readonly (PolicyNode & { readonly physical: string })[];
    readonly ioPorts?: readonly (PolicyNode & { readonly physical: string })[];
  };
}

export interface Platform extends PolicyNode {
  readonly aliases: readonly AliasResource[];
  readonly classes: readonly DeviceClass[];
  readonly kernelDiagnostics?: KernelDiagnostics;
}

/** Initial content of a region; absent means uninitialised. */
export type MemoryContent =
  | { readonly kind: 'fill'; readonly pattern: number }
  | { readonly kind: 'file'; readonly filename: string; readonly offset: number | 'none'; readonly sizeBytes?: number };

export interface MemoryRegion extends PolicyNode {
  readonly name: string;
  readonly type: MemoryType;
  readonly physicalAddress: number;
  readonly sizeBytes: number;
  readonly alignmentBytes: number;
  readonly caching: Caching;
  readonly content?: MemoryContent;
  /** Hex digest, or 'none'. */
  readonly hash?: string;
  readonly hashRef?: string;
}

/** A logical memory mapping of a kernel CPU, a subject or a device domain. */
export interface MemoryMapping extends PolicyNode {
  readonly logical: string;
  /** Name of a MemoryRegion, or of a DeviceMemory inside a device reference. */
  readonly physical: string;
  readonly virtualAddress: number;
  readonly writable: boolean;
  readonly executable: boolean;
}

export interface DeviceDomainDevice extends PolicyNode {
  readonly logical: string;
  readonly physical: string;
  readonly mapReservedMemory: boolean;
}

export interface DeviceDomain extends PolicyNode {
  readonly name: string;
  readonly id: number;
  readonly memory: readonly MemoryMapping[];
  readonly devices: readonly DeviceDomainDevice[];
}

export interface PhysicalEvent extends PolicyNode {
  readonly name: string;
  readonly mode: EventMode;
}

export interface LogicalIrq extends PolicyNode {
  readonly logical: string;
  readonly physical: string;
  readonly vector?: number;
  readonly msis: readonly (PolicyNode & {
    readonly logical: string;
    readonly physical: string;
    readonly vector?: number;
  })[];
}

export interface LogicalIoPort extends PolicyNode {
  readonly logical: string;
  readonly physical: string;
}

/** Device assigned to a subject or used by the kernel. */
export interface LogicalDevice extends PolicyNode {
  readonly logical: string;
  readonly physical: string;
  readonly pci?: PciAddress;
  readonly irqs: readonly LogicalIrq[];
  readonly memory: readonly MemoryMapping[];
  readonly ioPorts: readonly LogicalIoPort[];
}

export interface KernelCpu extends PolicyNode {
  readonly id: number;
  readonly memory: readonly MemoryMapping[];
}

export interface KernelSection extends PolicyNode {
  readonly cpus: readonly KernelCpu[];
  readonly devices: readonly LogicalDevice[];
}

/** Named bits of a VMX control word or of a control register; value 0 or 1 (vcpu.xsd). */
export type BitFields = Readonly<Record<string, 0 | 1>>;

export interface MsrRange extends PolicyNode {
  readonly start: number;
  readonly end: number;
  readonly mode: 'r' | 'w' | 'rw';
}

export interface SegmentRegister {
  readonly selector: number;
  readonly base: bigint;
  readonly limit: number;
  readonly access: number;
}

export const SEGMENT_NAMES = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldtr'] as const;
export type SegmentName = (typeof SEGMENT_NAMES)[number];

/** General-purpose register names as the schema spells them. */
export const GPR_NAMES = [
  'rip',
  'rsp',
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rdi',
  'rsi',
  'rbp',
  'r08',
  'r09',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
export type GprName = (typeof GPR_NAMES)[number];

export interface Vcpu extends PolicyNode {
  readonly controls: {
    readonly pin: BitFields;
    readonly proc: BitFields;
    readonly proc2: BitFields;
    readonly entry: BitFields;
    readonly exit: BitFields;
  };
  readonly masks: { readonly exception: BitFields; readonly cr0: BitFields; readonly cr4: BitFields };
  readonly msrs: readonly MsrRange[];
  readonly gpr: Readonly<Partial<Record<GprName, bigint>>>;
  readonly cr0: BitFields;
  readonly cr0Shadow: BitFields;
  readonly cr4: BitFields;
  readonly cr4Shadow: BitFields;
  readonly segments: Readonly<Partial<Record<SegmentName, SegmentRegister>>>;
}

export type SourceAction =
  | { readonly kind: 'subject_sleep' }
  | { readonly kind: 'subject_yield' }
  | { readonly kind: 'system_reboot' }
  | { readonly kind: 'system_panic' }
  | { readonly kind: 'system_poweroff' }
  | { readonly kind: 'unmask_irq'; readonly number: number };

export interface SourceEvent extends PolicyNode {
  readonly id: number;
  readonly logical: string;
  readonly physical: string;
  readonly action?: SourceAction;
}

export interface SourceGroup extends PolicyNode {
  readonly name: 'vmx_exit' | 'vmcall';
  readonly events: readonly SourceEvent[];
}

export type TargetAction = { readonly kind: 'inject_interrupt'; readonly vector: number } | { readonly kind: 'reset' };

export interface TargetEvent extends PolicyNode {
  readonly id: number;
  readonly logical: string;
  readonly physical: string;
  readonly action?: TargetAction;
}

export interface Subject extends PolicyNode {
  readonly name: string;
  readonly globalId: number;
  readonly localId: number;
  readonly cpu: number;
  readonly schedGroupId: number;
  /** Name of the origin subject whose address space this sibling shares. */
  readonly siblingOf?: string;
  readonly bootparams?: string;
  readonly vcpu: Vcpu;
  readonly memory: readonly MemoryMapping[];
  readonly devices: readonly LogicalDevice[];
  readonly sourceGroups: readonly SourceGroup[];
  readonly targetEvents: readonly TargetEvent[];
}

export interface SchedulingGroup extends PolicyNode {
  readonly id: number;
  /** Subject names, initial subject first. */
  readonly subjects: readonly (PolicyNode & { readonly name: string })[];
}

export interface SchedulingPartition extends PolicyNode {
  readonly id: number;
  readonly name: string;
  readonly cpu: number;
  readonly groups: readonly SchedulingGroup[];
}

export interface MinorFrame extends PolicyNode {
  /** Name of the scheduling partition. */
  readonly partition: string;
  readonly ticks: number;
  readonly barrier: number | 'none';
}

export interface MajorFrame extends PolicyNode {
  readonly cpus: readonly (PolicyNode & { readonly id: number; readonly minorFrames: readonly MinorFrame[] })[];
  readonly barriers: readonly (PolicyNode & { readonly id: number; readonly size: number })[];
}

export interface Scheduling extends PolicyNode {
  readonly tickRateHz: number;
  readonly partitions: readonly SchedulingPartition[];
  readonly majorFrames: readonly MajorFrame[];
}

export interface PolicyDocument extends PolicyNode {
  readonly format: 'b';
  readonly config: readonly ConfigVariable[];
  readonly hardware: Hardware;
  readonly platform: Platform;
  readonly memory: readonly MemoryRegion[];
  readonly deviceDomains: readonly DeviceDomain[];
  readonly events: readonly PhysicalEvent[];
  readonly kernel: KernelSection;
  readonly subjects: readonly Subject[];
  readonly scheduling: Scheduling;
}
