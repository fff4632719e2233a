import { highWord, lowWord } from '../units/word.ts';
import type { PhysicalMemory } from './memory.ts';
import { MSRS } from './msrs.ts';
import { REGISTER_WORDS } from './muen/state-layout.ts';
import { fieldEncoding } from './vmx/vmcs.ts';
import { VmxFailure } from './vmx/vmx-failure.ts';
import { initialExtendedState } from './xsave.ts';

/** What a logical processor is doing. */
export const CpuMode = { guest: 0, kernel: 1, stopped: 2, entryFailed: 3 } as const;

/**
 * A logical processor as VMX-root software sees it: general-purpose registers, the current VMCS, TSC and local APIC.
 *
 * VMREAD and VMWRITE go to the VMCS region in physical memory; its slot is the "current VMCS" of the processor.
 */
export class Cpu {
  readonly id: number;
  /** CR2 and the general-purpose registers, low and high words, in subject-state order. */
  readonly registers = new Uint32Array(REGISTER_WORDS);
  /** Extended state (x87, SSE, AVX, AVX-512 registers) in the layout of an XSAVE area. */
  readonly fpu = initialExtendedState();
  /** Changes of the extended state so far; whoever writes `fpu` counts. */
  fpuVersion = 0;
  /** Slot whose XSAVE area equals the extended state as of `syncedVersion`, unless it was written since; -1 if none does. */
  syncedSlot = -1;
  syncedVersion = 0;
  /** Extended control register 0: the state components that are enabled. */
  xcr0 = 1;
  /** Values of the MSRs by place in their table, low and high words. */
  readonly msrs = new Uint32Array(2 * MSRS.length);
  /** TSC in cycles; below 2^53. */
  tsc = 0;
  /** Host-physical address of the VMXON region, -1 outside of VMX operation. */
  vmxonAddress = -1;
  /** Slot of the current VMCS, -1 if there is none. */
  vmcsSlot = -1;
  /** Basic exit reason with which the last VM entry failed, 0 if it did not; and its exit qualification. */
  entryFailureReason = 0;
  entryFailureQualification = 0;
  mode: number = CpuMode.guest;
  /** Interrupt request register: 256 pending vectors. */
  readonly irr = new Uint32Array(8);
  /** In-service register: vectors taken and not ended yet. */
  readonly isr = new Uint32Array(8);
  /** TSC at which the VMX-preemption timer fires, Infinity when it is not armed. */
  timerDeadlineTsc = Number.POSITIVE_INFINITY;
  readonly #memory: PhysicalMemory;

  constructor(id: number, memory: PhysicalMemory) {
    this.id = id;
    this.#memory = memory;
  }

  /** VMREAD, low word of a field; `word` is the field's offset in the VMCS region. */
  vmread(word: number): number {
    if (this.vmcsSlot < 0) throw new VmxFailure('vmread', 0, fieldEncoding(word));
    return this.#memory.readWord(this.vmcsSlot, word);
  }

  /** VMWRITE of a 32-bit value. */
  vmwrite(word: number, value: number): void {
    if (this.vmcsSlot < 0) throw new VmxFailure('vmwrite', 0, fieldEncoding(word));
    this.#memory.writeWord(this.vmcsSlot, word, value >>> 0);
  }

  /** VMWRITE of a 64-bit value below 2^53. */
  vmwriteNumber(word: number, value: number): void {
    this.vmwrite(word, lowWord(value));
    this.vmwrite(word + 1, highWord(value));
  }

  /** Slot of the current VMCS for a row of VMREADs or VMWRITEs, which all fail if there is none. */
  currentVmcs(operation: 'vmread' | 'vmwrite'): number {
    if (this.vmcsSlot < 0) throw new VmxFailure(operation, 0);
    return this.vmcsSlot;
  }

  /** Marks `vector` as requested in the local APIC. */
  requestInterrupt(vector: number): void {
    this.irr[vector >>> 5]! |= 1 << (vector & 31);
  }

  /** Highest requested vector that the local APIC delivers: its priority class is above that of what is in service. -1 if none. */
  highestRequest(): number {
    const vector = highestBit(this.irr);
    return vector >> 4 > highestBit(this.isr) >> 4 ? vector : -1;
  }

  /** Acknowledges `vector`: it goes from the request register into service. */
  acknowledgeInterrupt(vector: number): void {
    this.irr[vector >>> 5]! &= ~(1 << (vector & 31));
    this.isr[vector >>> 5]! |= 1 << (vector & 31);
  }

  /** Highest vector in service, -1 if none. */
  highestInService(): number {
    return highestBit(this.isr);
  }

  /** Ends the highest interrupt in service; its vector, -1 if there was none. */
  endOfInterrupt(): number {
    const vector = highestBit(this.isr);
    if (vector >= 0) this.isr[vector >>> 5]! &= ~(1 << (vector & 31));
    return vector;
  }
}

/** Highest vector of a set, -1 if it is empty. */
function highestBit(set: Uint32Array): number {
  for (let word = 7; word >= 0; word--) {
    const bits = set[word]!;
    if (bits !== 0) return word * 32 + 31 - Math.clz32(bits);
  }
  return -1;
}
