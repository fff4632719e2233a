import type { Platform } from '../vmx/vmx-hooks.ts';
import type { Processor } from '../x86/processor.ts';
import { resetState } from '../x86/reset.ts';
import { Activity, Cr0, Field, Seg } from '../x86/state-layout.ts';
import { ApicRegister, type LocalApic } from './local-apic.ts';

/** Ports of a machine; a port that nobody owns reads as ones. */
export interface PortBus {
  read(port: number, sizeBytes: number): number;
  write(port: number, sizeBytes: number, value: number): void;
}

const APIC_ENABLE = 1n << 11n;
const X2APIC_ENABLE = 1n << 10n;
const X2APIC_FIRST = 0x800;
const X2APIC_LAST = 0x8ff;
const X2APIC_COMMAND = 0x830;
const PAGE = 0x1000;

/** CPUID.1: APIC present, x2APIC present, APIC id in EBX[31:24]. */
const CPUID_APIC = 1 << 9;
const CPUID_X2APIC = 1 << 21;

/** The world of one processor: its local APIC, IPIs that reach it, and the ports of the machine. */
export class ApicPlatform implements Platform {
  readonly apic: LocalApic;
  readonly #cpu: () => Processor;
  readonly #ports: PortBus;

  /** `cpu` is asked when the first access happens, as processor and platform need each other. */
  constructor(apic: LocalApic, ports: PortBus, cpu: () => Processor) {
    this.apic = apic;
    this.#ports = ports;
    this.#cpu = cpu;
  }

  get #tsc(): number {
    return Number(this.#cpu().timeStamp());
  }

  get isX2apic(): boolean {
    return (this.#cpu().state.u64(Field.apicBase) & X2APIC_ENABLE) !== 0n;
  }

  get #isEnabled(): boolean {
    return (this.#cpu().state.u64(Field.apicBase) & APIC_ENABLE) !== 0n;
  }

  /* Events. */

  pendingVector(): number {
    return this.#isEnabled ? this.apic.pendingVector(this.#tsc) : -1;
  }

  acknowledge(): number {
    return this.apic.acknowledge(this.#tsc);
  }

  isNmiPending(): boolean {
    return this.apic.isNmiPending;
  }

  takeNmi(): void {
    this.apic.isNmiPending = false;
  }

  takeInit(): boolean {
    const isPending = this.apic.isInitPending;
    this.apic.isInitPending = false;
    return isPending;
  }

  takeSipi(): number {
    const vector = this.apic.startVector;
    this.apic.startVector = -1;
    return vector;
  }

  nextEventTsc(): number {
    return this.apic.timerDeadline;
  }

  /** INIT: power-up state, caches and FPU as they are, then waiting for a start-up IPI; the bootstrap processor starts at once. */
  initialise(cpu: Processor): void {
    const { state } = cpu;
    const apicBase = state.u64(Field.apicBase);
    const cacheBits = state.u64(Field.cr0) & BigInt(Cr0.cd | Cr0.nw);
    const retired = state.u64(Field.retired);
    const tscOffset = state.u64(Field.tscOffset);
    resetState(state);
    state.setU64(Field.retired, retired);
    state.setU64(Field.tscOffset, tscOffset);
    state.setU64(Field.apicBase, apicBase);
    state.setU64(Field.cr0, BigInt(Cr0.et) | cacheBits);
    this.apic.reset();
    const isBootstrap = (apicBase & (1n << 8n)) !== 0n;
    state.setU32(Field.activity, isBootstrap ? Activity.active : Activity.waitForSipi);
    cpu.flushTlb();
    cpu.updateContext();
  }

  /** Start-up IPI: real mode at vector * 4096 (SDM Vol. 3A, "MP Initialization Protocol Algorithm"). */
  start(cpu: Processor, vector: number): void {
    const { state } = cpu;
    state.setSegment(Seg.cs, vector << 8, BigInt(vector * PAGE), 0xffff, 0x9b);
    state.rip = 0n;
    state.setU32(Field.activity, Activity.active);
    cpu.updateContext();
  }

  taskPriorityChanged(cpu: Processor): void {
    this.apic.taskPriority = Number(cpu.state.u64(Field.cr8));
    cpu.attention = true;
  }

  /* The xAPIC page. */

  isDevice(cpu: Processor, frame: number): boolean {
    if (!this.#isEnabled || this.isX2apic) return false;
    return frame === Math.floor(Number(cpu.state.u64(Field.apicBase) & 0xf_ffff_ffff_f000n) / PAGE);
  }

  readDevice(_cpu: Processor, address: number, sizeBytes: number): bigint {
    const offset = address % PAGE;
    const value = this.apic.read(offset & ~0xf, this.#tsc) ?? 0;
    const shifted = BigInt(value) >> BigInt(8 * (offset & 0xf));
    return shifted & ((1n << BigInt(8 * sizeBytes)) - 1n);
  }

  writeDevice(cpu: Processor, address: number, _sizeBytes: number, value: bigint): void {
    const offset = address % PAGE;
    if ((offset & 0xf) !== 0) return;
    this.apic.write(offset, Number(value & 0xffff_ffffn), this.#tsc);
    this.#afterWrite(cpu, offset);
  }

  #afterWrite(cpu: Processor, offset: number): void {
    if (offset === ApicRegister.tpr) cpu.state.setU64(Field.cr8, BigInt(this.apic.taskPriority));
    cpu.attention = true;
  }

  /* Ports and MSRs. */

  portIn(_cpu: Processor, port: number, sizeBytes: number): number {
    return this.#ports.read(port, sizeBytes);
  }

  portOut(_cpu: Processor, port: number, sizeBytes: number, value: number): void {
    this.#ports.write(port, sizeBytes, value);
  }

  readMsr(_cpu: Processor, index: number): bigint | undefined {
    if (!this.isX2apic || index < X2APIC_FIRST || index > X2APIC_LAST) return undefined;
    this.apic.isX2apic = true;
    const offset = (index - X2APIC_FIRST) * 16;
    const low =
      offset === ApicRegister.eoi || offset === ApicRegister.selfIpi ? undefined : this.apic.read(offset, this.#tsc);
    if (low === undefined) return undefined;
    return index === X2APIC_COMMAND ? (BigInt(this.apic.commandHigh) << 32n) | BigInt(low) : BigInt(low);
  }

  writeMsr(cpu: Processor, index: number, value: bigint): boolean {
    if (!this.isX2apic || index < X2APIC_FIRST || index > X2APIC_LAST) return false;
    this.apic.isX2apic = true;
    cpu.attention = true;
    const low = Number(value & 0xffff_ffffn);
    const high = Number(value >> 32n);
    if (index === X2APIC_COMMAND) {
      this.apic.writeCommand(low, high);
      return true;
    }
    const offset = (index - X2APIC_FIRST) * 16;
    const mustBeZero = offset === ApicRegister.eoi || offset === ApicRegister.errorStatus;
    if (high !== 0 || (mustBeZero && low !== 0)) return false;
    const isWritten = this.apic.write(offset, low, this.#tsc);
    this.#afterWrite(cpu, offset);
    return isWritten;
  }

  cpuid(_cpu: Processor, leaf: number, _subleaf: number, registers: Uint32Array): void {
    if (leaf !== 1) return;
    registers[3]! |= CPUID_APIC;
    registers[2]! |= CPUID_X2APIC;
    registers[1] = ((registers[1]! & 0x00ff_ffff) | (this.apic.id << 24)) >>> 0;
  }
}
