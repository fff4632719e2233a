import type { Cpu } from '../impl/cpu.ts';
import type { ExitCause } from '../impl/exit-cause.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import { FRAME_WORDS } from '../impl/memory.ts';
import { AtomicAccess } from '../impl/muen/kernel-context.ts';
import type { System } from '../impl/system.ts';
import type { SystemObserver } from '../impl/system-observer.ts';
import { ENTRY_FAILURE } from '../impl/vmx/exit-reasons.ts';
import { initialKernelState, type KernelEvent, type KernelState } from '../model/kernel-state.ts';
import { accessWords } from './access-words.ts';
import { checkAudit } from './audit-check.ts';
import type { Divergence } from './divergence.ts';
import { EXIT_TEMPLATE, type ExitEvent, fillExitEvent } from './exit-event.ts';
import { type ExitNote, newExitNote, noteEvent, noteExit } from './exit-note.ts';
import { KeptState } from './kept-state.ts';
import {
  compareEntry,
  compareGlobal,
  compareLines,
  compareLocal,
  compareSchedulingInfo,
  compareSubject,
  OUTCOMES,
} from './kernel-compare.ts';
import { type KernelModel, WRITES_SHARED } from './kernel-model.ts';
import { pageOwners, type SlotOwner } from './page-owners.ts';
import * as alpha from './relation/kernel.ts';

/** Kernel steps between two comparisons of every subject of a CPU. */
const FULL_COMPARISON = 8;

/** A step that the model is about to take; `state` and `event` are reused, so keep copies. */
export interface ModelStep {
  readonly mode: number;
  readonly state: KernelState;
  readonly event: KernelEvent;
}

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
  readonly #owners: readonly (SlotOwner | undefined)[];
  /** Shared page as last decoded. */
  readonly #shared: Uint32Array;
  /** A word of the shared page that just changed may not be what the model says. */
  #sharedDiffers = false;
  readonly #kept: KeptState;
  readonly #mode: number[];
  /** By CPU. */
  readonly #exits: readonly ExitNote[];
  /** Target of the source event or interrupt that a CPU handles, -1 if there is none. */
  readonly #target: number[];
  readonly #partitionsOf: readonly (readonly number[])[];
  readonly #subjectsOf: readonly (readonly number[])[];
  readonly #event: ExitEvent = { ...EXIT_TEMPLATE };
  readonly #proceed = { type: 'proceed', cpu: 0, nowTsc: 0, requestedMajor: 0 };
  readonly #continue = { type: 'continue', cpu: 0, nowTsc: 0 };
  #segment = 0;

  constructor(system: System, model: KernelModel) {
    this.#system = system;
    this.#model = model;
    const { tables } = system.kernel;
    this.#state = initialKernelState(model.config, model.schema, system.time.startTsc);
    this.#alpha = model.schema.initial();
    this.modeVisits = new Uint32Array(model.compiled.modes.length);
    this.#mode = system.cpus.map(() => model.guestMode);
    this.#exits = system.cpus.map(newExitNote);
    this.#target = system.cpus.map(() => -1);
    this.#kept = new KeptState(system, model);
    this.#partitionsOf = system.cpus.map(cpu =>
      tables.partitions.filter(row => row.id !== 0 && row.cpu === cpu.id).map(row => row.id),
    );
    this.#subjectsOf = system.cpus.map(cpu => tables.subjects.filter(row => row.cpu === cpu.id).map(row => row.id));
    this.#owners = pageOwners(system);
    this.#shared = new Uint32Array(alpha.globalWords(system));
  }

  /** Compares the booted system with the model's initial state; call once before a run. */
  begin(): void {
    const [boot] = this.#system.cpus;
    this.#note(boot!, this.#kept.begin());
    const shared = this.#system.kernel.at.globalSlot * FRAME_WORDS;
    this.#shared.set(this.#system.memory.words.subarray(shared, shared + this.#shared.length));
    alpha.abstractGlobal(this.#system, this.#alpha);
    for (const subject of this.#system.kernel.tables.subjects)
      alpha.abstractSubject(this.#system, subject.id, this.#alpha);
    for (const cpu of this.#system.cpus) {
      alpha.abstractLocal(this.#system, cpu.id, this.#alpha);
      this.#compareAll(cpu);
    }
    for (const cpu of this.#system.cpus) {
      const partition = this.#system.kernel.tables.plans[cpu.id]![0]![0]!.partition;
      alpha.abstractSchedulingInfo(this.#system, partition, this.#alpha);
      this.#note(cpu, compareSchedulingInfo(this.#alpha, this.#state, partition, this.#model.config));
      this.#checkLoaded(cpu, this.#system.subjectOn(cpu));
    }
  }

  onExit(cpu: Cpu, subject: number, reason: number): void {
    if (this.divergence !== undefined) return;
    noteExit(this.#exits[cpu.id]!, subject, reason);
    this.#target[cpu.id] = -1;
    this.#note(cpu, this.#kept.save(cpu, subject, reason >= ENTRY_FAILURE));
    this.exits[Math.min(reason & 0xffff, 65)]! += 1;
  }

  onSegment(cpu: Cpu, access: number): void {
    if (this.divergence !== undefined) return;
    this.#segment += 1;
    const before = this.#model.accessOfMode[this.#mode[cpu.id]!]!;
    const mode = this.#advanceModel(cpu);
    if (this.divergence !== undefined) return;
    const { power } = this.#system.kernel.platform;
    if (power !== OUTCOMES[this.#state.outcome]) {
      this.#note(cpu, `system: implementation ${power}, model ${OUTCOMES[this.#state.outcome]}`);
      return;
    }
    if (mode === this.#model.stoppedMode || mode === this.#model.deadMode) return;
    if (this.#model.accessOfMode[mode] !== access) {
      const wanted = this.#model.accessOfMode[mode]!;
      const due = wanted < 0 ? `be in mode ${this.#model.compiled.modes[mode]}` : accessWords(wanted);
      this.#note(cpu, `the kernel is about to ${accessWords(access)}, by the model it must ${due}`);
      return;
    }
    this.#checkFrame(cpu, before, access === 0);
    const { auditCountMode, auditResetMode } = this.#model;
    if (mode === auditCountMode || mode === auditResetMode) this.#checkAudit(cpu, mode === auditCountMode);
  }

  onEntry(cpu: Cpu, subject: number): void {
    if (this.divergence !== undefined) return;
    this.steps += 1;
    this.#compareAll(cpu);
    if (this.divergence !== undefined) return;
    this.#checkLoaded(cpu, subject);
    if (this.#currentSubject(cpu) !== subject) {
      this.#note(
        cpu,
        `entered subject: implementation ${this.#name(subject)}, model ${this.#name(this.#currentSubject(cpu))}`,
      );
    }
  }

  /** A subject may change pages that the kernel reads: its timed event, or what it monitors. The model takes them over. An exit of machine code has stored its MSRs. */
  onOperation(cpu: Cpu, subject: number, _hosted: HostedSubject, exit: ExitCause | undefined): void {
    if (this.divergence !== undefined) return;
    const { memory } = this.#system;
    for (let index = 0; index < memory.touchedCount; index++) {
      const slot = memory.touchedSlot(index);
      const owner = this.#owners[slot];
      if (owner === undefined || slot === cpu.vmcsSlot || owner.kind === 'interface') continue;
      if (owner.kind === 'msrStore' && owner.id === subject && exit !== undefined) continue;
      if (owner.kind === 'state') {
        this.#kept.adopt(owner.id);
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

  #checkAudit(cpu: Cpu, hasDumped: boolean): void {
    this.#note(cpu, checkAudit(this.#system, cpu, this.#model, this.#alpha, this.#state, this.#kept, hasDumped));
  }

  #advanceModel(cpu: Cpu): number {
    const { compiled, accessOfMode } = this.#model;
    const { target } = this.#state.cpus[cpu.id]!;
    if (target >= 0) this.#target[cpu.id] = target;
    let mode = this.#mode[cpu.id]!;
    const exit = this.#exits[cpu.id]!;
    if (exit.isNew) {
      const saved = this.#kept.statePage(exit.subject);
      const event = fillExitEvent(this.#event, cpu, saved, exit.reason);
      noteEvent(exit, event);
      mode = this.#stepModel(mode, event as unknown as KernelEvent);
    } else {
      this.#proceed.cpu = cpu.id;
      this.#proceed.nowTsc = cpu.tsc;
      this.#proceed.requestedMajor = this.#requestedMajor();
      if (mode === this.#model.resetMode) this.#kept.reset(this.#currentSubject(cpu));
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
    if (mode === this.#model.resetMode) this.#kept.resetFpu(this.#currentSubject(cpu));
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
      case 'audit':
        return access === AtomicAccess.auditSlot || access === AtomicAccess.auditCount
          ? ''
          : 'crash audit written without a crash';
      default: {
        const name = this.#name(owner.id);
        if (this.#model.config.subjectCpu[owner.id] !== cpu.id)
          return `CPU ${cpu.id} wrote the ${owner.kind} page of ${name}, which runs elsewhere`;
        if (owner.kind !== 'vmcs' && owner.kind !== 'fpu' && owner.kind !== 'msrStore') return '';
        const isOwn = owner.id === this.#exits[cpu.id]!.subject || owner.id === this.#currentSubject(cpu);
        return isOwn ? '' : `kernel wrote the ${owner.kind} page of ${name}, which is not involved`;
      }
    }
  }

  /** Brings the abstraction of a dirty page up to date. */
  #abstract(cpu: Cpu, { kind, id }: SlotOwner): void {
    const system = this.#system;
    if (kind === 'global') this.#abstractShared();
    else if (kind === 'local') alpha.abstractLocal(system, cpu.id, this.#alpha);
    else if (kind === 'schedulingInfo') alpha.abstractSchedulingInfo(system, id, this.#alpha);
    else if (kind === 'state') alpha.abstractState(system, id, this.#alpha);
    else if (kind === 'interrupts') alpha.abstractInterrupts(system, id, this.#alpha);
    else if (kind === 'timedEvent') alpha.abstractTimedEvent(system, id, this.#alpha);
    else if (kind === 'vmcs') alpha.abstractControls(system, id, this.#alpha);
    else if (kind === 'fpu') alpha.abstractFpu(system, id, this.#alpha);
  }

  /** Decodes the words of the shared page that changed since they were last decoded. */
  #abstractShared(): void {
    const { words } = this.#system.memory;
    const base = this.#system.kernel.at.globalSlot * FRAME_WORDS;
    this.#sharedDiffers = false;
    for (let word = 0; word < this.#shared.length; word++) {
      if (words[base + word] === this.#shared[word]) continue;
      this.#shared[word] = words[base + word]!;
      alpha.abstractGlobalWord(this.#system, word, this.#alpha);
      if (!alpha.agreesInGlobalWord(this.#system, word, this.#alpha, this.#state)) this.#sharedDiffers = true;
    }
  }

  /** First difference between the model and what a dirty page means. */
  #compareOwner(cpu: Cpu, { kind, id }: SlotOwner, isEntry: boolean): string {
    const { config } = this.#model;
    if (kind === 'global') return this.#sharedDiffers ? compareGlobal(this.#alpha, this.#state, config) : '';
    if (kind === 'local') return compareLocal(this.#alpha, this.#state, cpu.id, this.#partitionsOf[cpu.id]!, config);
    if (kind === 'schedulingInfo') return compareSchedulingInfo(this.#alpha, this.#state, id, config);
    if (kind === 'state') return this.#checkStatePage(cpu, id, isEntry);
    if (kind === 'vmcs' || kind === 'audit') return '';
    if (kind === 'fpu') return this.#kept.checkSavedFpu(this.#state, id);
    if (kind === 'msrStore') return this.#kept.checkMsrStore(id);
    return compareSubject(this.#alpha, this.#state, id, false, config);
  }

  #checkStatePage(cpu: Cpu, subject: number, isEntry: boolean): string {
    const found = compareSubject(this.#alpha, this.#state, subject, false, this.#model.config);
    if (found !== '') return found;
    return this.#kept.checkStatePage(this.#state, subject, isEntry && subject === this.#currentSubject(cpu));
  }

  /** The processor holds what the kernel keeps of the subject that it entered. */
  #checkLoaded(cpu: Cpu, subject: number): void {
    const { owner, xcr0 } = this.#state.cpus[cpu.id]!;
    if (subject >= 0) this.#note(cpu, this.#kept.checkLoaded(cpu, subject, owner, xcr0));
  }

  #compareSubject(cpu: Cpu, subject: number): void {
    const { config } = this.#model;
    // What another CPU's subject has pending is part of the shared page.
    if (subject < 0 || config.subjectCpu[subject] !== cpu.id) return;
    this.#note(cpu, compareSubject(this.#alpha, this.#state, subject, true, config));
  }

  /** Compares everything; the abstraction is up to date, because every dirty page was abstracted when it was written. */
  #compareAll(cpu: Cpu): void {
    const { config } = this.#model;
    this.#note(cpu, compareGlobal(this.#alpha, this.#state, config));
    this.#note(cpu, compareLocal(this.#alpha, this.#state, cpu.id, this.#partitionsOf[cpu.id]!, config));
    // A step changes the subject it comes from, the one it leads to and its target; the others are looked at now and then.
    if (this.steps % FULL_COMPARISON === 0)
      for (const subject of this.#subjectsOf[cpu.id]!) this.#compareSubject(cpu, subject);
    else {
      this.#compareSubject(cpu, this.#exits[cpu.id]!.subject);
      this.#compareSubject(cpu, this.#system.subjectOn(cpu));
      this.#compareSubject(cpu, this.#target[cpu.id]!);
    }
    alpha.abstractEntry(this.#system, cpu.id, this.#alpha);
    this.#note(cpu, compareEntry(this.#alpha, this.#state, cpu.id, this.#system.subjectOn(cpu)));
    if (config.lines.length > 0) {
      alpha.abstractLines(this.#system, config.lines, this.#alpha);
      this.#note(cpu, compareLines(this.#alpha, this.#state, config));
    }
    const inService = cpu.highestInService();
    if (inService >= 0) this.#note(cpu, `interrupt ${inService} is still in service at an entry of CPU ${cpu.id}`);
  }

  #currentSubject(cpu: Cpu): number {
    const { config } = this.#model;
    const local = this.#state.cpus[cpu.id]!;
    const partition = config.plans[cpu.id]![this.#state.major]![local.minor - 1]!.partition;
    return this.#state.groups[config.partitionGroups[partition]![this.#state.partitions[partition]!.activeIndex]!]!
      .activeSubject;
  }

  #name(subject: number): string {
    return this.#model.config.subjectNames[subject] ?? `subject ${subject}`;
  }

  #note(cpu: Cpu, what: string): void {
    if (what === '' || this.divergence !== undefined) return;
    const exit = this.#exits[cpu.id]!;
    this.divergence = {
      step: this.steps,
      segment: this.#segment,
      cpu: cpu.id,
      subject: this.#name(exit.subject),
      exitReason: exit.reason & 0xffff,
      isAtBoot: exit.subject < 0,
      operand: exit.operand,
      privilege: exit.privilege,
      nowTsc: cpu.tsc,
      what,
    };
  }
}
