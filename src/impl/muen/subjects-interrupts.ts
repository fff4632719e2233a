import type { SubjectId, Vector } from '../../units/ids.ts';
import type { Cpu } from '../cpu.ts';
import { INJECT_EXTERNAL_INTERRUPT, Vmcs } from '../vmx/vmcs.ts';
import type { Kernel } from './kernel-context.ts';

/** Pending interrupts: a 256-bit set at the start of the subject's interrupts page (Muen SK.Subjects_Interrupts). */

const PENDING_WORDS = 8;

/** Inserts a vector; a plain read-modify-write, because only the CPU that runs the subject and its monitors touch the page. */
export function insertInterrupt(kernel: Kernel, subject: SubjectId, vector: Vector): void {
  const slot = kernel.at.interruptSlots[subject]!;
  const word = vector >>> 5;
  kernel.memory.writeWord(slot, word, (kernel.memory.readWord(slot, word) | (1 << (vector & 31))) >>> 0);
}

export function hasPendingInterrupt(kernel: Kernel, subject: SubjectId): boolean {
  const slot = kernel.at.interruptSlots[subject]!;
  for (let word = 0; word < PENDING_WORDS; word++) {
    if (kernel.memory.readWord(slot, word) !== 0) return true;
  }
  return false;
}

/** Takes the highest pending vector; -1 if there is none. */
export function consumeInterrupt(kernel: Kernel, subject: SubjectId): Vector {
  const slot = kernel.at.interruptSlots[subject]!;
  for (let word = PENDING_WORDS - 1; word >= 0; word--) {
    const bits = kernel.memory.readWord(slot, word);
    if (bits !== 0) {
      const bit = 31 - Math.clz32(bits);
      kernel.memory.writeWord(slot, word, (bits & ~(1 << bit)) >>> 0);
      return word * 32 + bit;
    }
  }
  return -1;
}

/** Drops all pending vectors (subject reset). */
export function clearInterrupts(kernel: Kernel, subject: SubjectId): void {
  kernel.memory.fillWords(kernel.at.interruptSlots[subject]!, 0, PENDING_WORDS, 0);
}

/**
 * Injects at most one pending vector at the coming VM entry, highest first, and opens the interrupt window while more
 * remain (Muen SK.Kernel Inject_Interrupt).
 */
export function injectInterrupt(kernel: Kernel, cpu: Cpu, subject: SubjectId): void {
  if (kernel.ops.acceptsInterrupts(kernel, subject)) {
    const vector = kernel.ops.consumeInterrupt(kernel, subject);
    if (vector >= 0) {
      cpu.vmwrite(Vmcs.entryInterruptInfo, (INJECT_EXTERNAL_INTERRUPT | vector) >>> 0);
      kernel.ops.setRunning(kernel, subject, true);
    }
  }
  if (kernel.ops.hasPendingInterrupt(kernel, subject)) kernel.ops.setInterruptWindow(cpu, true);
}
