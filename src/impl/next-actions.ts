import { type Cpu, CpuMode } from './cpu.ts';
import type { InterruptArrivals } from './interrupt-arrivals.ts';
import type { KernelSteps } from './kernel-steps.ts';
import type { GuestCpus } from './machine-code/guest-cpus.ts';
import type { TimeModel } from './time-model.ts';
import { Activity, ProcControl, RFLAGS_IF, Vmcs } from './vmx/vmcs.ts';

const PIN_EXTERNAL_INTERRUPT = 1 << 0;

/** What a CPU does next. */
export const NextAction = {
  none: 0,
  kernelSegment: 1,
  entryFailure: 2,
  timerExpiry: 3,
  windowExit: 4,
  interrupt: 5,
  machineCode: 6,
  operation: 7,
} as const;

/** What the next action of a CPU depends on beside the CPU itself. */
export interface ActionSources {
  readonly steps: KernelSteps;
  readonly guests: GuestCpus;
  readonly arrivals: InterruptArrivals;
  readonly time: TimeModel;
  readonly cyclesPerInstruction: number;
  /** The subject on the CPU runs machine code rather than a script. */
  runsMachineCode(cpu: Cpu): boolean;
}

/**
 * The next action of each CPU and its TSC, kept until something that it depends on may have changed: an operation of one
 * CPU's script changes nothing for the others.
 */
export class NextActions {
  /** Infinity for a CPU that waits for another one. */
  readonly tsc: Float64Array;
  readonly kind: Uint8Array;
  readonly #isKnown: Uint8Array;

  constructor(cpuCount: number) {
    this.tsc = new Float64Array(cpuCount);
    this.kind = new Uint8Array(cpuCount);
    this.#isKnown = new Uint8Array(cpuCount);
  }

  /** What CPU `id` does next may have changed. */
  forget(id: number): void {
    this.#isKnown[id] = 0;
  }

  forgetAll(): void {
    this.#isKnown.fill(0);
  }

  /** Makes sure that `tsc` and `kind` of a CPU are right. */
  determine(cpu: Cpu, sources: ActionSources): void {
    const { id } = cpu;
    if (this.#isKnown[id] === 1) return;
    if (cpu.mode === CpuMode.guest) {
      if (sources.runsMachineCode(cpu)) this.#determineMachineCode(cpu, sources);
      else {
        this.#determineScript(cpu, sources);
        this.#isKnown[id] = 1;
      }
    } else if (cpu.mode === CpuMode.kernel && !sources.steps.isBlocked(cpu))
      this.#set(id, NextAction.kernelSegment, cpu.tsc);
    else if (cpu.mode === CpuMode.entryFailed) this.#set(id, NextAction.entryFailure, cpu.tsc);
    else this.#set(id, NextAction.none, Number.POSITIVE_INFINITY);
  }

  #set(id: number, kind: number, tsc: number): void {
    this.kind[id] = kind;
    this.tsc[id] = tsc;
  }

  #determineScript(cpu: Cpu, { arrivals, time, cyclesPerInstruction }: ActionSources): void {
    const { id } = cpu;
    const timer = Math.max(cpu.timerDeadlineTsc, cpu.tsc);
    if (isWindowOpen(cpu)) {
      this.#set(id, timer === cpu.tsc ? NextAction.timerExpiry : NextAction.windowExit, cpu.tsc);
      return;
    }
    const interrupt = interruptTsc(cpu, arrivals);
    const done = cpu.tsc + cyclesPerInstruction;
    if (done < timer && done < interrupt && done + time.guardCycles <= cpu.timerDeadlineTsc && isActive(cpu))
      this.#set(id, NextAction.operation, done);
    else if (interrupt < timer) this.#set(id, NextAction.interrupt, interrupt);
    else this.#set(id, NextAction.timerExpiry, timer);
  }

  #determineMachineCode(cpu: Cpu, { guests, arrivals, time, cyclesPerInstruction }: ActionSources): void {
    const { id } = cpu;
    const timer = Math.max(cpu.timerDeadlineTsc, cpu.tsc);
    const code = guests.nextTsc(cpu, time.guardCycles, cyclesPerInstruction);
    const interrupt = interruptTsc(cpu, arrivals);
    // A subject that was entered and has not run since comes before timers and interrupts.
    if (guests.isEntering(cpu)) this.#set(id, NextAction.machineCode, Math.min(timer, interrupt, code));
    else if (timer <= interrupt && timer <= code) this.#set(id, NextAction.timerExpiry, timer);
    else if (interrupt <= code) this.#set(id, NextAction.interrupt, interrupt);
    else this.#set(id, NextAction.machineCode, code);
  }
}

const isActive = (cpu: Cpu): boolean => cpu.vmread(Vmcs.activity) === Activity.active;

const isWindowOpen = (cpu: Cpu): boolean =>
  (cpu.vmread(Vmcs.procControls) & ProcControl.interruptWindowExiting) !== 0 &&
  (cpu.vmread(Vmcs.rflags) & RFLAGS_IF) !== 0 &&
  (cpu.vmread(Vmcs.interruptibility) & 3) === 0;

/** TSC at which an interrupt makes the CPU leave guest mode. */
export const interruptTsc = (cpu: Cpu, arrivals: InterruptArrivals): number =>
  (cpu.vmread(Vmcs.pinControls) & PIN_EXTERNAL_INTERRUPT) === 0 ? Number.POSITIVE_INFINITY : arrivals.nextTsc(cpu);
