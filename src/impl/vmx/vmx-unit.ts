import { type FrameNumber, frameBase, frameOf, hpa } from '../../units/address.ts';
import { highOfBig, joinBig, lowOfBig } from '../../units/word.ts';
import { FRAME_WORDS, type PhysicalMemory } from '../memory.ts';
import type { Processor } from '../x86/processor.ts';
import type { VmxCapabilities } from './capabilities.ts';
import { EntryState } from './entry-state.ts';
import { vmcsWord } from './vmcs.ts';

/** Word of a VMCS region that holds its launch state, and what it holds after VMLAUNCH. */
export const LAUNCH_WORD = 2;
export const LAUNCHED = 1;

/** No VMCS pointer (SDM Vol. 3C, "Virtual-Machine Control Structures: Overview"). */
export const NO_POINTER = 0xffff_ffff_ffff_ffffn;

const word = {
  pin: vmcsWord('PIN_CONTROLS'),
  proc: vmcsWord('PROC_CONTROLS'),
  proc2: vmcsWord('PROC2_CONTROLS'),
};

/** Reads and writes MSRs as RDMSR and WRMSR at CPL 0 do; undefined and false where they would fault. */
export interface MsrAccess {
  read(cpu: Processor, index: number): bigint | undefined;
  write(cpu: Processor, index: number, value: bigint): boolean;
}

/** VMX state of one logical processor, apart from what lies in VMCS regions. */
export class VmxUnit {
  readonly memory: PhysicalMemory;
  readonly capabilities: VmxCapabilities;
  readonly entryState: EntryState;
  readonly msrs: MsrAccess;
  /** In VMX operation. */
  isOn = false;
  vmxonPointer = NO_POINTER;
  /** Current VMCS, NO_POINTER if there is none; its slot. */
  current = NO_POINTER;
  slot = -1;
  /** Controls of the guest that runs, copied at VM entry; proc2 is 0 where it is not activated. */
  pin = 0;
  proc = 0;
  proc2 = 0;
  /** TSC at which the preemption timer expires, Infinity while it does not run. */
  timerDeadline = Number.POSITIVE_INFINITY;
  /** A monitor-trap-flag exit waits for the next boundary. */
  isTrapPending = false;
  /** NMIs are blocked, while the processor's own blocking state is that of virtual NMIs. */
  areNmisBlocked = false;
  /** No boundary has been passed since VM entry: the monitor trap flag does not exit before the first instruction. */
  isFresh = false;
  /** VTPR may have fallen below the TPR threshold: after VM entry and after CR8 changed. */
  isTprCheckDue = false;
  /** The event that VM entry injects goes past the exception bitmap. */
  isInjecting = false;
  /** TSC of the first PAUSE of a loop and of the last one. */
  pauseFirst = 0n;
  pauseLast = 0n;
  /** Why the processor is in the shutdown state after a VMX abort; 0 if it is not. */
  abortIndicator = 0;

  constructor(memory: PhysicalMemory, capabilities: VmxCapabilities, msrs: MsrAccess) {
    this.msrs = msrs;
    this.memory = memory;
    this.capabilities = capabilities;
    this.entryState = new EntryState(memory, capabilities);
  }

  /** Word index in `memory.words` of a field of the current VMCS. */
  at(field: number): number {
    return this.slot * FRAME_WORDS + field;
  }

  low(field: number): number {
    return this.memory.words[this.slot * FRAME_WORDS + field]!;
  }

  high(field: number): number {
    return this.memory.words[this.slot * FRAME_WORDS + field + 1]!;
  }

  read(field: number): bigint {
    return joinBig(this.low(field), this.high(field));
  }

  /** Physical address or other value below 2^53 in a field. */
  readNumber(field: number): number {
    return this.high(field) * 2 ** 32 + this.low(field);
  }

  write32(field: number, value: number): void {
    this.memory.writeWord(this.slot, field, value >>> 0);
  }

  write(field: number, value: bigint): void {
    this.memory.writeWord(this.slot, field, lowOfBig(value));
    this.memory.writeWord(this.slot, field + 1, highOfBig(value));
  }

  hasPin(control: number): boolean {
    return (this.pin & control) !== 0;
  }

  hasProc(control: number): boolean {
    return (this.proc & control) !== 0;
  }

  hasProc2(control: number): boolean {
    return (this.proc2 & control) !== 0;
  }

  /** Copies the controls that guest execution asks for again and again. */
  loadControls(): void {
    this.pin = this.low(word.pin);
    this.proc = this.low(word.proc);
    this.proc2 = this.proc >>> 31 === 1 ? this.low(word.proc2) : 0;
  }

  get isLaunched(): boolean {
    return this.low(LAUNCH_WORD) === LAUNCHED;
  }

  setLaunched(slot: number, isLaunched: boolean): void {
    this.memory.writeWord(slot, LAUNCH_WORD, isLaunched ? LAUNCHED : 0);
  }

  makeCurrent(pointer: bigint): void {
    this.current = pointer;
    this.slot = pointer === NO_POINTER ? -1 : this.memory.slotOf(frameOf(hpa(Number(pointer))));
  }

  /** Back to the state after reset. */
  reset(): void {
    this.isOn = false;
    this.vmxonPointer = NO_POINTER;
    this.makeCurrent(NO_POINTER);
    this.timerDeadline = Number.POSITIVE_INFINITY;
    this.isTrapPending = false;
    this.areNmisBlocked = false;
    this.abortIndicator = 0;
  }
}

/** Host-physical address of a slot's frame. */
export const slotAddress = (memory: PhysicalMemory, slot: number): number =>
  frameBase(memory.frameOfSlot(slot) as FrameNumber);
