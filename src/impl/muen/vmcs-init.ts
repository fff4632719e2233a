import type { SubjectId } from '../../units/ids.ts';
import { highWord, lowWord } from '../../units/word.ts';
import type { Cpu } from '../cpu.ts';
import { FRAME_WORDS } from '../memory.ts';
import type { AllowedSettings } from '../vmx/capabilities.ts';
import { vmcsWord } from '../vmx/vmcs.ts';
import type { Kernel } from './kernel-context.ts';
import { RESTORE_TRANSFERS } from './state-layout.ts';
import { kernelCr4 } from './vmx.ts';

/** Places in the kernel's text and .bss, whose binary is ours: exit stub, descriptor tables, task-state segment. */
const EXIT_STUB = 0x10_0100;
const GDT = 0x12_5000;
const IDT = 0x12_4000;
const TSS = 0x12_5040;

/** Host values that the kernel sets for every subject (Muen SK.VMX VMCS_Setup_Host_Fields). */
const HOST_FIELDS: readonly (readonly [string, number])[] = [
  ['HOST_CS_SELECTOR', 8],
  ['HOST_DS_SELECTOR', 0x10],
  ['HOST_ES_SELECTOR', 0x10],
  ['HOST_SS_SELECTOR', 0x10],
  ['HOST_FS_SELECTOR', 0x10],
  ['HOST_GS_SELECTOR', 0x10],
  ['HOST_TR_SELECTOR', 0x18],
  ['HOST_RSP', 0x12_8000],
  ['HOST_RIP', EXIT_STUB],
  ['HOST_GDTR_BASE', GDT],
  ['HOST_IDTR_BASE', IDT],
  ['HOST_TR_BASE', TSS],
];

const word = {
  eptPointer: vmcsWord('EPT_POINTER'),
  cr3: vmcsWord('GUEST_CR3'),
  linkPointer: vmcsWord('LINK_POINTER'),
  pin: vmcsWord('PIN_CONTROLS'),
  proc: vmcsWord('PROC_CONTROLS'),
  proc2: vmcsWord('PROC2_CONTROLS'),
  exit: vmcsWord('EXIT_CONTROLS'),
  entry: vmcsWord('ENTRY_CONTROLS'),
  exceptions: vmcsWord('EXCEPTION_BITMAP'),
  cr0Mask: vmcsWord('CR0_MASK'),
  cr4Mask: vmcsWord('CR4_MASK'),
  ioBitmapA: vmcsWord('IO_BITMAP_A'),
  ioBitmapB: vmcsWord('IO_BITMAP_B'),
  msrBitmap: vmcsWord('MSR_BITMAP'),
  storeAddress: vmcsWord('EXIT_MSR_STORE_ADDRESS'),
  storeCount: vmcsWord('EXIT_MSR_STORE_COUNT'),
  loadAddress: vmcsWord('ENTRY_MSR_LOAD_ADDRESS'),
  loadCount: vmcsWord('ENTRY_MSR_LOAD_COUNT'),
  hostCr0: vmcsWord('HOST_CR0'),
  hostCr3: vmcsWord('HOST_CR3'),
  hostCr4: vmcsWord('HOST_CR4'),
  hostEfer: vmcsWord('HOST_EFER'),
};

/** What the processor makes of a control word of the policy: bits that it wants are added, bits that it lacks are dropped. */
const allowed = (wanted: number, { must, may }: AllowedSettings): number => ((wanted & may) | must) >>> 0;

/** EPTP low bits: write-back tables, walk length 4 (SDM Vol. 3C, "Extended-Page-Table Pointer"). */
const EPTP_FLAGS = 0x1e;

/** Clears and rebuilds the VMCS of a subject: controls, host fields, guest fields (Muen SK.VMX Reset). */
export function resetVmcs(kernel: Kernel, cpu: Cpu, subject: SubjectId): void {
  const { memory } = kernel;
  const spec = kernel.tables.subjects[subject]!;
  const slot = kernel.at.vmcsSlots[subject]!;
  kernel.ops.clearVmcs(kernel, cpu, subject);
  memory.fillWords(slot, 0, FRAME_WORDS, 0);
  memory.writeWord(slot, 0, kernel.platform.vmx.capabilities.revision);
  kernel.ops.clearVmcs(kernel, cpu, subject);
  kernel.ops.loadVmcs(kernel, cpu, subject);
  const { truePin, trueProc, proc2, trueExit, trueEntry } = kernel.platform.vmx.capabilities;
  const put = (field: number, value: number): void => {
    memory.writeWord(slot, field, lowWord(value));
    memory.writeWord(slot, field + 1, highWord(value));
  };
  memory.writeWord(slot, word.pin, allowed(spec.pinControls, truePin));
  memory.writeWord(slot, word.proc, allowed(spec.procControls, trueProc));
  memory.writeWord(slot, word.proc2, allowed(spec.proc2Controls, proc2));
  memory.writeWord(slot, word.exit, allowed(spec.exitControls, trueExit));
  memory.writeWord(slot, word.entry, allowed(spec.entryControls, trueEntry));
  memory.writeWord(slot, word.exceptions, spec.exceptionBitmap);
  memory.writeWord(slot, word.cr0Mask, spec.cr0Mask[0]);
  memory.writeWord(slot, word.cr0Mask + 1, spec.cr0Mask[1]);
  memory.writeWord(slot, word.cr4Mask, spec.cr4Mask[0]);
  memory.writeWord(slot, word.cr4Mask + 1, spec.cr4Mask[1]);
  put(word.ioBitmapA, spec.ioBitmap);
  put(word.ioBitmapB, spec.ioBitmap + 0x1000);
  put(word.msrBitmap, spec.msrBitmap);
  if (spec.storedMsrs > 0) {
    // One page serves both: exits store to it, entries load from it.
    put(word.storeAddress, spec.pages.msrStore);
    put(word.loadAddress, spec.pages.msrStore);
    memory.writeWord(slot, word.storeCount, spec.storedMsrs);
    memory.writeWord(slot, word.loadCount, spec.storedMsrs);
  }
  memory.writeWord(slot, word.linkPointer, 0xffff_ffff);
  memory.writeWord(slot, word.linkPointer + 1, 0xffff_ffff);
  put(word.eptPointer, spec.ept ? spec.rootTable + EPTP_FLAGS : 0);
  put(word.cr3, spec.ept ? 0 : spec.rootTable);
  for (const [name, value] of HOST_FIELDS) put(vmcsWord(name), value);
  const { cr0, efer } = kernel.platform.processor;
  put(word.hostCr0, cr0);
  put(word.hostCr3, kernel.at.rootTables[cpu.id]!);
  put(word.hostCr4, kernelCr4(kernel));
  put(word.hostEfer, efer);
  const { stateWords, vmcsWords, masks } = RESTORE_TRANSFERS;
  for (let index = 0; index < stateWords.length; index++) {
    memory.writeWord(slot, vmcsWords[index]!, (spec.initialState[stateWords[index]!]! & masks[index]!) >>> 0);
  }
}
