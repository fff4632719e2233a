import type { SubjectId } from '../../units/ids.ts';
import { TWO32 } from '../../units/word.ts';
import type { Cpu } from '../cpu.ts';
import { FRAME_WORDS } from '../memory.ts';
import { Vmcs } from '../vmx/vmcs.ts';
import type { Kernel } from './kernel-context.ts';
import { REGISTER_WORDS, RESTORE_TRANSFERS, SAVE_TRANSFERS, StateWord } from './state-layout.ts';

/** Saves registers and VMCS guest state of the exiting subject to its state page; GPRs in the CPU are zeroed (Muen SK.Subjects Save_State). */
export function saveState(kernel: Kernel, cpu: Cpu, subject: SubjectId): void {
  const { memory } = kernel;
  const slot = kernel.at.stateSlots[subject]!;
  memory.touch(slot);
  const { stateWords, vmcsWords } = SAVE_TRANSFERS;
  const target = slot * FRAME_WORDS;
  const source = cpu.currentVmcs('vmread') * FRAME_WORDS;
  const { words } = memory;
  for (let word = 0; word < REGISTER_WORDS; word++) words[target + word] = cpu.registers[word]!;
  cpu.registers.fill(0);
  for (let index = 0; index < stateWords.length; index++)
    words[target + stateWords[index]!] = words[source + vmcsWords[index]!]!;
}

/** Writes the state page of the subject to its VMCS and the CPU's registers (Muen SK.Subjects Restore_State). */
export function restoreState(kernel: Kernel, cpu: Cpu, subject: SubjectId): void {
  const { memory } = kernel;
  const slot = kernel.at.stateSlots[subject]!;
  memory.touch(cpu.currentVmcs('vmwrite'));
  const { stateWords, vmcsWords, masks } = RESTORE_TRANSFERS;
  const source = slot * FRAME_WORDS;
  const target = cpu.vmcsSlot * FRAME_WORDS;
  const { words } = memory;
  for (let index = 0; index < stateWords.length; index++) {
    words[target + vmcsWords[index]!] = words[source + stateWords[index]!]! & masks[index]!;
  }
  for (let word = 0; word < REGISTER_WORDS; word++) cpu.registers[word] = words[source + word]!;
}

/** Forces CR4.MCE in the state page, so that machine checks always exit (Muen Filter_State). */
export function filterState(kernel: Kernel, subject: SubjectId): void {
  const slot = kernel.at.stateSlots[subject]!;
  const cr4 = kernel.memory.readWord(slot, StateWord.cr4);
  if ((cr4 & CR4_MCE) === 0) kernel.memory.writeWord(slot, StateWord.cr4, cr4 | CR4_MCE);
}

const CR4_MCE = 1 << 6;
/** Blocking by STI and by MOV SS (SDM Vol. 3C, "Guest Non-Register State", interruptibility state). */
const BLOCKING_BY_STI_OR_MOV_SS = 0b11;

/** Advances RIP over the exiting instruction and ends interrupt blocking (Muen Increment_RIP). */
export function incrementRip(kernel: Kernel, subject: SubjectId): void {
  const { memory } = kernel;
  const slot = kernel.at.stateSlots[subject]!;
  const sum = memory.readWord(slot, StateWord.rip) + memory.readWord(slot, StateWord.instructionLength);
  memory.writeWord(slot, StateWord.rip, sum >>> 0);
  if (sum >= TWO32) memory.writeWord(slot, StateWord.rip + 1, (memory.readWord(slot, StateWord.rip + 1) + 1) >>> 0);
  const interruptibility = memory.readWord(slot, StateWord.interruptibility);
  memory.writeWord(slot, StateWord.interruptibility, interruptibility & ~BLOCKING_BY_STI_OR_MOV_SS);
}

export function isRunning(kernel: Kernel, subject: SubjectId): boolean {
  return (kernel.memory.readWord(kernel.at.stateSlots[subject]!, StateWord.running) & 1) !== 0;
}

/** Sets or clears the Running flag: bit 0 of byte 492. */
export function setRunning(kernel: Kernel, subject: SubjectId, running: boolean): void {
  const slot = kernel.at.stateSlots[subject]!;
  const word = kernel.memory.readWord(slot, StateWord.running);
  kernel.memory.writeWord(slot, StateWord.running, running ? (word | 1) >>> 0 : (word & ~1) >>> 0);
}

/** Sets the activity state that the next VM entry loads: 0 active, 1 HLT. */
export function setActivity(kernel: Kernel, subject: SubjectId, activity: number): void {
  kernel.memory.writeWord(kernel.at.stateSlots[subject]!, StateWord.activity, activity);
}

/** True if the subject can take an external interrupt at the next entry: RFLAGS.IF set and nothing blocks (Muen Accepts_Interrupts). */
export function acceptsInterrupts(kernel: Kernel, subject: SubjectId): boolean {
  const slot = kernel.at.stateSlots[subject]!;
  return (
    kernel.memory.readWord(slot, StateWord.interruptibility) === 0 &&
    (kernel.memory.readWord(slot, StateWord.rflags) & (1 << 9)) !== 0
  );
}

/** Puts the state page to the policy's reset values (Muen SK.Subjects Reset_State). */
export function resetState(kernel: Kernel, subject: SubjectId): void {
  const slot = kernel.at.stateSlots[subject]!;
  const initial = kernel.tables.subjects[subject]!.initialState;
  for (let word = 0; word < initial.length; word++) kernel.memory.writeWord(slot, word, initial[word]!);
}

/** CPL of the exiting subject as the kernel determines it: RPL of CS. */
export function privilegeLevel(kernel: Kernel, subject: SubjectId): number {
  return kernel.memory.readWord(kernel.at.stateSlots[subject]!, StateWord.csSelector) & 3;
}

/** Sets or clears interrupt-window exiting in the current VMCS. */
export function setInterruptWindow(cpu: Cpu, open: boolean): void {
  const controls = cpu.vmread(Vmcs.procControls);
  const wanted = open ? (controls | 4) >>> 0 : (controls & ~4) >>> 0;
  if (wanted !== controls) cpu.vmwrite(Vmcs.procControls, wanted);
}
