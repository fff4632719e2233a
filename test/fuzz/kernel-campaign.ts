import { CpuMode } from '../../src/impl/cpu.ts';
import { createSystem, systemDigest } from '../../src/impl/create-system.ts';
import { HostException } from '../../src/impl/host-exception.ts';
import type { MemorySnapshot } from '../../src/impl/memory.ts';
import { isHalt } from '../../src/impl/muen/boot.ts';
import { IPI_VECTOR } from '../../src/impl/muen/compile-interrupts.ts';
import { FPU_AREA_WORD } from '../../src/impl/muen/fpu.ts';
import { handleVmExit } from '../../src/impl/muen/kernel.ts';
import { AtomicAccess, type Kernel, type Segments } from '../../src/impl/muen/kernel-context.ts';
import { currentSubject } from '../../src/impl/muen/scheduling-state.ts';
import { RAX_WORD, RCX_WORD, RDX_WORD, STATE_WORDS, StateWord } from '../../src/impl/muen/state-layout.ts';
import type { SourceEventSpec } from '../../src/impl/muen/tables.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import type { System } from '../../src/impl/system.ts';
import type { SystemSnapshot } from '../../src/impl/system-snapshot.ts';
import { ExitReasonCode } from '../../src/impl/vmx/exit-reasons.ts';
import { INJECT_EXTERNAL_INTERRUPT, Vmcs } from '../../src/impl/vmx/vmcs.ts';
import { VmxFailure } from '../../src/impl/vmx/vmx-failure.ts';
import { XSTATE_BV_WORD } from '../../src/impl/xsave.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { createRng, deriveSeed, type Rng } from '../../src/units/rng.ts';

/*
 * Fuzzing of the kernel's exit handlers with all CPUs inside of the kernel at once. Subjects are not executed: what they, their monitors,
 * devices and broken hardware can leave behind before an exit is written directly, then the handlers of the CPUs run in an arbitrary
 * order of their accesses to shared state. No segment may write a frame that is none of its CPU's business.
 */

type Cpu = Kernel['cpus'][number];

/** Exits of one execution, over all CPUs. */
const MAX_EXITS = 32;
/** Segments of one execution: CPUs that wait for each other spin. */
const MAX_SEGMENTS = 6000;
const LAST_REASON = 66;
/** Interruption information: NMI, machine check, and exceptions that subjects cause. */
const NMI = 0x8000_0202;
const MACHINE_CHECK = 0x8000_0312;
const EXCEPTIONS = [0x8000_0306, 0x8000_0b0e, 0x8000_0603];
/** Vectors of the kernel itself, the spurious one, and an exception's. */
const SPURIOUS = 255;
const UNROUTED = [IPI_VECTOR, 253, SPURIOUS, 31];
const SPINS: readonly number[] = [AtomicAccess.barrierSpin, AtomicAccess.lockSpin];
const XSAVE_HEADER_WORD = FPU_AREA_WORD + XSTATE_BV_WORD;
/** XCR0 values that rules tell apart. */
const XCR0 = [0, 1, 2, 3, 4, 5, 7, 0x20, 0xe3, 0xe7, 0x27, 0x200];

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.below(items.length)]!;
const number64 = (rng: Rng): readonly [number, number] =>
  pick(rng, [
    [0, 0],
    [rng.below(64), 0],
    [rng.next(), 0],
    [rng.next(), rng.below(16)],
    [0xffff_ffff, 0xffff_ffff],
    [rng.next(), rng.next()],
  ] as const);

/** Frames that the kernel may write while it runs on a CPU: shared data, the CPU's own, and those of its subjects. */
function footprint({ tables, at }: Kernel, cpu: number): ReadonlySet<number> {
  const own = tables.subjects.filter(subject => subject.cpu === cpu).map(({ id }) => id);
  const pages = [at.stateSlots, at.timedEventSlots, at.interruptSlots, at.vmcsSlots, at.fpuSlots, at.msrStoreSlots];
  const partitions = tables.partitions.filter(({ id, cpu: home }) => id !== 0 && home === cpu);
  return new Set([
    at.globalSlot,
    at.crashAuditSlot,
    at.dataSlots[cpu]!,
    ...at.bssSlots[cpu]!,
    ...partitions.map(({ id }) => at.schedulingInfoSlots[id]!),
    ...pages.flatMap(slots => own.map(id => slots[id]!)),
  ]);
}

/** State that a subject leaves at its exit, or that its monitor writes meanwhile; a harsh one writes what VM entry may refuse. */
function hostileState(rng: Rng, kernel: Kernel, cpu: Cpu, isHarsh: boolean): void {
  const { memory, at, tables } = kernel;
  const own = tables.subjects.filter(subject => subject.cpu === cpu.id);
  for (let change = rng.below(4); change > 0; change--) {
    const { id } = pick(rng, own);
    const [low, high] = number64(rng);
    switch (rng.below(isHarsh ? 8 : 7)) {
      case 0:
        memory.writeWord(at.timedEventSlots[id]!, 0, rng.below(2) === 0 ? low : (cpu.tsc + rng.below(1 << 20)) >>> 0);
        memory.writeWord(at.timedEventSlots[id]!, 1, rng.below(2) === 0 ? high : Math.floor(cpu.tsc / 2 ** 32));
        memory.writeWord(at.timedEventSlots[id]!, 2, rng.next());
        break;
      case 1:
        memory.writeWord(at.interruptSlots[id]!, rng.below(8), rng.below(2) === 0 ? 0 : rng.next());
        break;
      case 2: {
        const isOn = rng.below(2);
        memory.writeWord(at.stateSlots[id]!, StateWord.rflags, 2 | (isOn << 9));
        memory.writeWord(at.stateSlots[id]!, StateWord.interruptibility, isOn * rng.below(2));
        break;
      }
      case 3:
        memory.writeWord(at.stateSlots[id]!, StateWord.running, rng.below(2));
        break;
      case 4:
        if (at.interfaceSlot >= 0) memory.writeWord(at.interfaceSlot, 0, rng.below(tables.majorFrames.length + 2));
        break;
      case 5:
        cpu.fpu[rng.below(cpu.fpu.length)] = rng.next();
        cpu.fpuVersion += 1;
        break;
      case 6:
        memory.writeWord(at.stateSlots[id]!, StateWord.rip, 0xffff_ffff);
        break;
      default:
        if (rng.below(4) === 0) cpu.msrs[rng.below(cpu.msrs.length)] = rng.next();
        else memory.writeWord(at.stateSlots[id]!, rng.below(STATE_WORDS), low);
    }
  }
}

const stops = ({ action, targetSubject }: SourceEventSpec): boolean =>
  action.startsWith('system_') || (action === 'none' && targetSubject < 0);

/** Exit reason and event number of the next exit: mostly one after which the system goes on. */
function chooseReason(rng: Rng, { tables }: Kernel, subject: number): readonly [reason: number, call: number] {
  const { traps, vmcalls } = tables.subjects[subject]!;
  const calls = vmcalls.flatMap((event, number) => (stops(event) ? [] : [number]));
  const fatal = vmcalls.flatMap((event, number) => (event.action.startsWith('system_') ? [number] : []));
  const others = fatal.length > 0 && rng.below(4) === 0 ? fatal : calls;
  const call = others.length > 0 && rng.below(4) !== 0 ? pick(rng, others) : rng.below(80);
  const isFatal = vmcalls[call]?.action.startsWith('system_') === true;
  switch (rng.below(8)) {
    case 0:
    case 1:
      return [ExitReasonCode.preemptionTimer, call];
    case 2:
      return [ExitReasonCode.externalInterrupt, call];
    case 3:
      return [rng.below(2) === 0 ? ExitReasonCode.interruptWindow : ExitReasonCode.xsetbv, call];
    case 4: {
      const handled = traps.flatMap((event, reason) => (stops(event) ? [] : [reason]));
      if (handled.length > 0 && rng.below(8) !== 0) return [pick(rng, handled), call];
      return rng.below(4) === 0 ? [rng.below(LAST_REASON), call] : [ExitReasonCode.preemptionTimer, call];
    }
    default:
      return [ExitReasonCode.vmcall, isFatal && rng.below(3) !== 0 ? 64 : call];
  }
}

/** What the processor writes at an exit: reason, information, and the registers that the kernel looks at. */
function writeExit(rng: Rng, kernel: Kernel, cpu: Cpu): void {
  const { tables } = kernel;
  const subject = currentSubject(kernel, cpu);
  const [chosen, call] = chooseReason(rng, kernel, subject);
  const reason = cpu.entryFailureReason !== 0 ? cpu.entryFailureReason : chosen;
  let interruptInfo = rng.below(16) === 0 ? pick(rng, [NMI, MACHINE_CHECK]) : pick(rng, EXCEPTIONS);
  if (reason === ExitReasonCode.externalInterrupt) {
    const routed = tables.vectorRouting.flatMap((route, vector) =>
      route !== undefined && tables.subjects[route.subject]!.cpu === cpu.id ? [vector] : [],
    );
    const free = UNROUTED.filter(vector => tables.vectorRouting[vector] === undefined);
    const vector = routed.length > 0 && rng.below(4) !== 0 ? pick(rng, routed) : pick(rng, free);
    // The spurious one is never in service.
    if (vector !== SPURIOUS) cpu.requestInterrupt(vector);
    if (vector !== SPURIOUS) cpu.acknowledgeInterrupt(vector);
    interruptInfo = (INJECT_EXTERNAL_INTERRUPT | vector) >>> 0;
  }
  const isUser = reason === ExitReasonCode.vmcall && rng.below(16) === 0;
  cpu.tsc += rng.below(4) === 0 ? rng.below(1 << 30) : rng.below(1 << 16);
  cpu.vmwrite(Vmcs.exitReason, reason);
  cpu.vmwrite(Vmcs.exitInterruptInfo, interruptInfo);
  cpu.vmwrite(Vmcs.exitQualification, rng.next());
  cpu.vmwrite(Vmcs.exitInstructionLength, rng.below(16));
  cpu.vmwrite(Vmcs.csSelector, isUser ? 0x0b : 0x08);
  cpu.registers[RAX_WORD] = reason === ExitReasonCode.xsetbv ? pick(rng, XCR0) : call;
  cpu.registers[RAX_WORD + 1] = rng.below(16) === 0 ? 1 : 0;
  cpu.registers[RCX_WORD] = rng.below(8) === 0 ? rng.next() : 0;
  cpu.registers[RDX_WORD] = rng.below(8) === 0 ? 1 : 0;
}

/** Hardware that breaks: bits of a VMCS or of saved extended state flip, or the processor forgets which VMCS is current. */
function breakHardware(rng: Rng, kernel: Kernel, cpu: Cpu): void {
  const { memory, at, tables } = kernel;
  const flip = (slot: number, word: number): void =>
    memory.writeWord(slot, word, (memory.readWord(slot, word) ^ (1 << rng.below(32))) >>> 0);
  switch (rng.below(3)) {
    case 0:
      cpu.vmcsSlot = -1;
      break;
    case 1:
      flip(at.vmcsSlots[pick(rng, tables.subjects).id]!, rng.below(4) === 0 ? rng.below(4) : rng.below(512));
      break;
    default:
      flip(at.fpuSlots[currentSubject(kernel, cpu)]!, rng.below(4) === 0 ? 0 : XSAVE_HEADER_WORD + rng.below(16));
  }
}

/** A handler of one CPU that is under way, with what the machine does when it raises an exception. */
class Handler {
  readonly #kernel: Kernel;
  readonly #cpu: Cpu;
  #segments: Segments;
  #hasFaulted = false;

  constructor(kernel: Kernel, cpu: Cpu) {
    this.#kernel = kernel;
    this.#cpu = cpu;
    this.#segments = handleVmExit(kernel, cpu);
  }

  /** An exception in root operation before the next segment. */
  raise(vector: number, errorCode: number, text: string): void {
    this.#hasFaulted = true;
    this.#segments = this.#kernel.ops.handleException(this.#kernel, this.#cpu, vector, errorCode, text);
  }

  /** Runs to the next access to shared state; undefined at the end of the handler, or of the kernel. */
  advance(): AtomicAccess | undefined {
    try {
      const { done, value } = this.#segments.next();
      return done === true ? undefined : value;
    } catch (cause) {
      if (isHalt(cause)) {
        this.#cpu.mode = CpuMode.stopped;
        return undefined;
      }
      if (cause instanceof VmxFailure)
        this.#segments = this.#kernel.ops.handleVmxFailure(this.#kernel, this.#cpu, cause);
      else if (cause instanceof HostException && !this.#hasFaulted) this.raise(cause.vector, cause.errorCode, '');
      else throw cause;
      return this.advance();
    }
  }
}

/** What one execution came to. */
export interface KernelResult {
  readonly exits: number;
  readonly power: string;
  /** Empty if no segment wrote what is none of its business. */
  readonly failure: string;
}

/** Lets the CPUs of a booted kernel handle exits, in an order of their segments that `rng` chooses. */
export function driveKernel(rng: Rng, kernel: Kernel): KernelResult {
  const { memory, cpus, platform } = kernel;
  const allowed = cpus.map(({ id }) => footprint(kernel, id));
  const inside: (Handler | undefined)[] = cpus.map(() => undefined);
  // Broken hardware stops most executions, so that few have it.
  const mayBreak = rng.below(4) === 0;
  const isHarsh = rng.below(3) === 0;
  let exits = 0;
  let failure = '';
  let at = 0;
  for (let segments = 0; exits < MAX_EXITS && segments < MAX_SEGMENTS && failure === ''; segments++) {
    const cpu = cpus[at]!;
    if (cpu.mode === CpuMode.stopped) {
      // Others go on until the reset, which takes effect once every CPU has stopped or waits for one that has.
      if (
        platform.power !== 'running' &&
        cpus.every(({ mode, id }) => mode === CpuMode.stopped || inside[id] === undefined)
      )
        break;
      at = rng.below(cpus.length);
      continue;
    }
    let handler = inside[at];
    if (handler === undefined) {
      if (platform.power !== 'running' && rng.below(4) === 0) break;
      hostileState(rng, kernel, cpu, isHarsh);
      writeExit(rng, kernel, cpu);
      handler = new Handler(kernel, cpu);
      inside[at] = handler;
      exits += 1;
    }
    if (mayBreak && rng.below(24) === 0) breakHardware(rng, kernel, cpu);
    if (mayBreak && rng.below(64) === 0) handler.raise(pick(rng, [2, 8, 13, 14, 18]), rng.next(), 'hardware');
    memory.beginStep();
    const access = handler.advance();
    for (let index = 0; index < memory.touchedCount; index++) {
      const slot = memory.touchedSlot(index);
      if (!allowed[at]!.has(slot)) failure = `CPU ${at} writes frame 0x${memory.frameOfSlot(slot).toString(16)}`;
    }
    if (access === undefined) inside[at] = undefined;
    if (access === undefined || SPINS.includes(access) || rng.below(4) === 0) at = rng.below(cpus.length);
  }
  return { exits, power: platform.power, failure };
}

/** A booted system whose kernel is driven again and again from the same state. */
export class KernelTarget {
  readonly #system: System;
  readonly #start: SystemSnapshot;
  readonly #memory: MemorySnapshot;

  private constructor(system: System) {
    this.#system = system;
    this.#start = this.#system.snapshot();
    this.#memory = this.#system.memory.snapshot();
  }

  /** Undefined if the system of a policy cannot be built. */
  static create(document: PolicyDocument): KernelTarget | undefined {
    const created = createSystem(document, defaultSeams);
    return created.ok ? new KernelTarget(created.value) : undefined;
  }

  /** One execution; the name of a system keeps the streams of systems apart. */
  execute(seed: number, name: string, execution: number): KernelResult {
    const system = this.#system;
    system.restore(this.#start);
    system.memory.restore(this.#memory);
    return driveKernel(createRng(deriveSeed(seed, `kernel ${name} ${execution}`)), system.kernel);
  }

  get digest(): string {
    return systemDigest(this.#system);
  }
}
