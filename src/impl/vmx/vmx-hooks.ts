import type { PhysicalMemory } from '../memory.ts';
import type {
  Boundary,
  DeliveredEvent,
  Intercept,
  PhysicalAccess,
  PhysicalTranslation,
  SystemHooks,
} from '../x86/hooks.ts';
import { EventType } from '../x86/hooks.ts';
import type { Processor } from '../x86/processor.ts';
import { Activity, Field, Flag, Interruptibility } from '../x86/state-layout.ts';
import { capabilityMsr, DEFAULT_CAPABILITIES, type VmxCapabilities } from './capabilities.ts';
import { Pin, Proc, Proc2 } from './control-bits.ts';
import { EptAccess, EptOutcome, EptQualification } from './ept-access.ts';
import { type EventSources, guestBoundary, interceptGuestEvent } from './guest-events.ts';
import { interceptInstruction, maskedCr, setTaskPriority, taskPriority, visibleCr } from './guest-instructions.ts';
import { vmExit } from './vm-exit.ts';
import { vmcsWord } from './vmcs.ts';
import { executeVmxInstruction } from './vmx-instructions.ts';
import { type MsrAccess, VmxUnit } from './vmx-unit.ts';

/** The rest of a machine, as a processor with VMX asks it: devices, ports, MSRs, interrupts. */
export interface Platform extends EventSources {
  readonly isX2apic: boolean;
  isDevice(cpu: Processor, frame: number): boolean;
  readDevice(cpu: Processor, address: number, sizeBytes: number): bigint;
  writeDevice(cpu: Processor, address: number, sizeBytes: number, value: bigint): void;
  portIn(cpu: Processor, port: number, sizeBytes: number): number;
  portOut(cpu: Processor, port: number, sizeBytes: number, value: number): void;
  readMsr(cpu: Processor, index: number): bigint | undefined;
  writeMsr(cpu: Processor, index: number, value: bigint): boolean;
  cpuid(cpu: Processor, leaf: number, subleaf: number, registers: Uint32Array): void;
  taskPriorityChanged(cpu: Processor): void;
  /** An INIT or start-up IPI for a processor in root operation or outside of VMX. */
  initialise(cpu: Processor): void;
  start(cpu: Processor, vector: number): void;
  /** TSC at which the platform wants to be asked again, Infinity for never. */
  nextEventTsc(): number;
}

const at = {
  eptPointer: vmcsWord('EPT_POINTER'),
  tscOffset: vmcsWord('TSC_OFFSET'),
  tscMultiplier: vmcsWord('TSC_MULTIPLIER'),
};

/** CPUID.1:ECX.VMX. */
const CPUID_VMX = 1 << 5;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const INTERRUPT_SHADOW = Interruptibility.sti | Interruptibility.movSs;

/**
 * The hooks of one processor that has VMX: what the guest may not do itself becomes a VM exit, the rest goes to the platform.
 *
 * Root software is machine code at HOST_RIP, or hosted: with `onExit` set, `run` returns `stopped` after every VM exit with the
 * host state loaded.
 */
export class VmxHooks implements SystemHooks {
  readonly unit: VmxUnit;
  readonly platform: Platform;
  /** Makes the processor stop after each VM exit, for hosted root software. */
  stopsAtExit = false;
  /** TSC cycles of an instruction, by which events are placed. */
  readonly #cyclesPerInstruction: number;
  readonly #ept: EptAccess;
  readonly #translation: PhysicalTranslation = { address: 0, isWritable: false, isExecutable: false };

  constructor(
    memory: PhysicalMemory,
    platform: Platform,
    msrs: MsrAccess,
    cyclesPerInstruction = 1,
    capabilities: VmxCapabilities = DEFAULT_CAPABILITIES,
  ) {
    this.platform = platform;
    this.unit = new VmxUnit(memory, capabilities, msrs);
    this.#cyclesPerInstruction = cyclesPerInstruction;
    this.#ept = new EptAccess(memory, capabilities.physicalAddressBits);
  }

  /* Boundaries. */

  boundary(cpu: Processor): Boundary {
    if (!cpu.isNonRoot) return this.#rootBoundary(cpu);
    if (guestBoundary(this.unit, cpu, this.platform)) this.#left(cpu);
    return this.#continue(cpu);
  }

  #continue(cpu: Processor): Boundary {
    if (cpu.stopRequested) return 'stop';
    return cpu.state.u32(Field.activity) === Activity.active ? 'execute' : 'wait';
  }

  #left(cpu: Processor): void {
    if (this.stopsAtExit) cpu.stopRequested = true;
  }

  #rootBoundary(cpu: Processor): Boundary {
    const { platform, unit } = this;
    const { state } = cpu;
    // In VMX root operation INIT is blocked until VMXOFF (SDM Vol. 3C, "Restrictions on VMX Operation").
    if (!unit.isOn && platform.takeInit()) platform.initialise(cpu);
    if (state.u32(Field.activity) === Activity.waitForSipi) {
      const vector = platform.takeSipi();
      if (vector >= 0) platform.start(cpu, vector);
      return this.#continue(cpu);
    }
    platform.takeSipi();
    const activity = state.u32(Field.activity);
    const blocking = state.u32(Field.interruptibility);
    if (activity === Activity.shutdown) return 'wait';
    const pending = state.u64(Field.pendingDebug);
    if (pending !== 0n && (blocking & Interruptibility.movSs) === 0) {
      state.setU64(Field.pendingDebug, 0n);
      cpu.deliver(plainEvent(1, EventType.hardwareException, pending));
    } else if (platform.isNmiPending() && (blocking & (Interruptibility.nmi | Interruptibility.movSs)) === 0) {
      platform.takeNmi();
      state.setU32(Field.activity, Activity.active);
      state.setU32(Field.interruptibility, blocking | Interruptibility.nmi);
      cpu.deliver(plainEvent(2, EventType.nmi, 0n));
    } else if ((state.rflags & Flag.if) !== 0 && (blocking & INTERRUPT_SHADOW) === 0 && platform.pendingVector() >= 0) {
      state.setU32(Field.activity, Activity.active);
      cpu.deliver(plainEvent(platform.acknowledge(), EventType.external, 0n));
    }
    return this.#continue(cpu);
  }

  /** TSC at which a waiting processor must look again, Infinity if only others can wake it. */
  wakeTsc(): number {
    return Math.min(this.unit.timerDeadline, this.platform.nextEventTsc());
  }

  /** Lets the time of a waiting processor pass until its next timer; false if it has none. */
  skipToEvent(cpu: Processor): boolean {
    const wake = this.wakeTsc();
    if (wake === Number.POSITIVE_INFINITY) return false;
    const left = BigInt(Math.max(0, Math.ceil(wake))) - cpu.timeStamp();
    if (left > 0n) cpu.state.setU64(Field.tscOffset, cpu.state.u64(Field.tscOffset) + left);
    return true;
  }

  instructionsUntilEvent(cpu: Processor): number {
    const next = this.wakeTsc();
    if (cpu.isNonRoot && this.unit.hasProc(Proc.monitorTrapFlag)) return 1;
    if (next === Number.POSITIVE_INFINITY) return next;
    return Math.max(1, Math.ceil((next - Number(cpu.timeStamp())) / this.#cyclesPerInstruction));
  }

  /* Guest instructions and events. */

  intercept(cpu: Processor, what: Intercept): boolean {
    const isExit = interceptInstruction(this.unit, cpu, what);
    if (isExit) this.#left(cpu);
    return isExit;
  }

  interceptEvent(cpu: Processor, event: DeliveredEvent): boolean {
    const isExit = interceptGuestEvent(this.unit, cpu, event);
    if (isExit) this.#left(cpu);
    return isExit;
  }

  /** With NMI exiting IRET touches virtual NMIs alone (SDM Vol. 3C, "Changes to Instruction Behavior in VMX Non-Root Operation"). */
  unblocksNmis(cpu: Processor): boolean {
    return !cpu.isNonRoot || !this.unit.hasPin(Pin.nmiExiting) || this.unit.hasPin(Pin.virtualNmis);
  }

  tripleFault(cpu: Processor): boolean {
    vmExit(this.unit, cpu, { reason: 2 });
    this.#left(cpu);
    return true;
  }

  vmxInstruction(cpu: Processor, mnemonic: string): void {
    const wasNonRoot = cpu.isNonRoot;
    try {
      executeVmxInstruction(this.unit, cpu, mnemonic, {
        isX2apic: this.platform.isX2apic,
      });
    } finally {
      if (wasNonRoot && !cpu.isNonRoot) this.#left(cpu);
      else if (!wasNonRoot && this.stopsAtExit && this.#hasFailedEntry(mnemonic, cpu)) cpu.stopRequested = true;
    }
  }

  /** A VM entry that ended in the host state at once. */
  #hasFailedEntry(mnemonic: string, cpu: Processor): boolean {
    return (mnemonic === 'vmlaunch' || mnemonic === 'vmresume') && !cpu.isNonRoot;
  }

  /* Memory. */

  translate(cpu: Processor, address: number, access: PhysicalAccess): PhysicalTranslation {
    const { unit } = this;
    const ept = this.#ept;
    const outcome = ept.walk(unit.low(at.eptPointer), unit.high(at.eptPointer), address, access);
    if (outcome !== EptOutcome.mapped) this.#eptFault(cpu, address, access, outcome);
    this.#translation.address = ept.address;
    this.#translation.isWritable = ept.isWritable;
    this.#translation.isExecutable = (ept.rights & 4) !== 0;
    return this.#translation;
  }

  #eptFault(cpu: Processor, address: number, access: PhysicalAccess, outcome: number): never {
    const { linear } = access;
    // An EPT violation invalidates what is cached of the linear address (SDM Vol. 3C, "Operations that Invalidate Cached Mappings").
    if (linear !== undefined) cpu.space.cache.invalidate(linear.low);
    const resume = cpu.delivering === undefined ? { setsResume: true } : {};
    if (outcome === EptOutcome.misconfiguration) {
      vmExit(this.unit, cpu, { reason: 49, physical: address, ...resume });
    } else {
      const linearBits =
        linear === undefined ? 0 : EptQualification.linearValid | (access.isFinal ? EptQualification.finalAccess : 0);
      const isUnblocked = cpu.isBlockedReturn && cpu.delivering === undefined;
      const unblocking = isUnblocked ? EptQualification.nmiUnblocking : 0;
      vmExit(this.unit, cpu, {
        reason: 48,
        qualification: BigInt(this.#ept.qualification | linearBits | unblocking),
        physical: address,
        ...resume,
        ...(linear === undefined ? {} : { linear: (BigInt(linear.high >>> 0) << 32n) | BigInt(linear.low >>> 0) }),
      });
    }
    this.#left(cpu);
    return cpu.abandon();
  }

  isDevice(cpu: Processor, frame: number): boolean {
    return this.platform.isDevice(cpu, frame);
  }

  readDevice(cpu: Processor, address: number, sizeBytes: number): bigint {
    return this.platform.readDevice(cpu, address, sizeBytes);
  }

  writeDevice(cpu: Processor, address: number, sizeBytes: number, value: bigint): void {
    this.platform.writeDevice(cpu, address, sizeBytes, value);
  }

  portIn(cpu: Processor, port: number, sizeBytes: number): number {
    return this.platform.portIn(cpu, port, sizeBytes);
  }

  portOut(cpu: Processor, port: number, sizeBytes: number, value: number): void {
    this.platform.portOut(cpu, port, sizeBytes, value);
  }

  /* Registers. */

  readMsr(cpu: Processor, index: number): bigint | undefined {
    return capabilityMsr(this.unit.capabilities, index) ?? this.platform.readMsr(cpu, index);
  }

  writeMsr(cpu: Processor, index: number, value: bigint): boolean {
    if (capabilityMsr(this.unit.capabilities, index) !== undefined) return false;
    return this.platform.writeMsr(cpu, index, value);
  }

  cpuid(cpu: Processor, leaf: number, subleaf: number, registers: Uint32Array): void {
    if (leaf === 1) registers[2]! |= CPUID_VMX;
    this.platform.cpuid(cpu, leaf, subleaf, registers);
  }

  visibleCr(cpu: Processor, cr: 0 | 4): bigint {
    if (cpu.isNonRoot) return visibleCr(this.unit, cpu, cr);
    return cpu.state.u64(cr === 0 ? Field.cr0 : Field.cr4);
  }

  /** What a write of CR0 or CR4 stores: bits that the hypervisor owns stay as they are. */
  maskedCr(cpu: Processor, cr: 0 | 4, value: bigint): bigint {
    return cpu.isNonRoot ? maskedCr(this.unit, cpu, cr, value) : value;
  }

  mayWriteCr(cpu: Processor, cr: 0 | 4, value: bigint): boolean {
    const { unit } = this;
    if (!unit.isOn) return true;
    const { cr0Fixed0, cr0Fixed1, cr4Fixed0, cr4Fixed1 } = unit.capabilities;
    const word = Number(value & 0xffff_ffffn);
    if (cr === 4) return (~word & cr4Fixed0) === 0 && (word & ~cr4Fixed1) === 0;
    // An unrestricted guest may leave protected mode and paging.
    const free = cpu.isNonRoot && unit.hasProc2(Proc2.unrestrictedGuest) ? 0x8000_0001 : 0;
    return (~word & cr0Fixed0 & ~free) === 0 && (word & ~cr0Fixed1) === 0;
  }

  /** CR8 as MOV reads it: the shadow in the virtual-APIC page where there is one (SDM Vol. 3C, "Virtualizing CR8-Based TPR Accesses"). */
  taskPriority(cpu: Processor): bigint {
    if (cpu.isNonRoot && this.unit.hasProc(Proc.tprShadow)) return BigInt(taskPriority(this.unit, cpu));
    return cpu.state.u64(Field.cr8);
  }

  setTaskPriority(cpu: Processor, priority: bigint): void {
    if (cpu.isNonRoot && this.unit.hasProc(Proc.tprShadow)) {
      setTaskPriority(this.unit, cpu, Number(priority));
      cpu.attention = true;
      return;
    }
    cpu.state.setU64(Field.cr8, priority);
    this.platform.taskPriorityChanged(cpu);
  }

  readTsc(cpu: Processor): bigint {
    const tsc = cpu.timeStamp();
    const { unit } = this;
    if (!cpu.isNonRoot || !unit.hasProc(Proc.tscOffsetting)) return tsc;
    const scaled = unit.hasProc2(Proc2.tscScaling) ? (tsc * unit.read(at.tscMultiplier)) >> 48n : tsc;
    return (scaled + unit.read(at.tscOffset)) & ALL_ONES;
  }
}

const plainEvent = (vector: number, type: DeliveredEvent['type'], payload: bigint): DeliveredEvent => ({
  vector,
  type,
  errorCode: undefined,
  instructionLength: 0,
  payload,
});
