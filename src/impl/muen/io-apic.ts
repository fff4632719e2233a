import type { Kernel } from './kernel-context.ts';

/** Masks and unmasks redirection-table entries; the kernel drives the first I/O APIC only, entry = IRQ (Muen SK.IO_Apic). */

export function maskIrq(kernel: Kernel, irq: number): void {
  kernel.platform.ioApicMask = (kernel.platform.ioApicMask | (1 << (irq & 31))) >>> 0;
}

export function unmaskIrq(kernel: Kernel, irq: number): void {
  kernel.platform.ioApicMask = (kernel.platform.ioApicMask & ~(1 << (irq & 31))) >>> 0;
}
