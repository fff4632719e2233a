import type { Cpu } from '../cpu.ts';
import { IPI_VECTOR } from './compile-interrupts.ts';
import type { Kernel } from './kernel-context.ts';

/** The local APIC of a CPU, in x2APIC mode (Muen SK.Apic). */

/** Ends the interrupt in service: a write to MSR 0x80b. */
export function endOfInterrupt(kernel: Kernel, cpu: Cpu): void {
  const vector = cpu.endOfInterrupt();
  if (vector >= 0) kernel.platform.ioApic.endOfInterrupt(vector);
}

/** Makes another CPU leave its subject, so that it looks at pending events: a fixed interrupt through the ICR, MSR 0x830. */
export function sendIpi(kernel: Kernel, cpu: Cpu, target: number): void {
  kernel.platform.sendIpi(target, IPI_VECTOR, cpu.tsc);
}
