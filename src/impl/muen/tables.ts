import type { CpuId, EventNr, GroupId, PartitionId, SubjectId, Vector } from '../../units/ids.ts';
import type { PlatformTables } from './compile-platform.ts';

/**
 * The kernel's compiled-in constant tables (Muen packages `Skp.*`), derived from the policy by compile.ts.
 * Ids of partitions and groups are 1-based, 0 means none; arrays indexed by them have an unused entry 0.
 */
export interface KernelTables {
  readonly cpuCount: number;
  readonly subjects: readonly SubjectSpec[];
  readonly partitions: readonly PartitionSpec[];
  readonly groups: readonly GroupSpec[];
  /** [cpu][major frame] */
  readonly plans: readonly (readonly (readonly MinorFrameSpec[])[])[];
  readonly majorFrames: readonly MajorFrameSpec[];
  /** Most barriers that any major frame has. */
  readonly barrierCount: number;
  readonly vmxTimerRate: number;
  /** Host vector 0 .. 255 -> subject and guest vector. */
  readonly vectorRouting: readonly (VectorRoute | undefined)[];
  /** Lines of the I/O APIC that belong to a subject. */
  readonly lines: readonly LineSpec[];
  /** XCR0 features of the processor that the kernel supports, low 32 bits. */
  readonly xcr0Features: number;
  readonly platform: PlatformTables;
  /** APIC id of each CPU. */
  readonly apicIds: readonly number[];
  /** Banks of the machine-check architecture. */
  readonly machineCheckBanks: number;
}

export interface VectorRoute {
  readonly subject: SubjectId;
  readonly vector: Vector;
  /** Level-triggered: the kernel masks the I/O APIC entry on arrival. */
  readonly level: boolean;
}

/** A line of the I/O APIC: an ISA interrupt (edge, active high) or a PCI one (level, active low). */
export interface LineSpec {
  readonly irq: number;
  readonly isLevel: boolean;
}

export interface MinorFrameSpec {
  readonly partition: PartitionId;
  /** 0 means no barrier. */
  readonly barrier: number;
  /** Cycles from the start of the major frame. */
  readonly deadlineCycles: number;
}

export interface MajorFrameSpec {
  readonly periodCycles: number;
  /** Size of barrier b at index b-1; 1 for barriers the frame does not use. */
  readonly barrierSizes: readonly number[];
}

export interface PartitionSpec {
  readonly id: PartitionId;
  readonly name: string;
  readonly cpu: CpuId;
  readonly groups: readonly GroupId[];
}

export interface GroupSpec {
  readonly id: GroupId;
  readonly partition: PartitionId;
  /** Position in its partition, 0 .. 63. */
  readonly index: number;
  readonly initialSubject: SubjectId;
}

export const SOURCE_ACTIONS = [
  'none',
  'subject_sleep',
  'subject_yield',
  'system_reboot',
  'system_poweroff',
  'system_panic',
  'unmask_irq',
] as const;
export type SourceActionName = (typeof SOURCE_ACTIONS)[number];

/** Subject id or event number that means "none". */
export const NONE = -1;

/** Entry of a subject's trap or vmcall table (Muen `Source_Event_Type`). */
export interface SourceEventSpec {
  readonly action: SourceActionName;
  /** NONE if the event has no target subject. */
  readonly targetSubject: SubjectId;
  /** NONE for a pure handover. */
  readonly targetEvent: EventNr;
  readonly handover: boolean;
  readonly sendIpi: boolean;
  readonly irq: number;
}

/** Entry of a subject's target table. */
export interface TargetEventSpec {
  readonly action: 'none' | 'inject_interrupt' | 'reset';
  readonly vector: Vector;
}

export interface SubjectSpec {
  readonly id: SubjectId;
  readonly name: string;
  readonly cpu: CpuId;
  readonly group: GroupId;
  readonly partition: PartitionId;
  readonly ept: boolean;
  /** Physical address of the root table. */
  readonly rootTable: number;
  readonly pinControls: number;
  readonly procControls: number;
  readonly proc2Controls: number;
  readonly exitControls: number;
  readonly entryControls: number;
  readonly exceptionBitmap: number;
  /** Masks as halves: bits not named in the policy are set. */
  readonly cr0Mask: readonly [number, number];
  readonly cr4Mask: readonly [number, number];
  readonly ioBitmap: number;
  readonly msrBitmap: number;
  /** Entries of the MSR store. */
  readonly storedMsrs: number;
  readonly entryPoint: number;
  /** Words of the state page after a reset. */
  readonly initialState: Uint32Array;
  /** Index 0 .. 59. */
  readonly traps: readonly SourceEventSpec[];
  /** Index 0 .. 63. */
  readonly vmcalls: readonly SourceEventSpec[];
  /** Index 0 .. 63. */
  readonly targets: readonly TargetEventSpec[];
  readonly pages: SubjectPages;
}

/** Host-physical addresses of a subject's pages, as the policy places them. */
export interface SubjectPages {
  readonly state: number;
  readonly timedEvent: number;
  readonly interrupts: number;
  readonly vmcs: number;
  readonly fpu: number;
  /** -1 if the subject has no stored MSRs. */
  readonly msrStore: number;
}

/** Host-physical addresses of the kernel's own data. */
export interface KernelPages {
  readonly globalData: number;
  readonly globalDataBytes: number;
  /** Per CPU: .data and .bss. */
  readonly data: readonly number[];
  readonly bss: readonly number[];
  readonly bssBytes: number;
  /** By partition id. */
  readonly schedulingInfo: readonly number[];
  /** The page in which tau0 names the next major frame; -1 if the policy has none. */
  readonly interface: number;
  /** Page that survives a warm reset; -1 if the policy has none. */
  readonly crashAudit: number;
  /** By CPU: VMXON region, and root of the kernel's page tables. */
  readonly vmxon: readonly number[];
  readonly rootTables: readonly number[];
}

/** Entry without effect: an unspecified vmcall. */
export const NULL_SOURCE_EVENT: SourceEventSpec = {
  action: 'none',
  targetSubject: NONE,
  targetEvent: NONE,
  handover: false,
  sendIpi: false,
  irq: 0,
};
/** Entry of a reserved or unspecified trap. */
export const PANIC_SOURCE_EVENT: SourceEventSpec = { ...NULL_SOURCE_EVENT, action: 'system_panic' };
/** Entry of an unspecified target event. */
export const NULL_TARGET_EVENT: TargetEventSpec = { action: 'none', vector: 0 };
