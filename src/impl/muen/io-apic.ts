import { IO_APIC_SELECT, IO_APIC_WINDOW, ioApicEntry, REDIRECTION_REGISTER, Redirection } from '../platform/io-apic.ts';
import { IRQ_REMAP_OFFSET } from './compile-interrupts.ts';
import { AtomicAccess, type Kernel, type Segments } from './kernel-context.ts';
import { GLOBAL_IO_APIC_LOCK } from './kernel-memory.ts';

/** Interrupt routing through the first I/O APIC, whose two registers all CPUs share under a spin lock (Muen SK.IO_Apic, SK.Locks). */

/** High half of a remappable redirection entry: format bit 48 and the index of the remapping-table entry from bit 49. */
const REMAPPABLE = 1 << 16;
const INDEX_SHIFT = 17;

/** Routes every assigned line at boot: vector IRQ + 32, remapping entry = IRQ, unmasked (BSP, after VT-d). */
export function setupIoApic(kernel: Kernel): void {
  const { ioApic } = kernel.platform;
  for (const { irq, isLevel } of kernel.tables.lines) {
    const low = (irq + IRQ_REMAP_OFFSET) | (isLevel ? Redirection.activeLow | Redirection.level : 0);
    const register = REDIRECTION_REGISTER + 2 * ioApicEntry(irq);
    ioApic.write(IO_APIC_SELECT, register);
    ioApic.write(IO_APIC_WINDOW, low);
    ioApic.write(IO_APIC_SELECT, register + 1);
    ioApic.write(IO_APIC_WINDOW, (REMAPPABLE | (irq << INDEX_SHIFT)) >>> 0);
  }
}

/** Takes the spin lock: an atomic exchange, repeated while another CPU has it. */
export function* takeIoApicLock(kernel: Kernel): Segments {
  const { memory, at } = kernel;
  yield AtomicAccess.lockTake;
  while (memory.readWord(at.globalSlot, GLOBAL_IO_APIC_LOCK) !== 0) yield AtomicAccess.lockSpin;
  memory.writeWord(at.globalSlot, GLOBAL_IO_APIC_LOCK, 1);
}

export function* releaseIoApicLock(kernel: Kernel): Segments {
  yield AtomicAccess.lockRelease;
  kernel.memory.writeWord(kernel.at.globalSlot, GLOBAL_IO_APIC_LOCK, 0);
}

/** Sets or clears the mask bit of an entry: select, read, write, all under the lock. */
function* updateMask(kernel: Kernel, irq: number, isMasked: boolean): Segments {
  const { ioApic } = kernel.platform;
  yield* kernel.ops.takeIoApicLock(kernel);
  yield AtomicAccess.ioApicSelect;
  ioApic.write(IO_APIC_SELECT, REDIRECTION_REGISTER + 2 * irq);
  yield AtomicAccess.ioApicRead;
  const low = ioApic.read(IO_APIC_WINDOW);
  yield AtomicAccess.ioApicWrite;
  ioApic.write(IO_APIC_WINDOW, isMasked ? low | Redirection.masked : low & ~Redirection.masked);
  yield* kernel.ops.releaseIoApicLock(kernel);
}

/** Masks the entry with the number of the IRQ; the kernel drives the first I/O APIC only. */
export function* maskIrq(kernel: Kernel, irq: number): Segments {
  yield* updateMask(kernel, irq, true);
}

export function* unmaskIrq(kernel: Kernel, irq: number): Segments {
  yield* updateMask(kernel, irq, false);
}
