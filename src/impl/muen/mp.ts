import type { Cpu } from '../cpu.ts';
import { AtomicAccess, type Kernel, type Segments } from './kernel-context.ts';
import { BARRIER_WORDS } from './kernel-memory.ts';

/**
 * Sense-reversing barriers in the shared page (Muen SK.MP, SK.Barriers).
 *
 * Barrier 0 is the all-CPU barrier at the end of a major frame; barriers 1 .. n belong to minor frames.
 */

const SIZE = 0;
const SENSE = 1;
const COUNT = 2;

/** Word of a barrier record in the global page. */
export const barrierWord = (kernel: Kernel, barrier: number): number => kernel.at.barrierBase + barrier * BARRIER_WORDS;

/** Waits until as many CPUs as the barrier's size have arrived. */
export function* waitBarrier(kernel: Kernel, _cpu: Cpu, barrier: number): Segments {
  const { memory } = kernel;
  const slot = kernel.at.globalSlot;
  const base = barrierWord(kernel, barrier);
  yield AtomicAccess.barrierRead;
  const size = memory.readWord(slot, base + SIZE);
  const target = 1 - memory.readWord(slot, base + SENSE);
  yield AtomicAccess.barrierAdd;
  const arrived = memory.readWord(slot, base + COUNT) + 1;
  memory.writeWord(slot, base + COUNT, arrived);
  if (arrived === size) {
    yield AtomicAccess.barrierReset;
    memory.writeWord(slot, base + COUNT, 0);
    yield AtomicAccess.barrierRelease;
    memory.writeWord(slot, base + SENSE, target);
    return;
  }
  while (memory.readWord(slot, base + SENSE) !== target) yield AtomicAccess.barrierSpin;
}

/** Puts the minor-frame barriers to the configuration of a major frame; only between the two all-CPU waits. */
export function configureBarriers(kernel: Kernel, sizes: readonly number[]): void {
  const { memory } = kernel;
  for (let barrier = 1; barrier <= sizes.length; barrier++) {
    const base = barrierWord(kernel, barrier);
    memory.writeWord(kernel.at.globalSlot, base + SIZE, sizes[barrier - 1]!);
    memory.writeWord(kernel.at.globalSlot, base + SENSE, 0);
    memory.writeWord(kernel.at.globalSlot, base + COUNT, 0);
  }
}

/** Initialises the all-CPU barrier. */
export function initAllBarrier(kernel: Kernel, cpuCount: number): void {
  const base = barrierWord(kernel, 0);
  kernel.memory.writeWord(kernel.at.globalSlot, base + SIZE, cpuCount);
  kernel.memory.writeWord(kernel.at.globalSlot, base + SENSE, 0);
  kernel.memory.writeWord(kernel.at.globalSlot, base + COUNT, 0);
}
