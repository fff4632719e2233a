import type { ExternalInterrupt } from '../units/schedule.ts';
import type { Cpu } from './cpu.ts';
import type { MachineOps } from './machine-ops.ts';
import { IRQ_REMAP_OFFSET } from './muen/compile-interrupts.ts';
import type { Kernel } from './muen/kernel-context.ts';
import { ioApicEntry } from './platform/io-apic.ts';

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
  /** Level-triggered lines that are asserted and wait. */
  readonly #heldLines = new Set<number>();

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
    return this.#heldLines.size > 0;
  }

  /** TSC at which an interrupt reaches the CPU: now if one is requested, else the next arrival, Infinity if there is none. */
  nextTsc(cpu: Cpu): number {
    if (cpu.highestRequest() >= 0) return Math.max(cpu.tsc, this.#requestTsc[cpu.id]!);
    const arrival = this.#byCpu[cpu.id]![this.#cursor[cpu.id]!];
    return arrival === undefined ? Number.POSITIVE_INFINITY : Math.max(cpu.tsc, this.#toUnit(arrival.tsc));
  }

  /**
   * Moves an arrival that is due into the local APIC; the vector to take, -1 if none. A level-triggered line that its I/O
   * APIC entry holds back stays asserted, an edge is lost. Vectors that belong to no line go to the local APIC directly, as messages do.
   */
  take(cpu: Cpu, { tables, platform: { ioApic } }: Kernel): number {
    const cursor = this.#cursor[cpu.id]!;
    const arrival = this.#byCpu[cpu.id]![cursor];
    if (arrival !== undefined && this.#toUnit(arrival.tsc) <= cpu.tsc) {
      this.#cursor[cpu.id] = cursor + 1;
      const irq = arrival.vector - IRQ_REMAP_OFFSET;
      const line = tables.lines.find(row => row.irq === irq);
      if (line === undefined) this.#ops.requestInterrupt(cpu, arrival.vector);
      else if (!ioApic.isHeld(ioApicEntry(irq))) {
        ioApic.accept(ioApicEntry(irq));
        this.#ops.requestInterrupt(cpu, arrival.vector);
      } else if (line.isLevel) this.#heldLines.add(irq);
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
    for (const irq of this.#heldLines) {
      if (kernel.platform.ioApic.isHeld(ioApicEntry(irq))) continue;
      this.#heldLines.delete(irq);
      const route = kernel.tables.vectorRouting[irq + IRQ_REMAP_OFFSET];
      if (route === undefined) continue;
      kernel.platform.ioApic.accept(ioApicEntry(irq));
      this.request(kernel.cpus[kernel.tables.subjects[route.subject]!.cpu]!, irq + IRQ_REMAP_OFFSET, tsc);
    }
  }

  #toUnit(tsc: number): number {
    return Math.ceil(tsc / this.#unitCycles) * this.#unitCycles;
  }
}
