import type { Cpu } from '../impl/cpu.ts';
import type { ExitCause } from '../impl/hosted-cpu.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import { ATOMIC_ACCESS_NAMES, AtomicAccess } from '../impl/muen/kernel-context.ts';
import type { System, SystemObserver } from '../impl/system.ts';
import { ENTRY_FAILURE, ExitReasonCode } from '../impl/vmx/exit-reasons.ts';
import { RFLAGS_IF, Vmcs } from '../impl/vmx/vmcs.ts';
import type { CompiledMachine } from '../model/compile.ts';
import { compileMachine } from '../model/compile.ts';
import { createKernelMachine } from '../model/kernel.machine.ts';
import { type KernelConfig, kernelConfig } from '../model/kernel-config.ts';
import { initialKernelState, type KernelEvent, type KernelSchema, kernelSchema, type KernelState } from '../model/kernel-state.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { compareEntry, compareGlobal, compareLocal, compareSchedulingInfo, compareSubject } from './kernel-compare.ts';
import * as alpha from './relation/kernel.ts';
import * as page from './relation/subject-state.ts';

/** Where implementation and model part. */
export interface Divergence {
  /** Kernel step (0-based) and atomic segment within the run. */
  readonly step: number;
  readonly segment: number;
  readonly cpu: number;
  readonly subject: string;
  readonly exitReason: number;
  readonly nowTsc: number;
  readonly what: string;
}

/** Parts of the model that a policy alone determines; built once, used for many runs. */
export interface KernelModel {
  readonly config: KernelConfig;
  readonly schema: KernelSchema;
  readonly compiled: CompiledMachine<KernelState, KernelEvent>;
  readonly guestMode: number;
  readonly stoppedMode: number;
  /** Mode in which the next access resets the current subject. */
  readonly resetMode: number;
  /** Access that the implementation must stand before in a mode; -1 in modes that depend on local state alone. */
  readonly accessOfMode: Int8Array;
}

const ACCESS_OF_LEAF: Readonly<Record<string, number>> = {
  barrierRead: AtomicAccess.barrierRead,
  barrierAdd: AtomicAccess.barrierAdd,
  barrierReset: AtomicAccess.barrierReset,
  barrierRelease: AtomicAccess.barrierRelease,
  barrierSpin: AtomicAccess.barrierSpin,
  majorAdvance: AtomicAccess.majorAdvance,
  timerMark: AtomicAccess.activitySet,
  scanRead: AtomicAccess.activityRead,
  scanCheck: AtomicAccess.pendingRead,
  scanUnmark: AtomicAccess.activityClear,
  scanRecheck: AtomicAccess.pendingRead,
  scanMark: AtomicAccess.activitySet,
  restCheck: AtomicAccess.pendingRead,
  restUnmark: AtomicAccess.activityClear,
  restRecheck: AtomicAccess.pendingRead,
  restMark: AtomicAccess.activitySet,
  setPending: AtomicAccess.pendingSet,
  indicate: AtomicAccess.activitySet,
  interruptIndicate: AtomicAccess.activitySet,
  takeEvent: AtomicAccess.pendingConsume,
  clearEvents: AtomicAccess.pendingClear,
};

/** By access: 1 if it changes the shared page. */
const WRITES_SHARED = new Uint8Array(ATOMIC_ACCESS_NAMES.length);
for (const access of [
  AtomicAccess.pendingSet,
  AtomicAccess.pendingConsume,
  AtomicAccess.pendingClear,
  AtomicAccess.activitySet,
  AtomicAccess.activityClear,
  AtomicAccess.barrierAdd,
  AtomicAccess.barrierReset,
  AtomicAccess.barrierRelease,
  AtomicAccess.majorAdvance,
]) {
  WRITES_SHARED[access] = 1;
}

/** Builds and compiles the kernel model of a policy. */
export function kernelModel(document: PolicyDocument): KernelModel {
  const config = kernelConfig(document);
  const schema = kernelSchema(config);
  const { machine, definition } = createKernelMachine(config, schema);
  const compiled = compileMachine(machine, definition) as unknown as CompiledMachine<KernelState, KernelEvent>;
  const accessOfMode = Int8Array.from(compiled.modes, mode => {
    const leaf = mode.slice(mode.lastIndexOf('.') + 1);
    if (mode === 'guest' || mode === 'stopped') return 0;
    return mode.startsWith('choose.') ? -1 : (ACCESS_OF_LEAF[leaf] ?? -2);
  });
  return {
    config,
    schema,
    compiled,
    guestMode: compiled.modeIndex('guest'),
    stoppedMode: compiled.modeIndex('stopped'),
    resetMode: compiled.modeIndex('access.clearEvents'),
    accessOfMode,
  };
}

/** A step that the model is about to take; `state` and `event` are reused, so keep copies. */
export interface ModelStep {
  readonly mode: number;
  readonly state: KernelState;
  readonly event: KernelEvent;
}

type SlotKind = 'global' | 'local' | 'state' | 'timedEvent' | 'interrupts' | 'vmcs' | 'fpu' | 'schedulingInfo' | 'interface';

interface SlotOwner {
  readonly kind: SlotKind;
  /** Subject, partition or CPU. */
  readonly id: number;
}

/** Mutable form of an exit event: one object serves all exits of a run. */
type ExitEvent = { -readonly [Key in keyof (typeof EXIT_TEMPLATE)]: (typeof EXIT_TEMPLATE)[Key] };

const EXIT_TEMPLATE = {
  type: 'trap' as string,
  cpu: 0,
  nowTsc: 0,
  ripLow: 0,
  ripHigh: 0,
  interruptFlag: false,
  interruptibility: 0,
  activity: 0,
  instructionLength: 0,
  entryFailed: false,
  vector: 0,
  raxLow: 0,
  raxHigh: 0,
  reason: 0,
  privilege: 0,
  index: 0,
  valueLow: 0,
  valueHigh: 0,
};

/**
 * Runs the kernel model beside a system and compares after every atomic segment and at every entry (step refinement with
 * frame condition). The choices that the model leaves to the implementation (which exit, its operands, the time, what tau0
 * asks for) are passed in as event data.
 */
export class Lockstep implements SystemObserver {
  divergence: Divergence | undefined;
  /** Kernel steps compared. */
  steps = 0;
  /** Kernel steps by basic exit reason. */
  readonly exits = new Uint32Array(66);
  /** Times each mode of the model was entered. */
  readonly modeVisits: Uint32Array;
  /** Called before each step of the model, for those who want to take the same steps. */
  onModelStep: ((step: ModelStep) => void) | undefined;
  readonly #system: System;
  readonly #model: KernelModel;
  readonly #state: KernelState;
  readonly #alpha: KernelState;
  /** By slot. */
  readonly #owners: (SlotOwner | undefined)[];
  readonly #pages: Uint32Array[];
  readonly #mode: number[];
  readonly #atExit: number[];
  readonly #subjectAtExit: number[];
  readonly #exitReason: number[];
  readonly #partitionsOf: readonly (readonly number[])[];
  readonly #subjectsOf: readonly (readonly number[])[];
  readonly #event: ExitEvent = { ...EXIT_TEMPLATE };
  readonly #proceed = { type: 'proceed', cpu: 0, nowTsc: 0, requestedMajor: 0 };
  readonly #continue = { type: 'continue', cpu: 0, nowTsc: 0 };
  #segment = 0;

  constructor(system: System, model: KernelModel) {
    this.#system = system;
    this.#model = model;
    const { tables, at } = system.kernel;
    this.#state = initialKernelState(model.config, model.schema, system.time.startTsc);
    this.#alpha = model.schema.initial();
    this.modeVisits = new Uint32Array(model.compiled.modes.length);
    this.#mode = system.cpus.map(() => model.guestMode);
    this.#atExit = system.cpus.map(() => 0);
    this.#subjectAtExit = system.cpus.map(() => -1);
    this.#exitReason = system.cpus.map(() => 0);
    this.#pages = tables.subjects.map(() => new Uint32Array(page.STATE_PAGE_WORDS));
    this.#partitionsOf = system.cpus.map(cpu => tables.partitions.filter(row => row.id !== 0 && row.cpu === cpu.id).map(row => row.id));
    this.#subjectsOf = system.cpus.map(cpu => tables.subjects.filter(row => row.cpu === cpu.id).map(row => row.id));
    // Slots past the end belong to frames that subjects touched later.
    this.#owners = Array.from({ length: system.memory.frameCount }, () => undefined);
    const own = (slots: readonly number[], kind: SlotKind): void => slots.forEach((slot, id) => {
      if (slot >= 0) this.#owners[slot] = { kind, id };
    });
    own([at.globalSlot], 'global');
    own(at.dataSlots, 'local');
    at.bssSlots.forEach((slots, id) => {
      for (const slot of slots) this.#owners[slot] = { kind: 'local', id };
    });
    own(at.stateSlots, 'state');
    own(at.timedEventSlots, 'timedEvent');
    own(at.interruptSlots, 'interrupts');
    own(at.vmcsSlots, 'vmcs');
    own(at.fpuSlots, 'fpu');
    own(at.schedulingInfoSlots, 'schedulingInfo');
    own([at.interfaceSlot], 'interface');
  }

  /** Compares the booted system with the model's initial state; call once before a run. */
  begin(): void {
    for (const subject of this.#system.kernel.tables.subjects) {
      page.adoptPage(this.#system.memory, this.#system.kernel.at.stateSlots[subject.id]!, this.#pages[subject.id]!);
    }
    alpha.abstractGlobal(this.#system, this.#alpha);
    for (const subject of this.#system.kernel.tables.subjects) alpha.abstractSubject(this.#system, subject.id, this.#alpha);
    for (const cpu of this.#system.cpus) {
      alpha.abstractLocal(this.#system, cpu.id, this.#alpha);
      this.#compareAll(cpu);
    }
    for (const cpu of this.#system.cpus) {
      const partition = this.#system.kernel.tables.plans[cpu.id]![0]![0]!.partition;
      alpha.abstractSchedulingInfo(this.#system, partition, this.#alpha);
      this.#note(cpu, compareSchedulingInfo(this.#alpha, this.#state, partition, this.#model.config));
    }
  }

  onExit(cpu: Cpu, subject: number, reason: number): void {
    if (this.divergence !== undefined) return;
    this.#atExit[cpu.id] = 1;
    this.#subjectAtExit[cpu.id] = subject;
    this.#exitReason[cpu.id] = reason;
    page.expectSaved(this.#system.memory, cpu, this.#pages[subject]!);
    this.exits[Math.min(reason & 0xffff, 65)]! += 1;
  }

  onSegment(cpu: Cpu, access: number): void {
    if (this.divergence !== undefined) return;
    this.#segment += 1;
    const before = this.#model.accessOfMode[this.#mode[cpu.id]!]!;
    const mode = this.#advanceModel(cpu);
    if (this.divergence !== undefined) return;
    const isStopped = mode === this.#model.stoppedMode;
    if (isStopped !== (this.#system.kernel.platform.power !== 'running')) {
      this.#note(cpu, `system stopped: implementation ${!isStopped}, model ${isStopped}`);
      return;
    }
    if (isStopped) return;
    if (this.#model.accessOfMode[mode] !== access) {
      const name = access === 0 ? 'entry' : ATOMIC_ACCESS_NAMES[access]!;
      this.#note(cpu, `kernel control: implementation stands before ${name}, model in mode ${this.#model.compiled.modes[mode]}`);
      return;
    }
    this.#checkFrame(cpu, before, access === 0);
  }

  onEntry(cpu: Cpu, subject: number): void {
    if (this.divergence !== undefined) return;
    this.steps += 1;
    this.#compareAll(cpu);
    if (this.divergence !== undefined) return;
    const expected = this.#pages[subject]!;
    const word = page.firstEntryDifference(this.#system.memory, cpu, expected);
    if (word >= 0) this.#note(cpu, `${page.stateWordName(word)} of ${this.#name(subject)} is not loaded as its state page says`);
    if (this.#currentSubject(cpu) !== subject) {
      this.#note(cpu, `entered subject: implementation ${this.#name(subject)}, model ${this.#name(this.#currentSubject(cpu))}`);
    }
  }

  /** A subject may change pages that the kernel reads: its timed event, or what it monitors. The model takes them over. */
  onOperation(cpu: Cpu, subject: number, _hosted: HostedSubject, _exit: ExitCause | undefined): void {
    if (this.divergence !== undefined) return;
    const { memory } = this.#system;
    for (let index = 0; index < memory.touchedCount; index++) {
      const slot = memory.touchedSlot(index);
      const owner = this.#owners[slot];
      if (owner === undefined || slot === cpu.vmcsSlot || owner.kind === 'interface') continue;
      if (owner.kind === 'state') {
        page.adoptPage(memory, slot, this.#pages[owner.id]!);
        alpha.abstractState(this.#system, owner.id, this.#state);
        alpha.abstractState(this.#system, owner.id, this.#alpha);
      } else if (owner.kind === 'interrupts') {
        alpha.abstractInterrupts(this.#system, owner.id, this.#state);
        alpha.abstractInterrupts(this.#system, owner.id, this.#alpha);
      } else if (owner.kind === 'timedEvent') {
        alpha.abstractTimedEvent(this.#system, owner.id, this.#state);
        alpha.abstractTimedEvent(this.#system, owner.id, this.#alpha);
      } else this.#note(cpu, `frame condition: subject ${this.#name(subject)} wrote the kernel's ${owner.kind} page`);
    }
  }

  #advanceModel(cpu: Cpu): number {
    const { compiled, accessOfMode } = this.#model;
    let mode = this.#mode[cpu.id]!;
    if (this.#atExit[cpu.id] === 1) {
      this.#atExit[cpu.id] = 0;
      mode = this.#stepModel(mode, this.#exitEvent(cpu) as unknown as KernelEvent);
    } else {
      this.#proceed.cpu = cpu.id;
      this.#proceed.nowTsc = cpu.tsc;
      this.#proceed.requestedMajor = this.#requestedMajor();
      if (mode === this.#model.resetMode) this.#expectReset(this.#currentSubject(cpu));
      mode = this.#stepModel(mode, this.#proceed as unknown as KernelEvent);
    }
    this.#continue.cpu = cpu.id;
    this.#continue.nowTsc = cpu.tsc;
    while (mode >= 0 && accessOfMode[mode] === -1) {
      this.modeVisits[mode]! += 1;
      mode = this.#stepModel(mode, this.#continue as unknown as KernelEvent);
    }
    if (mode < 0) {
      this.#note(cpu, `no model transition from mode ${compiled.modes[this.#mode[cpu.id]!]}`);
      return this.#mode[cpu.id]!;
    }
    this.modeVisits[mode]! += 1;
    this.#mode[cpu.id] = mode;
    return mode;
  }

  #stepModel(mode: number, event: KernelEvent): number {
    this.onModelStep?.({ mode, state: this.#state, event });
    return this.#model.compiled.step(mode, this.#state, event);
  }

  /** What tau0's page asks for; an access through the page itself, because tau0 may write it at any time. */
  #requestedMajor(): number {
    const { interfaceSlot } = this.#system.kernel.at;
    return interfaceSlot < 0 ? this.#state.major : this.#system.memory.readWord(interfaceSlot, 0);
  }

  #exitEvent(cpu: Cpu): ExitEvent {
    const event = this.#event;
    const saved = this.#pages[this.#subjectAtExit[cpu.id]!]!;
    const reason = this.#exitReason[cpu.id]! & 0xffff;
    const info = cpu.vmread(Vmcs.exitInterruptInfo);
    event.cpu = cpu.id;
    event.nowTsc = cpu.tsc;
    event.ripLow = saved[41]!;
    event.ripHigh = saved[42]!;
    event.interruptFlag = (saved[55]! & RFLAGS_IF) !== 0;
    event.interruptibility = saved[33]!;
    event.activity = saved[34]!;
    event.instructionLength = saved[36]!;
    event.entryFailed = this.#exitReason[cpu.id]! >= ENTRY_FAILURE;
    event.reason = reason;
    event.vector = info & 0xff;
    event.raxLow = saved[2]!;
    event.raxHigh = saved[3]!;
    event.privilege = saved[63]! & 3;
    event.index = saved[6]!;
    event.valueLow = saved[2]!;
    event.valueHigh = saved[8]!;
    event.type = exitType(reason, info, event.privilege);
    return event;
  }

  /** No page outside the footprint of the segment may be dirty; the abstract part of every dirty page equals the model's. */
  #checkFrame(cpu: Cpu, access: number, isEntry: boolean): void {
    const { memory } = this.#system;
    for (let index = 0; index < memory.touchedCount; index++) {
      const slot = memory.touchedSlot(index);
      const owner = this.#owners[slot];
      const found =
        owner === undefined
          ? `kernel wrote frame 0x${memory.frameOfSlot(slot).toString(16)}, which is none of its pages`
          : this.#outsideFootprint(cpu, owner, access);
      if (found !== '') {
        this.#note(cpu, `frame condition: ${found}`);
        return;
      }
      this.#abstract(cpu, owner!);
    }
    for (let index = 0; index < memory.touchedCount; index++) {
      const found = this.#compareOwner(cpu, this.#owners[memory.touchedSlot(index)]!, isEntry);
      if (found !== '') {
        this.#note(cpu, found);
        return;
      }
    }
  }

  /** Why a segment must not write a page, empty if it may. */
  #outsideFootprint(cpu: Cpu, owner: SlotOwner, access: number): string {
    switch (owner.kind) {
      case 'global':
        return WRITES_SHARED[access] === 1 ? '' : 'shared page written outside of an atomic access';
      case 'local':
        return owner.id === cpu.id ? '' : `CPU ${cpu.id} wrote local data of CPU ${owner.id}`;
      case 'schedulingInfo':
        return '';
      case 'interface':
        return "kernel wrote tau0's interface page";
      default: {
        const name = this.#name(owner.id);
        if (this.#model.config.subjectCpu[owner.id] !== cpu.id) return `CPU ${cpu.id} wrote the ${owner.kind} page of ${name}, which runs elsewhere`;
        if (owner.kind !== 'vmcs') return '';
        const isOwn = owner.id === this.#subjectAtExit[cpu.id] || owner.id === this.#currentSubject(cpu);
        return isOwn ? '' : `kernel wrote the VMCS of ${name}, which is not involved`;
      }
    }
  }

  /** Brings the abstraction of a dirty page up to date. */
  #abstract(cpu: Cpu, { kind, id }: SlotOwner): void {
    const system = this.#system;
    if (kind === 'global') alpha.abstractGlobal(system, this.#alpha);
    else if (kind === 'local') alpha.abstractLocal(system, cpu.id, this.#alpha);
    else if (kind === 'schedulingInfo') alpha.abstractSchedulingInfo(system, id, this.#alpha);
    else if (kind === 'state') alpha.abstractState(system, id, this.#alpha);
    else if (kind === 'interrupts') alpha.abstractInterrupts(system, id, this.#alpha);
    else if (kind === 'timedEvent') alpha.abstractTimedEvent(system, id, this.#alpha);
    else if (kind === 'vmcs') alpha.abstractControls(system, id, this.#alpha);
    else if (kind === 'fpu') alpha.abstractFpu(system, id, this.#alpha);
  }

  /** First difference between the model and what a dirty page means. */
  #compareOwner(cpu: Cpu, { kind, id }: SlotOwner, isEntry: boolean): string {
    const { config } = this.#model;
    if (kind === 'global') return compareGlobal(this.#alpha, this.#state, config);
    if (kind === 'local') return compareLocal(this.#alpha, this.#state, cpu.id, this.#partitionsOf[cpu.id]!, config);
    if (kind === 'schedulingInfo') return compareSchedulingInfo(this.#alpha, this.#state, id, config);
    if (kind === 'state') return this.#checkStatePage(cpu, id, isEntry);
    if (kind === 'vmcs' || kind === 'fpu') return '';
    return compareSubject(this.#alpha, this.#state, id, false, config);
  }

  #checkStatePage(cpu: Cpu, subject: number, isEntry: boolean): string {
    this.#expectStatePage(subject, isEntry && subject === this.#currentSubject(cpu));
    const found = compareSubject(this.#alpha, this.#state, subject, false, this.#model.config);
    if (found !== '') return found;
    const word = page.firstPageDifference(this.#system.memory, this.#system.kernel.at.stateSlots[subject]!, this.#pages[subject]!);
    return word < 0 ? '' : `${page.stateWordName(word)} in the state page of ${this.#name(subject)} is not what was saved`;
  }

  /** A reset puts the whole state page to the policy's values. */
  #expectReset(subject: number): void {
    this.#pages[subject]!.set(this.#system.kernel.tables.subjects[subject]!.initialState);
  }

  /** Expected page content: what was saved, changed only in the words that the model speaks about. */
  #expectStatePage(subject: number, isEntry: boolean): void {
    const expected = this.#pages[subject]!;
    const model = this.#state.subjects[subject]!;
    expected[33] = model.interruptibility;
    expected[34] = model.activity;
    expected[36] = model.instructionLength;
    expected[41] = model.ripLow;
    expected[42] = model.ripHigh;
    expected[123] = ((expected[123]! & ~1) | (model.running ? 1 : 0)) >>> 0;
    // The kernel keeps machine checks enabled in whatever it enters.
    if (isEntry) expected[51]! |= 1 << 6;
  }

  /** Compares everything; the abstraction is up to date, because every dirty page was abstracted when it was written. */
  #compareAll(cpu: Cpu): void {
    const { config } = this.#model;
    this.#note(cpu, compareGlobal(this.#alpha, this.#state, config));
    this.#note(cpu, compareLocal(this.#alpha, this.#state, cpu.id, this.#partitionsOf[cpu.id]!, config));
    for (const subject of this.#subjectsOf[cpu.id]!) this.#note(cpu, compareSubject(this.#alpha, this.#state, subject, true, config));
    alpha.abstractEntry(this.#system, cpu.id, this.#alpha);
    this.#note(cpu, compareEntry(this.#alpha, this.#state, cpu.id, this.#system.subjectOn(cpu)));
    // Another CPU that stands inside the kernel may have masked a line in the model and not yet in the I/O APIC.
    const isQuiet = this.#mode.every(mode => mode === this.#model.guestMode);
    if (isQuiet && this.#system.kernel.platform.ioApicMask !== this.#state.maskedIrqs) this.#note(cpu, 'masked lines of the I/O APIC differ');
  }

  #currentSubject(cpu: Cpu): number {
    const { config } = this.#model;
    const local = this.#state.cpus[cpu.id]!;
    const partition = config.plans[cpu.id]![this.#state.major]![local.minor - 1]!.partition;
    return this.#state.groups[config.partitionGroups[partition]![this.#state.partitions[partition]!.activeIndex]!]!.activeSubject;
  }

  #name(subject: number): string {
    return this.#model.config.subjectNames[subject] ?? `subject ${subject}`;
  }

  #note(cpu: Cpu, what: string): void {
    if (what === '' || this.divergence !== undefined) return;
    this.divergence = {
      step: this.steps,
      segment: this.#segment,
      cpu: cpu.id,
      subject: this.#name(this.#subjectAtExit[cpu.id]!),
      exitReason: this.#exitReason[cpu.id]! & 0xffff,
      nowTsc: cpu.tsc,
      what,
    };
  }
}

/** Kind of an exit in the model's alphabet (Muen's dispatch by basic exit reason). */
function exitType(reason: number, interruptInfo: number, privilege: number): string {
  switch (reason) {
    case ExitReasonCode.externalInterrupt:
      return 'externalInterrupt';
    case ExitReasonCode.vmcall:
      return privilege === 0 ? 'vmcall' : 'trap';
    case ExitReasonCode.preemptionTimer:
      return 'timerExpiry';
    case ExitReasonCode.interruptWindow:
      return 'interruptWindow';
    case ExitReasonCode.xsetbv:
      return 'xsetbv';
    case ExitReasonCode.entryFailureMachineCheck:
      return 'fatal';
    case ExitReasonCode.exception: {
      const typeAndVector = interruptInfo & 0x7ff;
      return typeAndVector === 0x202 || typeAndVector === 0x312 ? 'fatal' : 'trap';
    }
    default:
      return 'trap';
  }
}
