import type { CpuId, SubjectId } from '../units/ids.ts';
import { InvariantError } from '../units/invariant.ts';
import { highWord, lowWord } from '../units/word.ts';
import { type Cpu, CpuMode } from './cpu.ts';
import { type ExitCause, entryFailureCause, NO_CAUSE, TIMER_CAUSE, WINDOW_CAUSE } from './exit-cause.ts';
import { HostException } from './host-exception.ts';
import { executeOperation, MAX_VECTORS, type MachineEffect } from './hosted-cpu.ts';
import { advanceGuestRip, fetchOperation, guestRip, type HostedSubject, isAtXsetbv } from './hosted-subject.ts';
import { InterruptArrivals } from './interrupt-arrivals.ts';
import { GuestCpus } from './machine-code/guest-cpus.ts';
import type { MachineOps } from './machine-ops.ts';
import { EndlessError, FRAME_WORDS, type PhysicalMemory } from './memory.ts';
import { storeMsrs } from './msr-areas.ts';
import { handleVmExit } from './muen/kernel.ts';
import { AtomicAccess, type Kernel, type Segments } from './muen/kernel-context.ts';
import { KernelHalt } from './muen/kernel-halt.ts';
import { GLOBAL_IO_APIC_LOCK } from './muen/kernel-memory.ts';
import { barrierWord } from './muen/mp.ts';
import { GENERAL_PROTECTION } from './privileged-operations.ts';
import type { RunInputs } from './run-inputs.ts';
import type { SystemObserver } from './system-observer.ts';
import { restoreCpus, type SystemSnapshot, takeSnapshot } from './system-snapshot.ts';
import type { TimeModel } from './time-model.ts';
import { ENTRY_FAILURE, ExitReasonCode } from './vmx/exit-reasons.ts';
import { Activity, INJECT_EXTERNAL_INTERRUPT, ProcControl, RFLAGS_IF, Vmcs, vmcsWord } from './vmx/vmcs.ts';
import { VmxFailure } from './vmx/vmx-failure.ts';

const EXIT_INTERRUPT_ERROR_CODE = vmcsWord('EXIT_INTERRUPT_ERROR_CODE');
const PIN_ACTIVATE_TIMER = 1 << 6;
const PIN_EXTERNAL_INTERRUPT = 1 << 0;
/** Actions that a CPU takes at most when an interleaving gives it precedence, before it reaches a point itself. */
const FORCED_ACTIONS = 64;
/** Segments of a kernel step, at most: far beyond 64 delivered events and the search over 64 groups. */
const MAX_SEGMENTS = 16_384;
/** What stands for an exception of our own code in the kernel: a place that is not mapped. */
const PAGE_FAULT = 14;

const WAITS: readonly number[] = [AtomicAccess.barrierSpin, AtomicAccess.lockSpin];
const RELEASES: readonly number[] = [AtomicAccess.barrierRelease, AtomicAccess.lockRelease];

/**
 * A running Muen system: CPUs, kernel, hosted subjects, virtual time.
 *
 * By default the CPU whose next action comes first in virtual time acts (ties: lowest id), and kernel code runs from exit
 * to entry without interruption. At an interleaving point (before each atomic access) the inputs may let another CPU proceed.
 */
export class System {
  readonly kernel: Kernel;
  readonly memory: PhysicalMemory;
  readonly time: TimeModel;
  readonly cpus: readonly Cpu[];
  hosted: HostedSubject[];
  /** Kernel steps (exit to entry) completed in this run. */
  kernelSteps = 0;
  /** Atomic segments executed in this run. */
  segments = 0;
  observer: SystemObserver = {};
  readonly #ops: MachineOps;
  /** By slot. */
  readonly #subjectOfVmcs: SubjectId[];
  #handlers: (Segments | undefined)[] = [];
  /** Segments of the kernel step that each CPU is in. */
  #segmentsOfStep: number[] = [];
  /** Access each suspended CPU stands before. */
  #standing: number[] = [];
  #inputs: RunInputs = { cyclesPerInstruction: 1, endTsc: 0, maxKernelSteps: 0, interrupts: [], interleavings: [] };
  #arrivals: InterruptArrivals;
  readonly #guests: GuestCpus;
  #point = 0;
  #interleavingCursor = 0;
  #forced = -1;
  #latestTsc = 0;
  /** When a barrier or lock was last released. */
  #releaseTsc = 0;
  /** The kernel step of the CPU raised an exception already. */
  readonly #hasFaulted: boolean[] = [];
  readonly #machine: MachineEffect = { effect: 'none' };
  /** Barrier at which each spinning CPU waits, and the sense it waits to see changed. */
  readonly #spinBarrier: number[] = [];
  readonly #spinSense: number[] = [];

  constructor(kernel: Kernel, time: TimeModel, hosted: HostedSubject[], ops: MachineOps) {
    this.kernel = kernel;
    this.memory = kernel.memory;
    this.time = time;
    this.cpus = kernel.cpus;
    this.hosted = hosted;
    this.#ops = ops;
    this.#arrivals = new InterruptArrivals([], kernel.cpus.length, time.unitCycles, ops);
    this.#guests = new GuestCpus(kernel.memory, kernel.cpus, kernel.platform.ports, ops);
    this.#subjectOfVmcs = Array.from({ length: 1 + Math.max(...kernel.at.vmcsSlots) }, () => -1);
    kernel.at.vmcsSlots.forEach((slot, subject) => {
      this.#subjectOfVmcs[slot] = subject;
    });
  }

  /** Subject whose VMCS is current on a CPU. */
  subjectOn(cpu: Cpu): SubjectId {
    return this.#subjectOfVmcs[cpu.vmcsSlot] ?? -1;
  }

  /** Prepares a run; memory and CPUs stay as they are. */
  begin(inputs: RunInputs): void {
    this.#inputs = inputs;
    this.kernelSteps = 0;
    this.segments = 0;
    this.#point = 0;
    this.#interleavingCursor = 0;
    this.#forced = -1;
    this.#latestTsc = 0;
    this.#releaseTsc = 0;
    this.#handlers = this.cpus.map(() => undefined);
    this.#standing = this.cpus.map(() => 0);
    this.#segmentsOfStep = this.cpus.map(() => 0);
    this.#arrivals = new InterruptArrivals(inputs.interrupts, this.cpus.length, this.time.unitCycles, this.#ops);
  }

  /** Enters the initial subject of each CPU; part of boot. */
  enterInitial(): void {
    for (const cpu of this.cpus) this.#enterGuest(cpu);
  }

  /** Performs the next action of the run; false when the run is over. */
  step(): boolean {
    if (this.kernel.platform.power !== 'running' || this.kernelSteps >= this.#inputs.maxKernelSteps) return false;
    if (this.#arrivals.holdsLines) this.#arrivals.release(this.kernel, this.#latestTsc);
    if (this.#forced >= 0) return this.#stepForced();
    let best: Cpu | undefined;
    let bestTsc = Number.POSITIVE_INFINITY;
    let actionTsc = 0;
    for (const cpu of this.cpus) {
      const tsc = this.#nextActionTsc(cpu);
      // A CPU that stands inside the kernel goes on before any guest does.
      const key = cpu.mode === CpuMode.kernel && tsc !== Number.POSITIVE_INFINITY ? -1 : tsc;
      if (key < bestTsc) {
        best = cpu;
        bestTsc = key;
        actionTsc = tsc;
      }
    }
    if (best === undefined || bestTsc > this.#inputs.endTsc) return false;
    this.#act(best, actionTsc);
    return true;
  }

  /** Runs to the end; the number of kernel steps made. */
  run(): number {
    while (this.step());
    return this.kernelSteps;
  }

  snapshot(): SystemSnapshot {
    return takeSnapshot(this.cpus, this.hosted, this.kernel.platform, this.#guests.save());
  }

  restore(snapshot: SystemSnapshot): void {
    restoreCpus(this.cpus, snapshot);
    this.hosted = snapshot.hosted.map(subject => ({ ...subject }));
    Object.assign(this.kernel.platform, snapshot.platform);
    this.kernel.platform.ports.contents = snapshot.ports;
    this.kernel.platform.ioApic.load(snapshot.ioApic);
    this.#guests.restore(snapshot.guests);
  }

  #stepForced(): boolean {
    const cpu = this.cpus[this.#forced];
    this.#forced = -1;
    if (cpu === undefined) return true;
    const pointBefore = this.#point;
    for (let count = 0; count < FORCED_ACTIONS && this.#point === pointBefore; count++) {
      const tsc = this.#nextActionTsc(cpu);
      if (tsc > this.#inputs.endTsc || this.kernel.platform.power !== 'running') break;
      const wasKernel = cpu.mode === CpuMode.kernel;
      this.#act(cpu, tsc);
      if (wasKernel || this.#forced >= 0) break;
    }
    return true;
  }

  /** TSC of the next thing that can happen on a CPU; Infinity when it waits for another one. */
  #nextActionTsc(cpu: Cpu): number {
    if (cpu.mode === CpuMode.kernel) return this.#isBlocked(cpu) ? Number.POSITIVE_INFINITY : cpu.tsc;
    if (cpu.mode === CpuMode.entryFailed) return cpu.tsc;
    if (cpu.mode === CpuMode.stopped) return Number.POSITIVE_INFINITY;
    let next = Math.max(cpu.timerDeadlineTsc, cpu.tsc);
    const runsMachineCode = this.#runsMachineCode(cpu);
    if (!runsMachineCode && this.#windowOpen(cpu)) return cpu.tsc;
    const interrupt = this.#interruptTsc(cpu);
    if (interrupt < next) next = interrupt;
    const { cyclesPerInstruction } = this.#inputs;
    if (runsMachineCode) return Math.min(next, this.#guests.nextTsc(cpu, this.time.guardCycles, cyclesPerInstruction));
    const done = cpu.tsc + cyclesPerInstruction;
    if (
      done < next &&
      done + this.time.guardCycles <= cpu.timerDeadlineTsc &&
      cpu.vmread(Vmcs.activity) === Activity.active
    )
      next = done;
    return next;
  }

  #isBlocked(cpu: Cpu): boolean {
    const access = this.#standing[cpu.id];
    if (access === AtomicAccess.lockSpin)
      return this.memory.readWord(this.kernel.at.globalSlot, GLOBAL_IO_APIC_LOCK) !== 0;
    return access === AtomicAccess.barrierSpin && this.#spinSense[cpu.id] === this.#readSense(cpu);
  }

  #readSense(cpu: Cpu): number {
    return this.memory.readWord(this.kernel.at.globalSlot, barrierWord(this.kernel, this.#spinBarrier[cpu.id]!) + 1);
  }

  #windowOpen(cpu: Cpu): boolean {
    return (
      (cpu.vmread(Vmcs.procControls) & ProcControl.interruptWindowExiting) !== 0 &&
      (cpu.vmread(Vmcs.rflags) & RFLAGS_IF) !== 0 &&
      (cpu.vmread(Vmcs.interruptibility) & 3) === 0
    );
  }

  /** TSC at which an interrupt makes the CPU leave guest mode. */
  #interruptTsc(cpu: Cpu): number {
    return (cpu.vmread(Vmcs.pinControls) & PIN_EXTERNAL_INTERRUPT) === 0
      ? Number.POSITIVE_INFINITY
      : this.#arrivals.nextTsc(cpu);
  }

  #act(cpu: Cpu, tsc: number): void {
    if (cpu.mode === CpuMode.kernel) {
      // What another CPU does elsewhere does not delay one that waits for a barrier or lock.
      const isReleased = WAITS.includes(this.#standing[cpu.id]!);
      cpu.tsc = Math.max(cpu.tsc, isReleased ? this.#releaseTsc : this.#latestTsc);
      this.#runKernel(cpu);
      return;
    }
    cpu.tsc = tsc;
    if (tsc > this.#latestTsc) this.#latestTsc = tsc;
    const runsMachineCode = this.#runsMachineCode(cpu);
    if (cpu.mode === CpuMode.entryFailed) this.#exitGuest(cpu, entryFailureCause(cpu));
    else if (runsMachineCode && this.#guests.isEntering(cpu)) this.#runMachineCode(cpu);
    else if (tsc >= cpu.timerDeadlineTsc) this.#exitGuest(cpu, TIMER_CAUSE);
    else if (!runsMachineCode && this.#windowOpen(cpu)) this.#exitGuest(cpu, WINDOW_CAUSE);
    else if (this.#interruptTsc(cpu) <= tsc) this.#takeInterrupt(cpu);
    else if (runsMachineCode) this.#runMachineCode(cpu);
    else this.#execute(cpu);
  }

  #runsMachineCode(cpu: Cpu): boolean {
    return this.hosted[this.subjectOn(cpu)]!.runsMachineCode;
  }

  /** Runs the machine code of the subject on `cpu` until it exits or another CPU may proceed. */
  #runMachineCode(cpu: Cpu): void {
    const subject = this.subjectOn(cpu);
    const hosted = this.hosted[subject]!;
    const { cyclesPerInstruction, endTsc } = this.#inputs;
    const guest = this.#guests.of(cpu);
    this.memory.beginStep();
    const budget = this.#guests.budget(cpu, this.time.guardCycles, cyclesPerInstruction, endTsc);
    const { executed, hasExited } = guest.run(budget, cyclesPerInstruction);
    hosted.retiredCount += executed;
    cpu.tsc += executed * cyclesPerInstruction;
    const exit = hasExited ? { ...NO_CAUSE, reason: cpu.vmread(Vmcs.exitReason) } : undefined;
    this.observer.onOperation?.(cpu, subject, hosted, exit);
    if (guest.platform.effect !== 'none') this.#stopByPort(guest.platform.effect, subject);
    else if (guest.abortIndicator !== 0) this.#stop('shutdown', `VMX abort: indicator ${guest.abortIndicator}`);
    else if (exit !== undefined) this.#startKernel(cpu, exit.reason);
  }

  #stop(power: Kernel['platform']['power'], reason: string): void {
    this.kernel.platform.power = power;
    this.kernel.platform.stopReason = reason;
  }

  #stopByPort(effect: 'reset' | 'poweroff', subject: SubjectId): void {
    this.#stop(
      effect === 'reset' ? 'reboot' : 'poweroff',
      `port access by ${this.kernel.tables.subjects[subject]!.name}`,
    );
  }

  #takeInterrupt(cpu: Cpu): void {
    const vector = this.#arrivals.take(cpu, this.kernel);
    if (vector < 0) return;
    cpu.acknowledgeInterrupt(vector);
    this.#exitGuest(cpu, {
      ...NO_CAUSE,
      reason: ExitReasonCode.externalInterrupt,
      interruptInfo: (INJECT_EXTERNAL_INTERRUPT | vector) >>> 0,
    });
  }

  /** An interrupt message reaches the local APIC of `target` at `tsc`. */
  requestInterrupt(target: CpuId, vector: number, tsc: number): void {
    const cpu = this.cpus[target];
    if (cpu !== undefined) this.#arrivals.request(cpu, vector, tsc);
  }

  #execute(cpu: Cpu): void {
    const subject = this.subjectOn(cpu);
    const hosted = this.hosted[subject]!;
    const rip = guestRip(cpu);
    if ((cpu.vmread(Vmcs.csSelector) & 3) !== 0) cpu.vmwrite(Vmcs.csSelector, cpu.vmread(Vmcs.csSelector) & ~3);
    const operation = fetchOperation(hosted, rip, this.kernel.tables.subjects[subject]!.entryPoint);
    this.memory.beginStep();
    const { platform } = this.kernel;
    const exit = executeOperation(this.memory, cpu, hosted, operation, platform.ports, this.#ops, this.#machine);
    if (exit === undefined) hosted.retiredCount += 1;
    this.observer.onOperation?.(cpu, subject, hosted, exit);
    if (this.#machine.effect !== 'none') {
      this.#stopByPort(this.#machine.effect, subject);
      this.#machine.effect = 'none';
    } else if (exit !== undefined) this.#exitGuest(cpu, exit);
  }

  #exitGuest(cpu: Cpu, cause: ExitCause): void {
    const { memory } = this;
    if (cause.reason < ENTRY_FAILURE) {
      const abort = storeMsrs(memory, cpu);
      if (abort !== '') {
        this.#stop('shutdown', `VMX abort: ${abort}`);
        return;
      }
    }
    memory.touch(cpu.vmcsSlot);
    const { words } = memory;
    const base = cpu.vmcsSlot * FRAME_WORDS;
    words[base + Vmcs.exitReason] = cause.reason;
    words[base + Vmcs.exitInterruptInfo] = cause.interruptInfo;
    words[base + EXIT_INTERRUPT_ERROR_CODE] = cause.interruptErrorCode;
    words[base + Vmcs.exitQualification] = lowWord(cause.qualification);
    words[base + Vmcs.exitQualification + 1] = highWord(cause.qualification);
    words[base + Vmcs.guestPhysicalAddress] = lowWord(cause.guestPhysicalAddress);
    words[base + Vmcs.guestPhysicalAddress + 1] = highWord(cause.guestPhysicalAddress);
    words[base + Vmcs.exitInstructionLength] = cause.instructionLength;
    this.#startKernel(cpu, cause.reason);
  }

  #startKernel(cpu: Cpu, reason: number): void {
    cpu.tsc += this.time.exitCostCycles;
    cpu.mode = CpuMode.kernel;
    cpu.timerDeadlineTsc = Number.POSITIVE_INFINITY;
    this.observer.onExit?.(cpu, this.subjectOn(cpu), reason);
    this.memory.beginStep();
    this.#handlers[cpu.id] = handleVmExit(this.kernel, cpu);
    this.#standing[cpu.id] = 0;
    this.#segmentsOfStep[cpu.id] = 0;
    this.#hasFaulted[cpu.id] = false;
    this.#runKernel(cpu);
  }

  /** Runs kernel segments of a CPU until it enters a subject, waits at a barrier, or another CPU is to proceed. */
  #runKernel(cpu: Cpu): void {
    for (;;) {
      this.memory.beginStep();
      if (RELEASES.includes(this.#standing[cpu.id]!)) this.#releaseTsc = cpu.tsc;
      const { done, value } = this.#nextSegment(cpu);
      this.segments += 1;
      const access = done === true ? 0 : (value as number);
      if (access === AtomicAccess.barrierSpin && this.#standing[cpu.id] !== AtomicAccess.barrierSpin)
        this.#noteSpin(cpu);
      this.#standing[cpu.id] = access;
      this.observer.onSegment?.(cpu, access);
      if (done === true) break;
      const deviation = this.#inputs.interleavings[this.#interleavingCursor];
      const point = this.#point;
      this.#point += 1;
      if (deviation !== undefined && deviation.point === point) {
        this.#interleavingCursor += 1;
        if (deviation.cpu !== cpu.id) {
          this.#forced = deviation.cpu;
          return;
        }
      }
      if (this.#isBlocked(cpu)) return;
    }
    this.#handlers[cpu.id] = undefined;
    if (cpu.tsc > this.#latestTsc) this.#latestTsc = cpu.tsc;
    if (this.kernel.platform.power !== 'running') cpu.mode = CpuMode.stopped;
    if (cpu.mode === CpuMode.stopped) return;
    this.kernelSteps += 1;
    this.#enterGuest(cpu);
  }

  /** A host exception leads to the kernel's handler for it; a kernel that does not come to an end is stopped, as a watchdog would. */
  #nextSegment(cpu: Cpu): IteratorResult<number, void> {
    this.#segmentsOfStep[cpu.id]! += 1;
    const { platform, ops } = this.kernel;
    if (this.#segmentsOfStep[cpu.id]! > MAX_SEGMENTS) return this.#stopEndless(cpu);
    try {
      this.memory.beginBounded();
      const result = this.#handlers[cpu.id]!.next();
      this.memory.endBounded();
      return result;
    } catch (cause) {
      this.memory.endBounded();
      if (cause instanceof InvariantError) throw cause;
      if (cause instanceof EndlessError) return this.#stopEndless(cpu);
      if (cause instanceof KernelHalt) cpu.mode = CpuMode.stopped;
      else if (cause instanceof VmxFailure) {
        this.#handlers[cpu.id] = ops.handleVmxFailure(this.kernel, cpu, cause);
        return this.#nextSegment(cpu);
      } else {
        if (this.#hasFaulted[cpu.id] === true) {
          platform.power = 'shutdown';
          platform.stopReason = `exception in the exception handler of CPU ${cpu.id}`;
          return { done: true, value: undefined };
        }
        this.#hasFaulted[cpu.id] = true;
        const { vector, errorCode } = cause instanceof HostException ? cause : { vector: PAGE_FAULT, errorCode: 0 };
        const text = cause instanceof Error ? cause.message : '';
        this.#handlers[cpu.id] = ops.handleException(this.kernel, cpu, vector, errorCode, text);
        return this.#nextSegment(cpu);
      }
      return { done: true, value: undefined };
    }
  }

  #stopEndless(cpu: Cpu): IteratorResult<number, void> {
    const { platform } = this.kernel;
    platform.power = 'panic';
    platform.stopReason = `the kernel of CPU ${cpu.id} does not come to an end`;
    return { done: true, value: undefined };
  }

  #noteSpin(cpu: Cpu): void {
    // The barrier that the CPU waits at is the one of its plan position: the all-CPU barrier after the last minor frame.
    const { tables, at } = this.kernel;
    const minor = this.memory.readWord(at.dataSlots[cpu.id]!, 0);
    const plan = tables.plans[cpu.id]![this.memory.readWord(at.globalSlot, 0)]!;
    this.#spinBarrier[cpu.id] = minor < plan.length ? plan[minor - 1]!.barrier : 0;
    this.#spinSense[cpu.id] = this.#readSense(cpu);
  }

  #enterGuest(cpu: Cpu): void {
    const subject = this.subjectOn(cpu);
    const isFailing = cpu.entryFailureReason !== 0;
    cpu.mode = isFailing ? CpuMode.entryFailed : CpuMode.guest;
    this.observer.onEntry?.(cpu, subject);
    if (isFailing) return;
    if (this.#runsMachineCode(cpu)) this.#guests.enter(cpu);
    else this.#injectVector(cpu, this.hosted[subject]!);
    const { unitCycles } = this.time;
    const isArmed = (cpu.vmread(Vmcs.pinControls) & PIN_ACTIVATE_TIMER) !== 0;
    cpu.timerDeadlineTsc = isArmed
      ? (Math.floor(cpu.tsc / unitCycles) + cpu.vmread(Vmcs.preemptionTimer)) * unitCycles
      : Number.POSITIVE_INFINITY;
  }

  /** Hosted software takes note of a vector that VM entry injects. */
  #injectVector(cpu: Cpu, hosted: HostedSubject): void {
    const info = cpu.vmread(Vmcs.entryInterruptInfo);
    if ((info & INJECT_EXTERNAL_INTERRUPT) !== 0) {
      hosted.vectors = [...hosted.vectors.slice(-MAX_VECTORS + 1), info & 0xff];
      if ((info & 0xff) === GENERAL_PROTECTION.vector && isAtXsetbv(hosted, cpu)) advanceGuestRip(cpu);
      cpu.vmwrite(Vmcs.entryInterruptInfo, info & 0x7fff_ffff);
      cpu.vmwrite(Vmcs.activity, Activity.active);
    }
  }
}
