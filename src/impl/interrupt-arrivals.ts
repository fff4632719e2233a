import type { ExternalInterrupt } from '../units/schedule.ts';
import type { Cpu } from './cpu.ts';
import type { MachineOps } from './machine-ops.ts';
import { IRQ_REMAP_OFFSET } from './muen/compile-interrupts.ts';
import type { Kernel } from './muen/kernel-context.ts';

/** Redirection-table entries of the I/O APIC that have a mask bit here. */
const LINES = 32;

/**
 * Interrupts on their way to the CPUs of a run: device interrupts at the times that the inputs give, messages of other
 * CPUs, and level-triggered lines that wait at the I/O APIC while they are masked.
 */
export class InterruptArrivals {
  readonly #byCpu: readonly (readonly ExternalInterrupt[])[];
  readonly #cursor: number[];
  /** TSC of the latest message per CPU. */
  readonly #requestTsc: number[];
  readonly #unitCycles: number;
  readonly #ops: MachineOps;
  #heldLines = 0;

  constructor(interrupts: readonly ExternalInterrupt[], cpuCount: number, unitCycles: number, ops: MachineOps) {
    this.#byCpu = Array.from({ length: cpuCount }, (_, cpu) =>
      interrupts.filter(row => row.cpu === cpu).sort((a, b) => a.tsc - b.tsc),
    );
    this.#cursor = Array.from({ length: cpuCount }, () => 0);
    this.#requestTsc = Array.from({ length: cpuCount }, () => 0);
    this.#unitCycles = unitCycles;
    this.#ops = ops;
  }

  /** True while a masked line is asserted. */
  get holdsLines(): boolean {
    return this.#heldLines !== 0;
  }

  /** TSC at which an interrupt reaches the CPU: now if one is requested, else the next arrival, Infinity if there is none. */
  nextTsc(cpu: Cpu): number {
    if (cpu.highestRequest() >= 0) return Math.max(cpu.tsc, this.#requestTsc[cpu.id]!);
    const arrival = this.#byCpu[cpu.id]![this.#cursor[cpu.id]!];
    return arrival === undefined ? Number.POSITIVE_INFINITY : Math.max(cpu.tsc, this.#toUnit(arrival.tsc));
  }

  /** Moves an arrival that is due into the local APIC, or holds it if its line is masked; the vector to take, -1 if none. */
  take(cpu: Cpu, maskedLines: number): number {
    const cursor = this.#cursor[cpu.id]!;
    const arrival = this.#byCpu[cpu.id]![cursor];
    if (arrival !== undefined && this.#toUnit(arrival.tsc) <= cpu.tsc) {
      this.#cursor[cpu.id] = cursor + 1;
      const line = arrival.vector - IRQ_REMAP_OFFSET;
      const isHeld = line >= 0 && line < LINES && (maskedLines & (1 << line)) !== 0;
      if (isHeld) this.#heldLines |= 1 << line;
      else this.#ops.requestInterrupt(cpu, arrival.vector);
    }
    return cpu.highestRequest();
  }

  /** A message reaches the local APIC of a CPU at `tsc`. */
  request(cpu: Cpu, vector: number, tsc: number): void {
    this.#requestTsc[cpu.id] = tsc;
    this.#ops.requestInterrupt(cpu, vector);
  }

  /** Lines that were asserted while masked arrive once they are unmasked. */
  release(kernel: Kernel, tsc: number): void {
    const free = this.#heldLines & ~kernel.platform.ioApicMask;
    for (let line = 0; line < LINES; line++) {
      if ((free & (1 << line)) === 0) continue;
      this.#heldLines &= ~(1 << line);
      const route = kernel.tables.vectorRouting[line + IRQ_REMAP_OFFSET];
      if (route === undefined) continue;
      this.request(kernel.cpus[kernel.tables.subjects[route.subject]!.cpu]!, line + IRQ_REMAP_OFFSET, tsc);
    }
  }

  #toUnit(tsc: number): number {
    return Math.ceil(tsc / this.#unitCycles) * this.#unitCycles;
  }
}
