import { VMX } from '../../src/arbitraries/machine-code/processor-blocks.ts';
import type { MemorySnapshot } from '../../src/impl/memory.ts';
import { DEFAULT_CAPABILITIES, Misc, type VmxCapabilities } from '../../src/impl/vmx/capabilities.ts';
import { Entry, Exit, Pin, Proc, Proc2 } from '../../src/impl/vmx/control-bits.ts';
import { vmcsWord } from '../../src/impl/vmx/vmcs.ts';
import { VMCS_FIELDS } from '../../src/impl/vmx/vmcs-fields.ts';
import type { VmxUnit } from '../../src/impl/vmx/vmx-unit.ts';
import { Activity, Efer, Field, Gpr, Interruptibility, Seg } from '../../src/impl/x86/state-layout.ts';
import { digestWords } from '../../src/units/digest.ts';
import { createRng, deriveSeed, type Rng } from '../../src/units/rng.ts';
import { type GuestMachine, guestMachine, imageOf } from '../guests/machine.ts';
import { builtGuest } from '../guests/rom.ts';
import { caseData, launch, OP, type VmxCase } from '../impl/vmx/cases/case-program.ts';
import { EPTP_LIST, LOG_PAGE, LONG, VMCS_A, VMCS_B, VMREAD_BITMAP } from '../impl/vmx/cases/profiles.ts';
import { guestCode, mutatedCapabilities, mutatedCase } from './vmcs-campaign.ts';

/*
 * Fuzzing of VM entries, guests and VM exits without a hypervisor's code in between: the fields of mutated cases are written to the VMCS,
 * the processor enters, and something from outside may reach it at the entry or later. Processors have features that this machine does
 * not offer by itself, and root software may be 32-bit.
 */

/** Capability sets of a campaign: this machine's, one with all features, and changed ones. */
const PROCESSORS = 24;
const PREPARE_INSTRUCTIONS = 2_000_000;
/** Entries of one case, and instructions between two looks at what reaches the guest. */
const MAX_ENTRIES = 4;
const MAX_SLICES = 12;
const MAX_SLICE = 6;
const ALL_BITS = 0xffff_ffff;
const SPURIOUS_REGISTER = 0xf0;

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.below(items.length)]!;
const wordOfEncoding = new Map(VMCS_FIELDS.map(field => [field.encoding, { word: vmcsWord(field.name), field }]));

/** A processor that has every feature, and allows every control. */
const EVERYTHING: VmxCapabilities = {
  ...DEFAULT_CAPABILITIES,
  proc2: { must: 0, may: ALL_BITS },
  truePin: { must: DEFAULT_CAPABILITIES.truePin.must, may: ALL_BITS },
  trueExit: { must: DEFAULT_CAPABILITIES.trueExit.must, may: ALL_BITS },
  trueEntry: { must: DEFAULT_CAPABILITIES.trueEntry.must, may: ALL_BITS },
  misc: DEFAULT_CAPABILITIES.misc | Misc.writesAnyField,
  vmFunctions: 1,
  perfGlobalLow: 3,
};

/** Secondary controls that this machine does not offer. */
const FOREIGN = [
  Proc2.virtualizeApicAccesses,
  Proc2.virtualizeX2apic,
  Proc2.apicRegisterVirtualization,
  Proc2.virtualInterruptDelivery,
  Proc2.vmFunctions,
  Proc2.vmcsShadowing,
  Proc2.pageModificationLogging,
  Proc2.virtualizationException,
  Proc2.tscScaling,
];
const PIN_CHANGES = [Pin.externalInterruptExiting, Pin.nmiExiting, Pin.virtualNmis, Pin.preemptionTimer];
const PROC_CHANGES = [
  Proc.interruptWindowExiting,
  Proc.nmiWindowExiting,
  Proc.monitorTrapFlag,
  Proc.tprShadow,
  Proc.tscOffsetting,
  Proc.ioBitmaps,
  Proc.msrBitmaps,
  Proc.hltExiting,
  Proc.pauseExiting,
  Proc.secondaryControls,
  Proc.cr8LoadExiting,
  Proc.cr8StoreExiting,
];
const EXIT_CHANGES = [
  Exit.hostAddressSpaceSize,
  Exit.loadPerfGlobalCtrl,
  Exit.acknowledgeInterrupt,
  Exit.savePat,
  Exit.loadPat,
  Exit.loadEfer,
  Exit.savePreemptionTimer,
];
const ENTRY_CHANGES = [
  Entry.ia32eGuest,
  Entry.loadPerfGlobalCtrl,
  Entry.loadPat,
  Entry.loadEfer,
  Entry.loadDebugControls,
];
const FEATURE_PAGES = [
  'EPTP_LIST_ADDRESS',
  'PML_ADDRESS',
  'VIRTUALIZATION_EXCEPTION_ADDRESS',
  'VMREAD_BITMAP',
  'VMWRITE_BITMAP',
  'APIC_ACCESS_ADDRESS',
];
const ADDRESSES = [LOG_PAGE, EPTP_LIST, VMREAD_BITMAP, 1, 0xffff_f000_0000_0000n];
/** Injected events: all types, with and without an error code; the other event. */
const INJECTIONS = [
  0x8000_0202, 0x8000_0306, 0x8000_0b0d, 0x8000_0b0e, 0x8000_0480, 0x8000_0501, 0x8000_0603, 0x8000_0700,
];

/** A page that root software reads operands from. */
const ROOT_DATA = LOG_PAGE;
const ROOT_MSRS = [0x3a, 0x480, 0x48b, 0x48c, 0x48d, 0x491, 0x1d9, 0xc000_0080];
const ROOT_CODE: readonly (readonly number[])[] = [
  ...VMX,
  [0x0f, 0x78, 0x0b], // VMREAD [RBX], RCX
  [0x0f, 0x79, 0x0b], // VMWRITE RCX, [RBX]
  [0x0f, 0x01, 0xc1], // VMCALL
  [0x0f, 0x32], // RDMSR
  [0x0f, 0x30], // WRMSR
  [0x0f, 0xa2], // CPUID
  [0x44, 0x0f, 0x20, 0xc0], // MOV RAX, CR8
  [0x44, 0x0f, 0x22, 0xc0], // MOV CR8, RAX
  [0x0f, 0x20, 0xc0, 0x0f, 0x22, 0xc0], // MOV RAX, CR0; MOV CR0, RAX
  [0x0f, 0x20, 0xe0, 0x0f, 0x22, 0xe0], // MOV RAX, CR4; MOV CR4, RAX
  [0x0f, 0x22, 0xc0], // MOV CR0, RAX
  [0xf4], // HLT
];

/** A processor in VMX root operation with a current VMCS, as the image of the cases leaves it after its first guest. */
class EntryBench {
  readonly machine: GuestMachine;
  readonly #state: Uint8Array;
  readonly #unit: VmxUnit;
  readonly #memory: MemorySnapshot;
  /** VMX instruction that the processor executes at the next boundary. */
  #next: 'vmlaunch' | 'vmresume' | undefined;

  constructor(capabilities: VmxCapabilities) {
    const image = caseData([{ name: '', lists: [LONG], ops: [launch()] }]);
    this.machine = guestMachine(imageOf(builtGuest('vmx-cases'), image), capabilities);
    const { cpu, hooks, apic } = this.machine;
    apic.write(SPURIOUS_REGISTER, 0x1ff, 0);
    hooks.stopsAtExit = true;
    const boundary = hooks.boundary.bind(hooks);
    hooks.boundary = processor => {
      const mnemonic = this.#next;
      this.#next = undefined;
      if (mnemonic !== undefined) hooks.vmxInstruction(processor, mnemonic);
      return boundary(processor);
    };
    cpu.run(PREPARE_INSTRUCTIONS);
    this.#state = cpu.save();
    this.#unit = { ...hooks.unit } as VmxUnit;
    this.#memory = cpu.memory.snapshot();
  }

  restore(): void {
    const { cpu, hooks, apic } = this.machine;
    cpu.memory.restore(this.#memory);
    Object.assign(hooks.unit, this.#unit);
    cpu.isNonRoot = false;
    cpu.stopRequested = false;
    cpu.hasNestedPaging = false;
    cpu.load(this.#state);
    apic.reset();
    apic.isInitPending = false;
    apic.write(SPURIOUS_REGISTER, 0x1ff, 0);
    this.#next = undefined;
  }

  write(name: string, value: bigint | number): void {
    this.machine.hooks.unit.write(vmcsWord(name), BigInt.asUintN(64, BigInt(value)));
  }

  read(name: string): bigint {
    return this.machine.hooks.unit.read(vmcsWord(name));
  }

  /** Executes VMLAUNCH or VMRESUME, and what follows up to `budget` instructions. */
  enter(isLaunch: boolean, budget: number): void {
    this.#next = isLaunch ? 'vmlaunch' : 'vmresume';
    this.machine.cpu.run(budget);
  }
}

/** Writes what a case would write before its launch. */
function apply(bench: EntryBench, { lists, ops }: VmxCase): void {
  const { unit } = bench.machine.hooks;
  for (const { kind, a, b } of [...lists.flatMap(list => list.ops), ...ops]) {
    if (kind === OP.poke) bench.machine.cpu.writePhysical(a, 8, b);
    const found = kind === OP.vmwrite ? wordOfEncoding.get(a) : undefined;
    if (found !== undefined) unit.write(found.word, BigInt.asUintN(found.field.width, b));
  }
}

function toggle(rng: Rng, bench: EntryBench, name: string, bits: readonly number[]): void {
  let value = bench.read(name);
  for (let count = rng.below(3); count > 0; count--) value ^= BigInt(pick(rng, bits) >>> 0);
  bench.write(name, value);
}

/** Controls and state that cases leave alone. */
function changeControls(rng: Rng, bench: EntryBench): void {
  toggle(rng, bench, 'PIN_CONTROLS', PIN_CHANGES);
  toggle(rng, bench, 'PROC_CONTROLS', PROC_CHANGES);
  toggle(rng, bench, 'EXIT_CONTROLS', EXIT_CHANGES);
  toggle(rng, bench, 'ENTRY_CONTROLS', ENTRY_CHANGES);
  if (rng.below(2) === 0) bench.write('GUEST_RFLAGS', bench.read('GUEST_RFLAGS') ^ 0x200n);
  if (rng.below(2) === 0) bench.write('GUEST_INTERRUPTIBILITY', pick(rng, [0, 1, 2, 8, 9, 10]));
  if (rng.below(4) === 0) bench.write('GUEST_ACTIVITY', rng.below(4));
  if (rng.below(4) === 0) bench.write('GUEST_PENDING_DEBUG', pick(rng, [0, 1, 0x4000, 0x5000, 0x1_0000]));
  if (rng.below(4) === 0) bench.write('ENTRY_INTERRUPT_INFO', pick(rng, INJECTIONS));
  if (rng.below(4) === 0) bench.write('PREEMPTION_TIMER', rng.below(8));
  if (rng.below(8) === 0) bench.write('HOST_PERF_GLOBAL_CTRL', pick(rng, [0, 1, 4, 1n << 40n]));
  if (rng.below(8) === 0) bench.write('GUEST_PERF_GLOBAL_CTRL', pick(rng, [0, 1, 4, 1n << 40n]));
  if (rng.below(16) === 0) bench.write('HOST_SS_SELECTOR', 0);
  if (rng.below(16) === 0) bench.write('HOST_CR4', bench.read('HOST_CR4') ^ pick(rng, [0x20n, 0x2_0000n]));
  if (rng.below(16) === 0) bench.write('HOST_RIP', pick(rng, [0x1_0000_0000n, 1n << 63n]));
}

/** Features that only some processors have, each with a page that is one or not. */
function useFeatures(rng: Rng, bench: EntryBench): void {
  let controls = bench.read('PROC2_CONTROLS');
  for (let count = 1 + rng.below(3); count > 0; count--) controls ^= BigInt(pick(rng, FOREIGN));
  if (rng.below(4) === 0) controls ^= BigInt(Proc2.ept);
  bench.write('PROC2_CONTROLS', controls);
  bench.write('PROC_CONTROLS', bench.read('PROC_CONTROLS') | BigInt(Proc.secondaryControls >>> 0));
  bench.write('VM_FUNCTION_CONTROLS', pick(rng, [0n, 1n, 1n, 2n, 1n << 32n]));
  for (const name of FEATURE_PAGES) if (rng.below(8) === 0) bench.write(name, pick(rng, ADDRESSES));
  if (rng.below(2) === 0) {
    // A VMCS that the guest reads and writes itself.
    bench.machine.cpu.writePhysical(
      VMCS_B,
      4,
      BigInt(DEFAULT_CAPABILITIES.revision) | (rng.below(4) === 0 ? 0n : 1n << 31n),
    );
    bench.write('LINK_POINTER', VMCS_B);
  }
}

/** A root processor outside of IA-32e mode, with what it needs of the host-state area or without. */
function leaveLongMode(rng: Rng, bench: EntryBench): void {
  const { cpu } = bench.machine;
  const { state } = cpu;
  state.setU64(Field.efer, state.u64(Field.efer) & ~BigInt(Efer.lma | Efer.lme));
  state.setSegment(Seg.cs, 8, 0n, ALL_BITS, 0xc09b);
  cpu.updateContext();
  if (rng.below(8) === 0) return;
  bench.write('EXIT_CONTROLS', bench.read('EXIT_CONTROLS') & ~BigInt(Exit.hostAddressSpaceSize));
  bench.write('HOST_EFER', 0x801);
  if (rng.below(4) !== 0) {
    bench.write('ENTRY_CONTROLS', bench.read('ENTRY_CONTROLS') & ~BigInt(Entry.ia32eGuest));
    bench.write('GUEST_EFER', 0x801);
  }
}

/** Values of registers that VMX instructions take: encodings of fields, MSRs, types of invalidation. */
function loadRegisters(rng: Rng, { state }: GuestMachine['cpu']): void {
  for (const register of [Gpr.rax, Gpr.rcx, Gpr.rdx]) {
    const value = pick(rng, [
      BigInt(pick(rng, VMCS_FIELDS).encoding | rng.below(2)),
      BigInt(pick(rng, ROOT_MSRS)),
      BigInt(rng.below(8)),
      BigInt(rng.next()) << 24n,
    ]);
    state.setGpr(register, value);
  }
  state.setGpr(Gpr.rbx, BigInt(ROOT_DATA));
}

/** Root software executes instructions of its own, in 64-bit or compatibility mode, in VMX operation or outside. */
function executeInRoot(rng: Rng, bench: EntryBench): void {
  const { machine } = bench;
  const { cpu, hooks } = machine;
  const { state } = cpu;
  loadRegisters(rng, cpu);
  const at = Number(state.rip);
  Array.from({ length: 1 + rng.below(4) }, () => pick(rng, ROOT_CODE))
    .flat()
    .forEach((byte, index) => void cpu.writePhysical(at + index, 1, BigInt(byte)));
  const data = pick(rng, [BigInt(VMCS_A), BigInt(VMCS_B), 0x20000n, BigInt(rng.below(4)), BigInt(rng.next()) << 16n]);
  for (let offset = 0; offset < 16; offset += 8)
    cpu.writePhysical(ROOT_DATA + offset, 8, offset === 0 ? data : BigInt(rng.below(2)));
  if (rng.below(8) === 0) state.setSegment(Seg.cs, 8, 0n, ALL_BITS, 0xc09b);
  if (rng.below(8) === 0) hooks.unit.isOn = false;
  if (rng.below(8) === 0) state.setU64(Field.cr4, state.u64(Field.cr4) & ~0x2000n);
  if (rng.below(4) === 0) state.rflags |= 0x200;
  if (rng.below(16) === 0) state.setU64(Field.pendingDebug, 0x4000n);
  if (rng.below(16) === 0)
    state.setU32(Field.activity, pick(rng, [Activity.hlt, Activity.shutdown, Activity.waitForSipi]));
  cpu.updateContext();
  if (rng.below(2) === 0) disturb(rng, machine);
  cpu.run(1 + rng.below(MAX_SLICE));
}

/** Something from outside reaches the processor. */
function disturb(rng: Rng, { apic }: GuestMachine): void {
  switch (rng.below(8)) {
    case 0:
      apic.receive(5, 0);
      break;
    case 1:
      apic.receive(6, rng.below(256));
      break;
    case 2:
    case 3:
    case 4:
      apic.receive(4, 0);
      break;
    default:
      apic.receive(0, 0x40 + rng.below(0x80));
  }
}

/** What one case came to. */
export interface EntryResult {
  /** Exit reasons of its entries, bit 31 for those that failed. */
  readonly reasons: readonly number[];
  readonly digest: string;
}

/** The processors of a campaign, each with its own machine. */
export class EntryTarget {
  readonly #benches: readonly EntryBench[];
  readonly #seeds: readonly VmxCase[];
  readonly #seed: number;

  constructor(seed: number, seeds: readonly VmxCase[]) {
    const rng = createRng(deriveSeed(seed, 'processors'));
    this.#seed = seed;
    this.#seeds = seeds;
    this.#benches = Array.from(
      { length: PROCESSORS },
      (_, index) =>
        new EntryBench(index === 0 ? DEFAULT_CAPABILITIES : index % 2 === 1 ? EVERYTHING : mutatedCapabilities(rng)),
    );
  }

  execute(execution: number): EntryResult {
    const rng = createRng(deriveSeed(this.#seed, `entry ${execution}`));
    const index = rng.below(PROCESSORS);
    const bench = this.#benches[index]!;
    const { machine } = bench;
    const { cpu, hooks } = machine;
    bench.restore();
    apply(bench, mutatedCase(rng, this.#seeds));
    if (rng.below(2) === 0) for (const { a, b } of guestCode(rng)) cpu.writePhysical(a, 8, b);
    if (rng.below(2) === 0) changeControls(rng, bench);
    if (index % 2 === 1 && rng.below(2) === 0) useFeatures(rng, bench);
    if (rng.below(8) === 0) leaveLongMode(rng, bench);
    if (rng.below(16) === 0) cpu.state.setU32(Field.interruptibility, Interruptibility.movSs);
    const isDisturbed = rng.below(2) === 0;
    const reasons: number[] = [];
    for (let entry = 0; entry < MAX_ENTRIES; entry++) {
      if (rng.below(4) === 0) loadRegisters(rng, cpu);
      if (isDisturbed && rng.below(2) === 0) disturb(rng, machine);
      bench.enter(hooks.unit.isLaunched ? rng.below(16) === 0 : rng.below(16) !== 0, 1 + rng.below(MAX_SLICE));
      for (let slice = 0; slice < MAX_SLICES && cpu.isNonRoot; slice++) {
        if (isDisturbed && rng.below(2) === 0) disturb(rng, machine);
        if (cpu.run(1 + rng.below(MAX_SLICE)).reason === 'waiting') hooks.skipToEvent(cpu);
      }
      if (cpu.isNonRoot || cpu.state.u32(Field.activity) === Activity.shutdown) break;
      if (rng.below(8) === 0) {
        executeInRoot(rng, bench);
        break;
      }
      reasons.push(Number(bench.read('EXIT_REASON') & 0xffff_ffffn));
      if (rng.below(2) === 0) changeControls(rng, bench);
      if (rng.below(4) === 0) bench.write('GUEST_RIP', bench.read('GUEST_RIP') + bench.read('EXIT_INSTRUCTION_LENGTH'));
    }
    const { high, low } = cpu.memory.digest();
    const state = cpu.save();
    const words = new Uint32Array(state.buffer, 0, state.length >> 2);
    // How flags are kept and where the interpreter stopped in its own code is nothing that software sees.
    words.fill(0, Field.flagBits >> 2, Field.systemFlags >> 2);
    words.fill(0, Field.tlbBase >> 2, Field.segments >> 2);
    words[Field.flagBits >> 2] = cpu.state.rflags;
    const own = digestWords(words, 0, words.length, 1);
    return { reasons, digest: [high, low, own.high, own.low].map(word => word.toString(16)).join(' ') };
  }
}
