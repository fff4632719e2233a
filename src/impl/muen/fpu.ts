import type { SubjectId } from '../../units/ids.ts';
import type { Cpu } from '../cpu.ts';
import { FRAME_WORDS } from '../memory.ts';
import { FCW_INITIAL, MXCSR_BITS, MXCSR_INITIAL, setXcr0, XSTATE_BV_WORD, xrstor, xsave } from '../xsave.ts';
import type { Kernel } from './kernel-context.ts';
import { currentXcr0, setCurrentXcr0 } from './scheduling-state.ts';

/** FPU page of a subject (Muen SK.FPU): its XCR0 at word 0, the XSAVE area of 4032 bytes from byte 64. */

export const FPU_XCR0_WORD = 0;
export const FPU_AREA_WORD = 16;

/** Executes XSETBV only if the value changes; the kernel keeps the current one per CPU. */
export function writeXcr0(kernel: Kernel, cpu: Cpu, value: number): void {
  if (currentXcr0(kernel, cpu.id) === value) return;
  setXcr0(cpu, value, kernel.tables.xcr0Features);
  setCurrentXcr0(kernel, cpu.id, value);
}

/** Saves the extended state of the subject that exits: all components, whatever the subject enabled. */
export function saveFpu(kernel: Kernel, cpu: Cpu, subject: SubjectId): void {
  kernel.ops.writeXcr0(kernel, cpu, kernel.tables.xcr0Features);
  xsave(kernel.memory, kernel.at.fpuSlots[subject]!, FPU_AREA_WORD, cpu);
}

/** Loads the extended state of the subject to be entered, then its XCR0. */
export function restoreFpu(kernel: Kernel, cpu: Cpu, subject: SubjectId): void {
  const slot = kernel.at.fpuSlots[subject]!;
  kernel.ops.writeXcr0(kernel, cpu, kernel.tables.xcr0Features);
  xrstor(kernel.memory, slot, FPU_AREA_WORD, cpu);
  kernel.ops.writeXcr0(kernel, cpu, kernel.memory.readWord(slot, FPU_XCR0_WORD));
}

/** FPU page after a reset: all supported features enabled, control words as after FNINIT, registers zero. */
export function resetFpu(kernel: Kernel, subject: SubjectId): void {
  const { memory, tables } = kernel;
  const slot = kernel.at.fpuSlots[subject]!;
  memory.fillWords(slot, 0, FRAME_WORDS, 0);
  memory.writeWord(slot, FPU_XCR0_WORD, tables.xcr0Features);
  memory.writeWord(slot, FPU_AREA_WORD, FCW_INITIAL);
  memory.writeWord(slot, FPU_AREA_WORD + 1, 0xffff);
  memory.writeWord(slot, FPU_AREA_WORD + 6, MXCSR_INITIAL);
  memory.writeWord(slot, FPU_AREA_WORD + 7, MXCSR_BITS);
  memory.writeWord(slot, FPU_AREA_WORD + XSTATE_BV_WORD, tables.xcr0Features);
}

/** Takes over a subject's new XCR0; components that it disables go back to their initial configuration. */
export function setSubjectXcr0(kernel: Kernel, subject: SubjectId, value: number): void {
  const { memory } = kernel;
  const slot = kernel.at.fpuSlots[subject]!;
  const disabled = memory.readWord(slot, FPU_XCR0_WORD) & ~value;
  memory.writeWord(slot, FPU_XCR0_WORD, value);
  const header = FPU_AREA_WORD + XSTATE_BV_WORD;
  if (disabled !== 0) memory.writeWord(slot, header, (memory.readWord(slot, header) & ~disabled) >>> 0);
}
