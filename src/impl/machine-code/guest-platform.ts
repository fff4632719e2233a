import { frameOf, hpa, PAGE_SIZE_BYTES, pageOffset } from '../../units/address.ts';
import { InvariantError } from '../../units/invariant.ts';
import { joinBig } from '../../units/word.ts';
import type { Cpu } from '../cpu.ts';
import type { DmaDevices } from '../dma/dma-devices.ts';
import type { PhysicalMemory } from '../memory.ts';
import { MSRS, msrPlace, writeMsr } from '../msrs.ts';
import type { PortEffect, Ports } from '../ports.ts';
import type { Platform } from '../vmx/vmx-hooks.ts';

/**
 * The rest of the machine as a subject's machine code reaches it: ports, those MSRs that its bitmaps leave open, and registers of devices.
 *
 * Interrupts and timers do not come from here: the system decides when they arrive, and leaves guest mode by itself.
 */
export class GuestPlatform implements Platform {
  readonly isX2apic = true;
  /** What the last port access did to the whole machine. */
  effect: PortEffect = 'none';
  readonly #cpu: Cpu;
  readonly #ports: Ports;
  readonly #memory: PhysicalMemory;
  readonly #devices: DmaDevices;
  /** Makes the processor stop after the instruction at hand. */
  onEffect: () => void = () => {};

  constructor(cpu: Cpu, ports: Ports, memory: PhysicalMemory, devices: DmaDevices) {
    this.#memory = memory;
    this.#devices = devices;
    this.#cpu = cpu;
    this.#ports = ports;
  }

  isDevice(_cpu: unknown, frame: number): boolean {
    return this.#devices.has(frame);
  }

  readDevice(_cpu: unknown, address: number, sizeBytes: number): bigint {
    const { bytes } = this.#memory;
    const at = this.#memory.slotOf(frameOf(hpa(address))) * PAGE_SIZE_BYTES + pageOffset(address);
    let value = 0n;
    for (let index = sizeBytes - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[at + index]!);
    return value;
  }

  writeDevice(_cpu: unknown, address: number, sizeBytes: number, value: bigint): void {
    const content = new Uint8Array(sizeBytes);
    for (let index = 0; index < sizeBytes; index++) content[index] = Number((value >> BigInt(8 * index)) & 0xffn);
    this.#memory.writeBytes(hpa(address), content);
    this.#devices.noteWrite(frameOf(hpa(address)));
  }

  portIn(_cpu: unknown, port: number, sizeBytes: number): number {
    return this.#ports.read(port, sizeBytes);
  }

  portOut(_cpu: unknown, port: number, sizeBytes: number, value: number): void {
    const effect = this.#ports.write(port, sizeBytes, value);
    if (effect === 'none') return;
    this.effect = effect;
    this.onEffect();
  }

  readMsr(_cpu: unknown, index: number): bigint | undefined {
    const place = msrPlace(index);
    if (place < 0) return undefined;
    return joinBig(this.#cpu.msrs[2 * place]!, this.#cpu.msrs[2 * place + 1]!);
  }

  writeMsr(_cpu: unknown, index: number, value: bigint): boolean {
    const place = msrPlace(index);
    const low = Number(value & 0xffff_ffffn);
    const high = Number(value >> 32n);
    if (place < 0 || !MSRS[place]!.accepts(low, high)) return false;
    writeMsr(this.#cpu, place, low, high);
    return true;
  }

  /** CPUID always exits in VMX non-root operation. */
  cpuid(): void {}

  taskPriorityChanged(): void {}
  initialise(): void {}
  start(): void {}

  nextEventTsc(): number {
    return Number.POSITIVE_INFINITY;
  }

  pendingVector(): number {
    return -1;
  }

  acknowledge(): number {
    throw new InvariantError('no vector is pending');
  }

  isNmiPending(): boolean {
    return false;
  }

  takeNmi(): void {}

  takeInit(): boolean {
    return false;
  }

  takeSipi(): number {
    return -1;
  }
}
