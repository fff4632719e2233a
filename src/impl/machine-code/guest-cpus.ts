import type { Cpu } from '../cpu.ts';
import type { DmaDevices } from '../dma/dma-devices.ts';
import type { MachineOps } from '../machine-ops.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { Ports } from '../ports.ts';
import { GuestProcessor, type SavedGuest } from './guest-processor.ts';

/**
 * Instructions after which another CPU may proceed at the latest. Slices of machine code end at multiples of this in virtual
 * time, so that where they end depends on nothing but the time.
 */
const GRID_INSTRUCTIONS = 128;

/** Guest sides of a system's CPUs, each made when its first subject with machine code is entered. */
export class GuestCpus {
  readonly #memory: PhysicalMemory;
  readonly #ports: Ports;
  readonly #devices: DmaDevices;
  readonly #ops: MachineOps;
  readonly #cpus: readonly Cpu[];
  readonly #guests: (GuestProcessor | undefined)[];

  constructor(memory: PhysicalMemory, cpus: readonly Cpu[], ports: Ports, devices: DmaDevices, ops: MachineOps) {
    this.#memory = memory;
    this.#cpus = cpus;
    this.#ports = ports;
    this.#devices = devices;
    this.#ops = ops;
    this.#guests = cpus.map(() => undefined);
  }

  of(cpu: Cpu): GuestProcessor {
    const known = this.#guests[cpu.id];
    if (known !== undefined) return known;
    const created = new GuestProcessor(this.#memory, cpu, this.#ports, this.#devices, this.#ops);
    this.#guests[cpu.id] = created;
    return created;
  }

  /** A subject is entered on `cpu`: what the guest side held is void. */
  enter(cpu: Cpu): void {
    this.#guests[cpu.id]?.enter();
  }

  /** TSC at which the machine code on `cpu` goes on if nothing else happens before, Infinity if it waits or its frame is about to end. */
  nextTsc(cpu: Cpu, guardCycles: number, cyclesPerInstruction: number): number {
    const guest = this.of(cpu);
    if (!guest.isLoaded) return cpu.tsc;
    const isOver = cpu.tsc + cyclesPerInstruction + guardCycles > cpu.timerDeadlineTsc;
    return isOver || guest.isWaiting ? Number.POSITIVE_INFINITY : cpu.tsc;
  }

  /** The subject on `cpu` was entered and has not run since: it comes before timers and interrupts. */
  isEntering(cpu: Cpu): boolean {
    return !this.of(cpu).isLoaded;
  }

  /** Instructions that may run before something else must be looked at. */
  budget(cpu: Cpu, guardCycles: number, cyclesPerInstruction: number, endTsc: number): number {
    const frame = Math.floor((cpu.timerDeadlineTsc - guardCycles - cpu.tsc) / cyclesPerInstruction);
    const grid = GRID_INSTRUCTIONS * cyclesPerInstruction;
    const toGrid = Math.ceil((Math.floor(cpu.tsc / grid + 1) * grid - cpu.tsc) / cyclesPerInstruction);
    const toEnd = Math.ceil((endTsc - cpu.tsc) / cyclesPerInstruction);
    return Math.max(0, Math.min(frame, toGrid, Math.max(1, toEnd)));
  }

  save(): readonly (SavedGuest | undefined)[] {
    return this.#guests.map(guest => guest?.save());
  }

  restore(saved: readonly (SavedGuest | undefined)[]): void {
    this.#cpus.forEach((cpu, id) => {
      const state = saved[id];
      if (state !== undefined) this.of(cpu).restore(state);
      else this.#guests[id]?.restore(undefined);
    });
  }
}
