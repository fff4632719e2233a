import type { Processor } from './processor.ts';

/** How an access to physical memory came about; the exit qualification of EPT violations needs it. */
export interface PhysicalAccess {
  readonly kind: 'read' | 'write' | 'fetch';
  /** True for the final access to a translated linear address, false for accesses to paging structures. */
  readonly isFinal: boolean;
  /** Linear address that is being translated, as two unsigned halves; undefined for an access without one (a load of PDPTEs). */
  readonly linear: { readonly low: number; readonly high: number } | undefined;
  /** True for the read-modify-write that sets an accessed or dirty bit. */
  readonly isAccessedDirty: boolean;
}

/** Permissions and place that a translation of a guest-physical address gives. */
export interface PhysicalTranslation {
  /** Host-physical byte address. */
  address: number;
  /** False if a later write to the same page must be translated anew. */
  isWritable: boolean;
  isExecutable: boolean;
}

/** What asks for a task switch, as the exit qualification tells it (SDM Vol. 3C, table "Exit Qualification for Task Switches"). */
export const TaskSwitchSource = { call: 0, iret: 1, jump: 2, gate: 3 } as const;
export type TaskSwitchSource = (typeof TaskSwitchSource)[keyof typeof TaskSwitchSource];

/** Instructions on which VMX non-root operation may exit (SDM Vol. 3C, "Instructions That Cause VM Exits"). */
export type Intercept =
  | { readonly kind: 'cpuid' | 'hlt' | 'invd' | 'wbinvd' | 'pause' | 'rdpmc' | 'rdtsc' | 'rdtscp' | 'rsm' | 'getsec' }
  | { readonly kind: 'monitor' | 'mwait' | 'clts' | 'xsetbv' }
  /** A hardware task switch to the TSS of a selector. */
  | { readonly kind: 'taskSwitch'; readonly selector: number; readonly source: TaskSwitchSource }
  /** Linear address of the operand. */
  | { readonly kind: 'invlpg'; readonly linear: bigint }
  | { readonly kind: 'invpcid' }
  | { readonly kind: 'sgdt' | 'sidt' | 'lgdt' | 'lidt' | 'sldt' | 'str' | 'lldt' | 'ltr' }
  | { readonly kind: 'rdmsr' | 'wrmsr'; readonly index: number; readonly value: bigint }
  /** `cr` 0, 3, 4 or 8; `gpr` is the register operand; `value` what would be written. */
  | { readonly kind: 'readCr' | 'writeCr'; readonly cr: number; readonly gpr: number; readonly value: bigint }
  | { readonly kind: 'lmsw'; readonly value: number; readonly isMemory: boolean }
  | { readonly kind: 'readDr' | 'writeDr'; readonly dr: number; readonly gpr: number }
  | {
      readonly kind: 'io';
      readonly port: number;
      readonly sizeBytes: number;
      readonly isIn: boolean;
      readonly isString: boolean;
      readonly isRep: boolean;
      /** True if the port is an immediate operand. */
      readonly isImmediate: boolean;
      /** Linear address of the memory operand of a string instruction. */
      readonly linear: bigint;
    };

/** An event that goes through the IDT (SDM Vol. 3C, "VM-Entry Interruption-Information Field": type). */
export interface DeliveredEvent {
  readonly vector: number;
  readonly type: (typeof EventType)[keyof typeof EventType];
  readonly errorCode: number | undefined;
  /** Length of the INT n, INT3, INTO instruction, which the pushed RIP skips. */
  readonly instructionLength: number;
  /** CR2 of a page fault, DR6 bits of a debug exception; 0 for others. */
  readonly payload: bigint;
}

export const EventType = {
  external: 0,
  nmi: 2,
  hardwareException: 3,
  softwareInterrupt: 4,
  privilegedSoftwareException: 5,
  softwareException: 6,
} as const;

/** What a processor does at an instruction boundary. */
export type Boundary = 'execute' | 'wait' | 'stop';

/**
 * What the processor asks of the rest of the machine: VMX, local APIC, ports, devices.
 *
 * Every hook runs with the state at an instruction boundary: RIP and registers as before the instruction (`cpu.instruction`
 * is the decoded one). A hook that replaces the instruction by something else (a VM exit) loads the new state, calls
 * `cpu.updateContext()` and returns true, or where it has no result to give calls `cpu.abandon()`.
 */
export interface SystemHooks {
  /**
   * Decides before the next instruction: pending events, interrupt windows, expired timers, the activity state.
   * Called before the first instruction of `run`, and before the next one whenever `cpu.attention` is set.
   */
  boundary(cpu: Processor): Boundary;
  /** Instructions after which `boundary` must be asked again at the latest (timers); Infinity for never. */
  instructionsUntilEvent(cpu: Processor): number;
  /** Called only while `cpu.isNonRoot`, after the checks that come before a VM exit; true: a VM exit happened. */
  intercept(cpu: Processor, what: Intercept): boolean;
  /** Called only while `cpu.isNonRoot`, before an exception is delivered; true: a VM exit happened. */
  interceptEvent(cpu: Processor, event: DeliveredEvent): boolean;
  /** True if IRET ends the blocking of NMIs. */
  unblocksNmis(cpu: Processor): boolean;
  /** Called only while `cpu.isNonRoot`, on a triple fault; true: a VM exit happened. */
  tripleFault(cpu: Processor): boolean;
  /** Translates a guest-physical address (EPT) while `cpu.hasNestedPaging`; EPT faults end in `cpu.abandon()`. */
  translate(cpu: Processor, address: number, access: PhysicalAccess): PhysicalTranslation;
  /** True if host-physical accesses of this frame go to `readDevice`/`writeDevice` (local APIC page and the like). */
  isDevice(cpu: Processor, frame: number): boolean;
  readDevice(cpu: Processor, address: number, sizeBytes: number): bigint;
  writeDevice(cpu: Processor, address: number, sizeBytes: number, value: bigint): void;
  /** Port input; sizeBytes 1, 2 or 4. */
  portIn(cpu: Processor, port: number, sizeBytes: number): number;
  portOut(cpu: Processor, port: number, sizeBytes: number, value: number): void;
  /** MSRs that the core does not keep (VMX capabilities, x2APIC); undefined: #GP(0). */
  readMsr(cpu: Processor, index: number): bigint | undefined;
  /** False: #GP(0). */
  writeMsr(cpu: Processor, index: number, value: bigint): boolean;
  /** Executes a VMX or SMX instruction (VMXON .. INVVPID, VMFUNC) by mnemonic; operands are in `cpu.instruction`. #UD by `cpu.fault(6)`. */
  vmxInstruction(cpu: Processor, mnemonic: string): void;
  /** Adjusts what CPUID returns (VMX bit, APIC id); `registers` is EAX, EBX, ECX, EDX. */
  cpuid(cpu: Processor, leaf: number, subleaf: number, registers: Uint32Array): void;
  /** CR0 and CR4 as a read of them gives (guest/host masks and read shadows while non-root). */
  visibleCr(cpu: Processor, cr: 0 | 4): bigint;
  /** What a write of `value` to CR0 or CR4 stores: bits that a hypervisor owns stay as they are while non-root. */
  maskedCr(cpu: Processor, cr: 0 | 4, value: bigint): bigint;
  /** Bits that must be 1 or 0 in CR0 / CR4 on top of the core's checks (VMX operation); false: #GP(0). */
  mayWriteCr(cpu: Processor, cr: 0 | 4, value: bigint): boolean;
  /** CR8 as MOV reads and writes it: the TPR, or its shadow while non-root. */
  taskPriority(cpu: Processor): bigint;
  setTaskPriority(cpu: Processor, priority: bigint): void;
  /** TSC as RDTSC, RDTSCP and RDMSR read it (offsetting while non-root). */
  readTsc(cpu: Processor): bigint;
}
