import type { Cpu } from '../impl/cpu.ts';
import type { ExitCause } from '../impl/exit-cause.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import type { System } from '../impl/system.ts';
import type { SystemObserver } from '../impl/system-observer.ts';
import { ExitReasonCode } from '../impl/vmx/exit-reasons.ts';
import { Vmcs } from '../impl/vmx/vmcs.ts';
import type { Lockstep } from './lockstep.ts';

/** Host vector of inter-processor interrupts (Muen `IPI_Vector`). */
const IPI_VECTOR = 254;
/** Vector in the VM-exit interruption information. */
const VECTOR_MASK = 0xff;

/**
 * Follows inter-processor interrupts from the event that asks for one, as the kernel model takes it, to the exit that it
 * causes on the other CPU: none is lost, none comes unasked.
 */
export class IpiWatch implements SystemObserver {
  /** What went wrong first, and the subject on the CPU concerned. */
  violation: { readonly what: string; readonly subject: string; readonly tsc: number } | undefined;
  /** Interrupts that arrived. */
  seen = 0;
  readonly #cyclesPerInstruction: number;
  readonly #system: System;
  readonly #lockstep: Lockstep;
  /** By CPU: TSC from which the interrupt is due, Infinity if none is. */
  readonly #dueTsc: number[];
  /** By subject: operations retired when it was last seen. */
  readonly #retired: number[] = [];

  /** `cyclesPerInstruction` of machine code, which completes an instruction that it began. */
  constructor(
    system: System,
    lockstep: Lockstep,
    indicateMode: number,
    subjectCpu: readonly number[],
    cyclesPerInstruction = 0,
  ) {
    this.#cyclesPerInstruction = cyclesPerInstruction;
    this.#system = system;
    this.#lockstep = lockstep;
    this.#dueTsc = system.cpus.map(() => Number.POSITIVE_INFINITY);
    lockstep.onModelStep = ({ mode, state, event }) => {
      const local = state.cpus[event.cpu]!;
      if (mode === indicateMode && local.ipi) this.#dueTsc[subjectCpu[local.target]!] = event.nowTsc;
    };
  }

  onExit(cpu: Cpu, subject: number, reason: number): void {
    this.#lockstep.onExit(cpu, subject, reason);
    const isIpi =
      (reason & 0xffff) === ExitReasonCode.externalInterrupt &&
      (cpu.vmread(Vmcs.exitInterruptInfo) & VECTOR_MASK) === IPI_VECTOR;
    if (!isIpi) return;
    this.seen += 1;
    if (this.#dueTsc[cpu.id] === Number.POSITIVE_INFINITY)
      this.#note(cpu, subject, `CPU ${cpu.id} takes an inter-processor interrupt that no event asked for`);
    this.#dueTsc[cpu.id] = Number.POSITIVE_INFINITY;
  }

  onSegment(cpu: Cpu, access: number): void {
    this.#lockstep.onSegment(cpu, access);
  }

  onEntry(cpu: Cpu, subject: number): void {
    this.#lockstep.onEntry(cpu, subject);
  }

  onOperation(cpu: Cpu, subject: number, hosted: HostedSubject, exit: ExitCause | undefined): void {
    this.#lockstep.onOperation(cpu, subject, hosted, exit);
    const due = this.#dueTsc[cpu.id]!;
    // An entry of machine code by itself executes nothing, even if the event that it injects leads to an exit.
    const hasExecuted =
      (exit !== undefined && !hosted.runsMachineCode) || hosted.retiredCount !== (this.#retired[subject] ?? 0);
    this.#retired[subject] = hosted.retiredCount;
    const startedTsc = cpu.tsc - (hosted.runsMachineCode ? this.#cyclesPerInstruction : 0);
    if (startedTsc < due || !hasExecuted) return;
    this.#note(
      cpu,
      subject,
      `CPU ${cpu.id} goes on with ${this.#name(subject)}, although an event asked for an inter-processor interrupt at TSC ${due}`,
    );
  }

  #name(subject: number): string {
    return this.#system.kernel.tables.subjects[subject]?.name ?? '';
  }

  #note(cpu: Cpu, subject: number, what: string): void {
    this.violation ??= { what, subject: this.#name(subject), tsc: cpu.tsc };
  }
}
