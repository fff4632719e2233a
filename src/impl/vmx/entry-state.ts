import type { PhysicalMemory } from '../memory.ts';
import { FRAME_WORDS } from '../memory.ts';
import type { VmxCapabilities } from './capabilities.ts';
import { Entry, Exit, InterruptInfo, Proc, Proc2 } from './control-bits.ts';
import { vmcsWord } from './vmcs.ts';

const at = {
  pin: vmcsWord('PIN_CONTROLS'),
  proc: vmcsWord('PROC_CONTROLS'),
  proc2: vmcsWord('PROC2_CONTROLS'),
  exit: vmcsWord('EXIT_CONTROLS'),
  entry: vmcsWord('ENTRY_CONTROLS'),
  injection: vmcsWord('ENTRY_INTERRUPT_INFO'),
  cr0: vmcsWord('GUEST_CR0'),
  cr4: vmcsWord('GUEST_CR4'),
  rflags: vmcsWord('GUEST_RFLAGS'),
};

/** What of the processor, apart from the VMCS, the VM-entry checks look at. */
export interface EntryProcessor {
  /** IA32_EFER.LMA when VMLAUNCH or VMRESUME is executed. */
  readonly isLongMode: boolean;
  /** The local APIC is in x2APIC mode. */
  readonly isX2apic: boolean;
}

/**
 * A VMCS as the VM-entry checks see it: its fields as unsigned 32-bit halves, and what many checks need of them.
 *
 * One object serves any number of entries: `begin` points it at a VMCS.
 */
export class EntryState {
  readonly memory: PhysicalMemory;
  readonly capabilities: VmxCapabilities;
  /** Bits of a high half that lie beyond the physical-address width. */
  readonly beyondPhysical: number;
  slot = -1;
  processor: EntryProcessor = { isLongMode: true, isX2apic: false };
  pin = 0;
  proc = 0;
  /** Secondary controls, 0 where they are not activated. */
  proc2 = 0;
  exit = 0;
  entry = 0;
  /** VM-entry interruption information. */
  injection = 0;
  cr0 = 0;
  cr4 = 0;
  rflags = 0;
  #words: Uint32Array;
  #base = 0;

  constructor(memory: PhysicalMemory, capabilities: VmxCapabilities) {
    this.memory = memory;
    this.capabilities = capabilities;
    this.beyondPhysical = (-1 << (capabilities.physicalAddressBits - 32)) >>> 0;
    this.#words = memory.words;
  }

  begin(slot: number, processor: EntryProcessor): void {
    this.slot = slot;
    this.processor = processor;
    this.#words = this.memory.words;
    this.#base = slot * FRAME_WORDS;
    this.pin = this.low(at.pin);
    this.proc = this.low(at.proc);
    this.proc2 = (this.proc & Proc.secondaryControls) !== 0 ? this.low(at.proc2) : 0;
    this.exit = this.low(at.exit);
    this.entry = this.low(at.entry);
    this.injection = this.low(at.injection);
    this.cr0 = this.low(at.cr0);
    this.cr4 = this.low(at.cr4);
    this.rflags = this.low(at.rflags);
  }

  /** Low half of the field at `word` (vmcsWord). */
  low(word: number): number {
    return this.#words[this.#base + word]!;
  }

  high(word: number): number {
    return this.#words[this.#base + word + 1]!;
  }

  hasProc2(control: number): boolean {
    return (this.proc2 & control) !== 0;
  }

  get isUnrestricted(): boolean {
    return (this.proc2 & Proc2.unrestrictedGuest) !== 0;
  }

  get isIa32eGuest(): boolean {
    return (this.entry & Entry.ia32eGuest) !== 0;
  }

  get isHost64(): boolean {
    return (this.exit & Exit.hostAddressSpaceSize) !== 0;
  }

  get isVirtual8086(): boolean {
    return (this.rflags & 0x2_0000) !== 0;
  }

  get isInjecting(): boolean {
    return (this.injection & InterruptInfo.valid) !== 0;
  }

  /** Type of the event to inject. */
  get injectionType(): number {
    return (this.injection >>> InterruptInfo.typeShift) & 7;
  }

  get injectionVector(): number {
    return this.injection & InterruptInfo.vectorMask;
  }

  /** True if the field is no physical address that is aligned to `alignment` bytes. */
  isBadAddress(word: number, alignment: number): boolean {
    return (this.low(word) & (alignment - 1)) !== 0 || (this.high(word) & this.beyondPhysical) !== 0;
  }

  /** True if the field is not canonical for 48 linear-address bits. */
  isNotCanonical(word: number): boolean {
    const top = this.high(word) >>> 15;
    return top !== 0 && top !== 0x1_ffff;
  }
}

/** A VM-entry check; the first row that fails decides how the entry ends. */
export interface EntryCheckRow {
  readonly id: string;
  /** SDM Vol. 3C, chapter "VM Entries", section title. */
  readonly section: string;
  /** What must hold. */
  readonly rule: string;
  fails(state: EntryState): boolean;
}

/** One row; sections share a maker so that rows stay short. */
export const checksOf =
  (section: string) =>
  (id: string, rule: string, fails: (state: EntryState) => boolean): EntryCheckRow => ({ id, section, rule, fails });
