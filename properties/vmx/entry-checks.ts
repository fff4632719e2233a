import type { Cpu } from '../../src/impl/cpu.ts';
import { ENTRY_FAILURE, ExitReasonCode } from '../../src/impl/vmx/exit-reasons.ts';
import { entryViolation, type FixedBits, fixedBits } from '../../src/refinement/entry-rules.ts';
import { invariantProperty, type Watch } from '../invariant-property.ts';
import type { Workbench } from '../workbench.ts';

const ENTRY_FAILED = (ENTRY_FAILURE | ExitReasonCode.entryFailureGuestState) >>> 0;

/** Compares what follows each VM entry with what the SDM says about the state in the subject's page. */
class EntryWatch implements Watch {
  violation: Watch['violation'];
  seen = 0;
  readonly #found: Workbench;
  readonly #fixed: FixedBits;
  /** By CPU: why the last entry must fail, empty if it must not. */
  readonly #reasons: string[];

  constructor(found: Workbench, fixed: FixedBits) {
    this.#found = found;
    this.#fixed = fixed;
    this.#reasons = found.bench.system.cpus.map(cpu => this.#reasonOf(cpu, found.bench.system.subjectOn(cpu)));
  }

  #reasonOf(cpu: Cpu, subject: number): string {
    const { memory, kernel } = this.#found.bench.system;
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
    if (isRefused && expected === '')
      this.#note(cpu, subject, 'is refused by the processor, although its state is valid');
    if (!isRefused && expected !== '')
      this.#note(cpu, subject, `leaves the CPU by exit ${reason & 0xffff}, although ${expected}`);
  }

  #note(cpu: Cpu, subject: number, what: string): void {
    if (this.violation !== undefined) return;
    const name = this.#found.bench.system.kernel.tables.subjects[subject]?.name ?? '';
    this.violation = { what: `${name} ${what}`, subject: name, tsc: cpu.tsc };
  }
}

/** VM entries of subjects whose state page their monitor changes at will. */
export const entryChecks = invariantProperty({
  id: 'vmx/entry-checks',
  area: 'vmx',
  claim:
    'A subject is entered if and only if the guest state in its state page passes the VM-entry checks; otherwise it exits with reason 33.',
  killedBy: ['entry-check-skipped', 'entry-failure-ignored', 'state-field-not-restored'],
  witness: {
    id: 'refused-entry',
    description: 'a subject was to be entered in a state that the processor must refuse',
  },
  premise: 'Let a monitor change the state of its subject.',
  mix: {
    read: 0,
    write: 40,
    probe: 0,
    vmcall: 40,
    undeclared: 0,
    userVmcall: 0,
    trap: 20,
    xsetbv: 0,
    unknownExit: 0,
    timedEvent: 2,
    hlt: 2,
    rdtsc: 0,
    load: 0,
    sti: 6,
    cli: 2,
    nop: 4,
    stop: 0,
    fpu: 0,
    msr: 0,
    port: 0,
    controlRegister: 0,
  },
  alsoNotApplicable: ({ document }) => {
    const states = new Set(
      document.memory.filter(region => region.type === 'subject_state').map(region => region.name),
    );
    const isMonitored = document.subjects.some(subject =>
      subject.memory.some(mapping => mapping.writable && states.has(mapping.physical)),
    );
    return isMonitored ? '' : 'no subject can change the state of another one';
  },
  watch: (context, found) => new EntryWatch(found, fixedBits(context.document)),
});
