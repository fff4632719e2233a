import type { Cpu } from '../impl/cpu.ts';
import type { System } from '../impl/system.ts';
import { ENTRY_FAILURE, ExitReasonCode } from '../impl/vmx/exit-reasons.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { entryViolation, type FixedBits, fixedBits } from './entry-rules.ts';

const ENTRY_FAILED = (ENTRY_FAILURE | ExitReasonCode.entryFailureGuestState) >>> 0;

/**
 * Compares what follows each VM entry with what the SDM says about the state in the subject's page. The rules speak about what the
 * hosted software of monitors changes: only for such runs does their silence mean that the entry must succeed.
 */
export class EntryWatch {
  violation: { readonly what: string; readonly subject: string; readonly tsc: number } | undefined;
  /** Entries that had to fail. */
  seen = 0;
  readonly #isComplete: boolean;
  readonly #system: System;
  readonly #fixed: FixedBits;
  /** By CPU: why the last entry must fail, empty if it need not. */
  readonly #reasons: string[];

  constructor(system: System, document: PolicyDocument, isComplete: boolean) {
    this.#isComplete = isComplete;
    this.#system = system;
    this.#fixed = fixedBits(document);
    this.#reasons = system.cpus.map(cpu => this.#reasonOf(cpu, system.subjectOn(cpu)));
  }

  #reasonOf(cpu: Cpu, subject: number): string {
    const { memory, kernel } = this.#system;
    return entryViolation(memory, { state: kernel.at.stateSlots[subject]!, vmcs: cpu.vmcsSlot }, this.#fixed);
  }

  onEntry(cpu: Cpu, subject: number): void {
    const reason = this.#reasonOf(cpu, subject);
    this.#reasons[cpu.id] = reason;
    if (reason !== '') this.seen += 1;
  }

  onOperation(cpu: Cpu, subject: number): void {
    const reason = this.#reasons[cpu.id]!;
    if (reason !== '') this.#note(cpu, subject, `executes, although ${reason}`);
  }

  onExit(cpu: Cpu, subject: number, reason: number): void {
    const expected = this.#reasons[cpu.id]!;
    const isRefused = reason === ENTRY_FAILED;
    if (isRefused && expected === '' && this.#isComplete)
      this.#note(cpu, subject, 'is refused by the processor, although its state is valid');
    if (!isRefused && expected !== '')
      this.#note(cpu, subject, `leaves the CPU by exit ${reason & 0xffff}, although ${expected}`);
  }

  #note(cpu: Cpu, subject: number, what: string): void {
    const name = this.#system.kernel.tables.subjects[subject]?.name ?? '';
    this.violation ??= { what: `${name} ${what}`, subject: name, tsc: cpu.tsc };
  }
}
