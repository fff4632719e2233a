import type { PolicyDocument } from '../../policy/document.ts';
import { frameOf, hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { Iommu } from '../platform/iommu.ts';
import { CONFIGURATION, type ConfigurationSpace, settleSpace } from './configuration-space.ts';
import { type DmaCommand, type DmaDevice, type DmaOutcome, runDma, takeCommand } from './dma-device.ts';
import type { DmaOps, Iotlb } from './dma-remapping.ts';
import { remapInterrupt } from './interrupt-messages.ts';

const REGISTER_BYTES = 0x1000;

/** PCI devices that a subject programs through registers: a test device stands for each. */
export function dmaDevicesOf(document: PolicyDocument): readonly DmaDevice[] {
  const assigned = new Set(document.subjects.flatMap(({ devices }) => devices.map(({ physical }) => physical)));
  return document.hardware.devices.flatMap(({ name, pci, memory }) => {
    // Configuration space is no memory of the device itself.
    const registers = memory.find(row => row.name !== CONFIGURATION && row.sizeBytes >= REGISTER_BYTES);
    if (pci === undefined || registers === undefined || !assigned.has(name)) return [];
    const source = pci.bus * 256 + pci.device * 8 + pci.function;
    return [{ name, source, registers: hpa(registers.physicalAddress) }];
  });
}

/** Who takes part when a device acts. */
export interface DmaWorld {
  /** An interrupt message reaches the CPU with this APIC id. */
  readonly deliver: (destination: number, vector: number) => void;
  readonly observe: (outcome: DmaOutcome) => void;
}

/** The test devices of a system, behind its IOMMU, and their configuration spaces. */
export class DmaDevices {
  readonly #memory: PhysicalMemory;
  readonly #bySlot = new Map<number, DmaDevice>();
  readonly #byFrame = new Map<number, DmaDevice>();
  readonly #spaceBySlot = new Map<number, ConfigurationSpace>();
  readonly #spaceByFrame = new Map<number, ConfigurationSpace>();
  readonly #unit: Iommu | undefined;
  readonly #ops: DmaOps;
  #iotlb: Iotlb = new Map();
  /** Commands of the current stretch of instructions, in order. */
  #queue: DmaCommand[] = [];

  constructor(
    memory: PhysicalMemory,
    devices: readonly DmaDevice[],
    spaces: readonly ConfigurationSpace[],
    units: readonly Iommu[],
    ops: DmaOps,
  ) {
    this.#memory = memory;
    // All units have the same tables; the last is the one that serves all that no other does.
    this.#unit = units.at(-1);
    this.#ops = ops;
    for (const device of devices) {
      this.#byFrame.set(frameOf(device.registers), device);
      this.#bySlot.set(memory.slotOf(frameOf(device.registers)), device);
    }
    for (const space of spaces) {
      this.#spaceByFrame.set(frameOf(space.address), space);
      this.#spaceBySlot.set(memory.slotOf(frameOf(space.address)), space);
    }
  }

  /** As after the kernel enabled translation: nothing is remembered. */
  forget(): void {
    this.#iotlb = new Map();
    this.#queue = [];
  }

  /** True if a frame holds registers of a device, or its configuration space. */
  has(frame: number): boolean {
    return this.#byFrame.has(frame) || this.#spaceByFrame.has(frame);
  }

  /** The registers in a frame were written. */
  noteWrite(frame: number): void {
    const space = this.#spaceByFrame.get(frame);
    if (space !== undefined) this.#settle(space);
    const device = this.#byFrame.get(frame);
    const command = device === undefined ? undefined : takeCommand(this.#memory, device);
    if (command !== undefined) this.#queue.push(command);
  }

  /** Executes what the current step has started. */
  run(world: DmaWorld): void {
    const memory = this.#memory;
    if (this.#bySlot.size + this.#spaceBySlot.size === 0) return;
    for (let index = 0; index < memory.touchedCount; index++) {
      const space = this.#spaceBySlot.get(memory.touchedSlot(index));
      if (space !== undefined) this.#settle(space);
      const device = this.#bySlot.get(memory.touchedSlot(index));
      if (device !== undefined) this.noteWrite(frameOf(device.registers));
    }
    if (this.#queue.length === 0) return;
    const commands = this.#queue;
    this.#queue = [];
    for (const command of commands) {
      const outcome = runDma(memory, command, this.#unit, this.#iotlb, this.#ops);
      world.observe(outcome);
      if (outcome.interrupt >= 0) this.#interrupt(command.device, outcome.interrupt, world);
    }
    const event = this.#unit?.takeFaultEvent();
    if (event !== undefined) world.deliver(event.destination, event.vector);
  }

  #settle(space: ConfigurationSpace): void {
    const memory = this.#memory;
    settleSpace(memory, space, memory.slotOf(frameOf(space.address)) * PAGE_SIZE_BYTES);
  }

  #interrupt({ source }: DmaDevice, index: number, world: DmaWorld): void {
    const unit = this.#unit;
    if (unit === undefined) return;
    const remapped = remapInterrupt(this.#memory, unit.remappingTable, index, source);
    if (remapped.kind === 'delivered') world.deliver(remapped.destination, remapped.vector);
    else unit.recordFault({ source, address: index * 2 ** 48, isRead: false, reason: remapped.reason });
  }
}
