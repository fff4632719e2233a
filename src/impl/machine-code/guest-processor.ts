import type { Cpu } from '../cpu.ts';
import type { DmaDevices } from '../dma/dma-devices.ts';
import type { MachineOps } from '../machine-ops.ts';
import { FRAME_WORDS, type PhysicalMemory } from '../memory.ts';
import { msrPlace } from '../msrs.ts';
import type { Ports } from '../ports.ts';
import { InterruptInfo, Proc2 } from '../vmx/control-bits.ts';
import { enterTranslation } from '../vmx/translation.ts';
import { enterGuest } from '../vmx/vm-entry.ts';
import { saveGuest } from '../vmx/vm-exit.ts';
import { Vmcs } from '../vmx/vmcs.ts';
import type { VmxHooks } from '../vmx/vmx-hooks.ts';
import type { VmxUnit } from '../vmx/vmx-unit.ts';
import { Interpreter } from '../x86/interpreter.ts';
import { readMsr, writeMsr } from '../x86/msr.ts';
import { Field, Gpr } from '../x86/state-layout.ts';
import { X86Processor } from '../x86/x86-processor.ts';
import { GuestPlatform } from './guest-platform.ts';

/** Registers of the subject state in its order (CR2 first): where the processor keeps them. */
const REGISTER_FIELDS: readonly number[] = [
  Field.cr2,
  ...[Gpr.rax, Gpr.rbx, Gpr.rcx, Gpr.rdx, Gpr.rdi, Gpr.rsi, Gpr.rbp].map(register => register * 8),
  ...Array.from({ length: 8 }, (_, index) => (Gpr.r8 + index) * 8),
];
/** Word of the processor's state for each word of the registers. */
const REGISTER_WORDS = Uint16Array.from(REGISTER_FIELDS.flatMap(field => [field / 4, field / 4 + 1]));

const KEPT_MSRS: readonly (readonly [index: number, field: number])[] = [
  [0xc000_0081, Field.star],
  [0xc000_0082, Field.lstar],
  [0xc000_0083, Field.cstar],
  [0xc000_0084, Field.fmask],
  [0xc000_0102, Field.kernelGsBase],
  [0xc000_0103, Field.tscAux],
];
/** Words of `Cpu.msrs` and of the processor's state for MSRs that both keep. */
const MSR_FROM = Uint16Array.from(KEPT_MSRS.flatMap(([index]) => [2 * msrPlace(index), 2 * msrPlace(index) + 1]));
const MSR_TO = Uint16Array.from(KEPT_MSRS.flatMap(([, field]) => [field / 4, field / 4 + 1]));

/** CR0, IA32_EFER and DR7 as the kernel has them: what a VM entry does not load stays so. */
const KERNEL_CR0 = 0x8001_0033n;
const KERNEL_EFER = 0xd00n;
const DR7_AFTER_EXIT = 0x400n;
/** Frames that a policy can place memory in: 40 physical address bits. */
const FRAME_LIMIT = 2 ** 28;

/** State of VMX besides registers and VMCS while a guest runs. */
const UNIT_STATE = [
  'slot',
  'pin',
  'proc',
  'proc2',
  'isTrapPending',
  'areNmisBlocked',
  'isFresh',
  'isTprCheckDue',
  'pauseFirst',
  'pauseLast',
] as const;

/** What a stretch of guest execution came to. */
export interface GuestSlice {
  /** Instructions executed, the one that exits included. */
  executed: number;
  /** A VM exit was taken; the VMCS says which. */
  hasExited: boolean;
}

export interface SavedGuest {
  readonly isWaiting: boolean;
  readonly state: Uint8Array;
  readonly unit: Readonly<Pick<VmxUnit, (typeof UNIT_STATE)[number]>>;
}

/**
 * The guest side of one logical processor: executes a subject's machine code in VMX non-root operation.
 *
 * The kernel, hosted, sees the same logical processor as `Cpu`: registers, MSRs and the current VMCS. `enter` announces a
 * VM entry; the first `run` performs it (event injection included), and whenever `run` returns, the guest's state stands in the
 * VMCS and in `Cpu`, where the kernel, observers and digests look.
 */
export class GuestProcessor {
  readonly processor: X86Processor;
  readonly hooks: VmxHooks;
  readonly platform: GuestPlatform;
  /** The guest's state is in the processor; else the next `run` loads it. */
  isLoaded = false;
  /** The guest is in an activity state in which it executes nothing until an event. */
  isWaiting = false;
  readonly #cpu: Cpu;
  readonly #memory: PhysicalMemory;
  readonly #slice: GuestSlice = { executed: 0, hasExited: false };

  constructor(memory: PhysicalMemory, cpu: Cpu, ports: Ports, devices: DmaDevices, ops: MachineOps) {
    this.#memory = memory;
    this.#cpu = cpu;
    this.platform = new GuestPlatform(cpu, ports, memory, devices);
    this.hooks = ops.createGuestHooks(memory, this.platform, { read: readMsr, write: writeMsr });
    this.hooks.stopsAtExit = true;
    this.processor = new X86Processor(memory, { id: cpu.id, hooks: this.hooks, frameLimit: FRAME_LIMIT });
    this.platform.onEffect = () => {
      this.processor.stopRequested = true;
    };
    Interpreter.attach(this.processor);
  }

  /** A VM entry takes place; `run` loads the guest. */
  enter(): void {
    this.isLoaded = false;
    this.isWaiting = false;
  }

  /** Why the last VM exit ended in a VMX abort, 0 if it did not (SDM Vol. 3C, "VMX Aborts"). */
  get abortIndicator(): number {
    return this.hooks.unit.abortIndicator;
  }

  /** Executes up to `budget` instructions from the CPU's TSC on, each of `cyclesPerInstruction`; with 0 it only completes the VM entry. */
  run(budget: number, cyclesPerInstruction: number): GuestSlice {
    const { processor } = this;
    const slice = this.#slice;
    slice.executed = 0;
    this.platform.effect = 'none';
    if (!this.isLoaded) this.#load(cyclesPerInstruction);
    else this.#setClock(cyclesPerInstruction);
    if (processor.isNonRoot && budget > 0) {
      const { executed, reason } = processor.run(budget);
      slice.executed = executed;
      this.isWaiting = reason === 'waiting' || reason === 'shutdown';
    }
    slice.hasExited = !processor.isNonRoot;
    this.#store(slice.hasExited);
    return slice;
  }

  /** State besides memory and `Cpu`; undefined between VM exit and the completion of the next entry. */
  save(): SavedGuest | undefined {
    if (!this.isLoaded) return undefined;
    const { unit } = this.hooks;
    const kept = Object.fromEntries(UNIT_STATE.map(name => [name, unit[name]])) as unknown as SavedGuest['unit'];
    return { isWaiting: this.isWaiting, state: this.processor.save(), unit: kept };
  }

  restore(saved: SavedGuest | undefined): void {
    const { processor, hooks } = this;
    this.enter();
    processor.isNonRoot = saved !== undefined;
    processor.hasNestedPaging = false;
    processor.delivering = undefined;
    hooks.unit.reset();
    if (saved === undefined) return;
    this.isLoaded = true;
    this.isWaiting = saved.isWaiting;
    Object.assign(hooks.unit, saved.unit);
    processor.hasNestedPaging = hooks.unit.hasProc2(Proc2.ept);
    enterTranslation(hooks.unit, processor);
    processor.load(saved.state);
  }

  #setClock(cyclesPerInstruction: number): void {
    const { processor } = this;
    const { state } = processor;
    processor.cyclesPerInstruction = cyclesPerInstruction;
    const retired = state.u64(Field.retired) * BigInt(cyclesPerInstruction);
    state.setU64(Field.tscOffset, BigInt.asUintN(64, BigInt(this.#cpu.tsc) - retired));
  }

  #load(cyclesPerInstruction: number): void {
    const { processor, hooks } = this;
    const { state } = processor;
    const { unit } = hooks;
    const { words } = this.#memory;
    const { registers, msrs } = this.#cpu;
    const base = state.base >>> 2;
    unit.isOn = true;
    unit.slot = this.#cpu.vmcsSlot;
    unit.abortIndicator = 0;
    unit.areNmisBlocked = false;
    state.setU64(Field.cr0, KERNEL_CR0);
    state.setU64(Field.efer, KERNEL_EFER);
    state.setU64(Field.dr7, DR7_AFTER_EXIT);
    state.setU64(Field.debugControl, 0n);
    state.setU64(Field.xcr0, BigInt(this.#cpu.xcr0));
    for (let word = 0; word < REGISTER_WORDS.length; word++) words[base + REGISTER_WORDS[word]!] = registers[word]!;
    for (let word = 0; word < MSR_FROM.length; word++) words[base + MSR_TO[word]!] = msrs[MSR_FROM[word]!]!;
    this.#setClock(cyclesPerInstruction);
    this.isLoaded = true;
    processor.delivering = undefined;
    unit.loadControls();
    enterGuest(unit, processor);
    // The system ends minor frames itself.
    unit.timerDeadline = Number.POSITIVE_INFINITY;
  }

  /** Brings what the processor holds to the VMCS (an exit did that already) and to `Cpu`. */
  #store(hasExited: boolean): void {
    const { processor, hooks } = this;
    const { unit } = hooks;
    const { words } = this.#memory;
    const { registers, msrs } = this.#cpu;
    const base = processor.state.base >>> 2;
    if (hasExited) this.isLoaded = false;
    else {
      saveGuest(unit, processor, { reason: 0 });
      const info = words[unit.slot * FRAME_WORDS + Vmcs.entryInterruptInfo]!;
      if (info >>> 31 === 1) unit.write32(Vmcs.entryInterruptInfo, info & ~InterruptInfo.valid);
    }
    for (let word = 0; word < REGISTER_WORDS.length; word++) registers[word] = words[base + REGISTER_WORDS[word]!]!;
    for (let word = 0; word < MSR_FROM.length; word++) msrs[MSR_FROM[word]!] = words[base + MSR_TO[word]!]!;
  }
}
