import { type Cpu, CpuMode } from '../impl/cpu.ts';
import type { System } from '../impl/system.ts';
import type { KernelState } from '../model/kernel-state.ts';
import type { KernelModel } from './kernel-model.ts';
import * as fpu from './relation/fpu.ts';
import * as msrs from './relation/msr-store.ts';
import * as page from './relation/subject-state.ts';

/** CR4 in the state page, and the bit that the kernel sets in whatever it enters: machine checks stay enabled. */
const CR4_WORD = 51;
const CR4_MCE = 1 << 6;

/**
 * Expected contents of the pages in which a subject is kept while it does not run: state page, FPU page, MSR store.
 *
 * The model abstracts register contents away; this carries them along, word by word, from the exit that saved them to the
 * entry that loads them.
 */
export class KeptState {
  readonly #system: System;
  readonly #model: KernelModel;
  readonly #pages: readonly Uint32Array[];
  readonly #fpuPages: readonly Uint32Array[];
  readonly #fpu: fpu.FpuRelation;
  /** By subject: places of the stored MSRs in the processor's table, and their expected values. */
  readonly #msrPlaces: readonly (readonly number[])[];
  readonly #msrs: readonly msrs.MsrValues[];
  /** By CPU: version of the extended state that was last compared with a page, and the subject of the page. */
  readonly #comparedVersion: number[];
  readonly #comparedOwner: number[];

  constructor(system: System, model: KernelModel) {
    this.#system = system;
    this.#model = model;
    const { subjects } = system.kernel.tables;
    this.#fpu = fpu.fpuRelation(model.config.xcr0Features);
    this.#pages = subjects.map(() => new Uint32Array(page.STATE_PAGE_WORDS));
    this.#msrPlaces = model.config.storedMsrs.map(msrs.msrPlaces);
    this.#msrs = model.config.storedMsrs.map(stored => new Uint32Array(2 * stored.length));
    this.#comparedVersion = system.cpus.map(() => -1);
    this.#comparedOwner = system.cpus.map(() => -1);
    this.#fpuPages = subjects.map(() => new Uint32Array(fpu.FPU_PAGE_WORDS));
  }

  /** Compares what the kernel initialised at boot with the policy. First difference, empty if none. */
  begin(): string {
    const { at, tables } = this.#system.kernel;
    const entered = this.#system.cpus.map(cpu => this.#system.subjectOn(cpu));
    for (const { id } of tables.subjects) {
      const expected = this.#pages[id]!;
      expected.set(this.#model.initialPages[id]!);
      if (entered.includes(id)) expected[CR4_WORD]! |= CR4_MCE;
      const word = page.firstPageDifference(this.#system.memory, at.stateSlots[id]!, expected);
      if (word >= 0)
        return `after boot ${page.stateWordName(word)} in the state page of ${this.#name(id)} is not what the policy says`;
      fpu.expectResetFpu(this.#fpu, this.#fpuPages[id]!);
      const found = this.checkFpuPage(id) || this.checkMsrStore(id);
      if (found !== '') return `after boot ${found}`;
    }
    return '';
  }

  /** State page as it must be. */
  statePage(subject: number): Uint32Array {
    return this.#pages[subject]!;
  }

  fpuPage(subject: number): Uint32Array {
    return this.#fpuPages[subject]!;
  }

  /** Takes a state page's present content as what is expected: its monitor wrote it. */
  adopt(subject: number): void {
    page.adoptPage(this.#system.memory, this.#system.kernel.at.stateSlots[subject]!, this.#pages[subject]!);
  }

  /** The subject leaves the CPU: what its pages must hold is what the processor holds. A failed entry loaded no MSRs. */
  save(cpu: Cpu, subject: number, isEntryFailure: boolean): string {
    page.expectSaved(this.#system.memory, cpu, this.#pages[subject]!);
    if (!this.#isCompared(cpu, subject)) fpu.expectSavedFpu(this.#fpu, cpu, this.#fpuPages[subject]!);
    this.#comparedVersion[cpu.id] = cpu.fpuVersion;
    this.#comparedOwner[cpu.id] = subject;
    if (isEntryFailure || this.#msrPlaces[subject]!.length === 0) return '';
    msrs.expectStored(cpu, this.#msrPlaces[subject]!, this.#msrs[subject]!);
    return this.checkMsrStore(subject);
  }

  /** The extended state was found equal to the subject's page, and neither changed since. */
  #isCompared(cpu: Cpu, subject: number): boolean {
    return this.#comparedVersion[cpu.id] === cpu.fpuVersion && this.#comparedOwner[cpu.id] === subject;
  }

  /** A reset begins with the extended state. */
  resetFpu(subject: number): void {
    fpu.expectResetFpu(this.#fpu, this.#fpuPages[subject]!);
    this.#comparedOwner.fill(-1);
  }

  /** A reset puts the state page to the values of the policy. */
  reset(subject: number): void {
    this.#msrs[subject]!.fill(0);
    this.#pages[subject]!.set(this.#model.initialPages[subject]!);
  }

  /** State page against what was saved, changed only in the words that the model speaks about. */
  checkStatePage(state: KernelState, subject: number, isEntered: boolean): string {
    const expected = this.#pages[subject]!;
    const model = state.subjects[subject]!;
    expected[33] = model.interruptibility;
    expected[34] = model.activity;
    expected[36] = model.instructionLength;
    expected[41] = model.ripLow;
    expected[42] = model.ripHigh;
    expected[123] = ((expected[123]! & ~1) | (model.running ? 1 : 0)) >>> 0;
    if (isEntered) expected[CR4_WORD]! |= CR4_MCE;
    const word = page.firstPageDifference(this.#system.memory, this.#system.kernel.at.stateSlots[subject]!, expected);
    return word < 0
      ? ''
      : `${page.stateWordName(word)} in the state page of ${this.#name(subject)} is not what was saved`;
  }

  /** Takes the subject's XCR0 from the model and compares its FPU page. */
  checkSavedFpu(state: KernelState, subject: number): string {
    const expected = this.#fpuPages[subject]!;
    if (fpu.expectXcr0(expected, state.subjects[subject]!.xcr0)) this.#comparedOwner.fill(-1);
    return this.checkFpuPage(subject);
  }

  checkFpuPage(subject: number): string {
    const slot = this.#system.kernel.at.fpuSlots[subject]!;
    const word = fpu.firstFpuDifference(this.#fpu, this.#system.memory, slot, this.#fpuPages[subject]!);
    return word < 0 ? '' : `${fpu.fpuWordName(word)} in the FPU page of ${this.#name(subject)} is not what was saved`;
  }

  checkMsrStore(subject: number): string {
    const stored = this.#model.config.storedMsrs[subject]!;
    if (stored.length === 0) return '';
    const slot = this.#system.kernel.at.msrStoreSlots[subject]!;
    if (slot < 0) return `${this.#name(subject)} has no MSR store`;
    const entry = msrs.firstStoreDifference(this.#system.memory, slot, stored, this.#msrs[subject]!);
    return entry < 0
      ? ''
      : `MSR 0x${stored[entry]!.toString(16)} in the MSR store of ${this.#name(subject)} is not what was stored`;
  }

  /** What the processor holds at an entry against the pages of `subject`, and of `owner` for the extended state. */
  checkLoaded(cpu: Cpu, subject: number, owner: number, xcr0: number): string {
    this.#pages[subject]![CR4_WORD]! |= CR4_MCE;
    const word = page.firstEntryDifference(this.#system.memory, cpu, this.#pages[subject]!);
    if (word >= 0) return `${page.stateWordName(word)} of ${this.#name(subject)} is not loaded as its state page says`;
    if (cpu.xcr0 !== xcr0)
      return `XCR0 of CPU ${cpu.id}: implementation 0x${cpu.xcr0.toString(16)}, model 0x${xcr0.toString(16)}`;
    const msr =
      cpu.mode === CpuMode.entryFailed
        ? -1
        : msrs.firstLoadDifference(cpu, this.#msrPlaces[owner]!, this.#msrs[owner]!);
    if (msr >= 0)
      return `MSR 0x${this.#model.config.storedMsrs[owner]![msr]!.toString(16)} of ${this.#name(owner)} is not loaded as its MSR store says`;
    if (this.#isCompared(cpu, owner)) return '';
    this.#comparedVersion[cpu.id] = cpu.fpuVersion;
    this.#comparedOwner[cpu.id] = fpu.isCanonical(this.#fpu, this.#fpuPages[owner]!) ? owner : -1;
    const loaded = fpu.firstFpuEntryDifference(this.#fpu, cpu, this.#fpuPages[owner]!);
    return loaded < 0 ? '' : `${fpu.fpuWordName(loaded)} of ${this.#name(owner)} is not loaded as its FPU page says`;
  }

  #name(subject: number): string {
    return this.#model.config.subjectNames[subject] ?? `subject ${subject}`;
  }
}
