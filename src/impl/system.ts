import type { CpuId, SubjectId } from '../units/ids.ts';
import { highWord, lowWord } from '../units/word.ts';
import { type Cpu, CpuMode } from './cpu.ts';
import type { ConfigurationSpace } from './dma/configuration-space.ts';
import type { DmaDevice } from './dma/dma-device.ts';
import { DmaDevices, type DmaWorld } from './dma/dma-devices.ts';
import { type ExitCause, entryFailureCause, NO_CAUSE, TIMER_CAUSE, WINDOW_CAUSE } from './exit-cause.ts';
import { executeOperation, MAX_VECTORS, type MachineEffect } from './hosted-cpu.ts';
import { advanceGuestRip, fetchOperation, guestRip, type HostedSubject, isAtXsetbv } from './hosted-subject.ts';
import { InterruptArrivals } from './interrupt-arrivals.ts';
import { KernelSteps, NO_ACCESS } from './kernel-steps.ts';
import { GuestCpus } from './machine-code/guest-cpus.ts';
import type { MachineOps } from './machine-ops.ts';
import { FRAME_WORDS, type PhysicalMemory } from './memory.ts';
import { storeMsrs } from './msr-areas.ts';
import type { Kernel } from './muen/kernel-context.ts';
import { type ActionSources, interruptTsc, NextAction, NextActions } from './next-actions.ts';
import { GENERAL_PROTECTION } from './privileged-operations.ts';
import type { RunInputs } from './run-inputs.ts';
import type { SystemObserver } from './system-observer.ts';
import { restoreCpus, type SystemSnapshot, takeSnapshot } from './system-snapshot.ts';
import type { TimeModel } from './time-model.ts';
import { ENTRY_FAILURE, ExitReasonCode } from './vmx/exit-reasons.ts';
import { Activity, INJECT_EXTERNAL_INTERRUPT, Vmcs, vmcsWord } from './vmx/vmcs.ts';

const EXIT_INTERRUPT_ERROR_CODE = vmcsWord('EXIT_INTERRUPT_ERROR_CODE');
const PIN_ACTIVATE_TIMER = 1 << 6;
/** Actions that a CPU takes at most when an interleaving gives it precedence, before it reaches a point itself. */
const FORCED_ACTIONS = 64;
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
  #inputs: RunInputs = { cyclesPerInstruction: 1, endTsc: 0, maxKernelSteps: 0, interrupts: [], interleavings: [] };
  #arrivals: InterruptArrivals;
  readonly #guests: GuestCpus;
  readonly #devices: DmaDevices;
  /** When the devices that act now do so. */
  #deviceTsc = 0;
  readonly #dmaWorld: DmaWorld = {
    deliver: (destination, vector) => {
      const target = this.kernel.tables.apicIds.indexOf(destination);
      if (target >= 0) this.requestInterrupt(target, vector, this.#deviceTsc);
    },
    observe: outcome => this.observer.onDma?.(outcome),
  };
  readonly #steps: KernelSteps;
  readonly #next: NextActions;
  #sources: ActionSources;
  #point = 0;
  #interleavingCursor = 0;
  #forced = -1;
  #latestTsc = 0;
  readonly #machine: MachineEffect = { effect: 'none' };
  constructor(
    kernel: Kernel,
    time: TimeModel,
    hosted: HostedSubject[],
    ops: MachineOps,
    devices: readonly DmaDevice[] = [],
    spaces: readonly ConfigurationSpace[] = [],
  ) {
    this.kernel = kernel;
    this.memory = kernel.memory;
    this.time = time;
    this.cpus = kernel.cpus;
    this.hosted = hosted;
    this.#ops = ops;
    this.#arrivals = new InterruptArrivals([], kernel.cpus.length, time.unitCycles, ops);
    this.#devices = new DmaDevices(kernel.memory, devices, spaces, kernel.platform.iommus, ops.dma);
    this.#guests = new GuestCpus(kernel.memory, kernel.cpus, kernel.platform.ports, this.#devices, ops);
    this.#steps = new KernelSteps(kernel);
    this.#next = new NextActions(kernel.cpus.length);
    this.#sources = this.#actionSources();
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
    this.#steps.begin();
    this.#arrivals = new InterruptArrivals(inputs.interrupts, this.cpus.length, this.time.unitCycles, this.#ops);
    this.#sources = this.#actionSources();
    this.#next.forgetAll();
  }

  #actionSources(): ActionSources {
    return {
      steps: this.#steps,
      guests: this.#guests,
      arrivals: this.#arrivals,
      time: this.time,
      cyclesPerInstruction: this.#inputs.cyclesPerInstruction,
      runsMachineCode: cpu => this.#runsMachineCode(cpu),
    };
  }

  /** Enters the initial subject of each CPU; part of boot. */
  enterInitial(): void {
    for (const cpu of this.cpus) this.#enterGuest(cpu);
  }

  /** Performs the next action of the run; false when the run is over. */
  step(): boolean {
    if (this.kernel.platform.power !== 'running' || this.kernelSteps >= this.#inputs.maxKernelSteps) return false;
    if (this.#arrivals.holdsLines) {
      this.#arrivals.release(this.kernel, this.#latestTsc);
      this.#next.forgetAll();
    }
    if (this.#forced >= 0) return this.#stepForced();
    const next = this.#next;
    let best: Cpu | undefined;
    let bestTsc = Number.POSITIVE_INFINITY;
    for (const cpu of this.cpus) {
      next.determine(cpu, this.#sources);
      // A CPU that stands inside the kernel goes on before any guest does.
      const key = next.kind[cpu.id] === NextAction.kernelSegment ? -1 : next.tsc[cpu.id]!;
      if (key < bestTsc) {
        best = cpu;
        bestTsc = key;
      }
    }
    if (best === undefined || bestTsc > this.#inputs.endTsc) return false;
    this.#act(best);
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
    snapshot.iommus.forEach((faults, index) => {
      this.kernel.platform.iommus[index]!.loadFaults(faults);
    });
    this.#devices.forget();
    this.#guests.restore(snapshot.guests);
    this.#next.forgetAll();
  }

  #stepForced(): boolean {
    const cpu = this.cpus[this.#forced];
    this.#forced = -1;
    if (cpu === undefined) return true;
    const pointBefore = this.#point;
    for (let count = 0; count < FORCED_ACTIONS && this.#point === pointBefore; count++) {
      this.#next.determine(cpu, this.#sources);
      const isOver = this.#next.tsc[cpu.id]! > this.#inputs.endTsc || this.#next.kind[cpu.id] === NextAction.none;
      if (isOver || this.kernel.platform.power !== 'running') break;
      const wasKernel = cpu.mode === CpuMode.kernel;
      this.#act(cpu);
      if (wasKernel || this.#forced >= 0) break;
    }
    return true;
  }

  /** Performs the next action of a CPU, as determined. */
  #act(cpu: Cpu): void {
    const kind = this.#next.kind[cpu.id]!;
    const tsc = this.#next.tsc[cpu.id]!;
    if (kind === NextAction.operation) this.#next.forget(cpu.id);
    else this.#next.forgetAll();
    if (kind === NextAction.kernelSegment) {
      cpu.tsc = this.#steps.resumeTsc(cpu, this.#latestTsc);
      this.#runKernel(cpu);
      return;
    }
    cpu.tsc = tsc;
    if (tsc > this.#latestTsc) this.#latestTsc = tsc;
    if (kind === NextAction.operation) this.#execute(cpu);
    else if (kind === NextAction.machineCode) this.#runMachineCode(cpu);
    else if (kind === NextAction.timerExpiry) this.#exitGuest(cpu, TIMER_CAUSE);
    else if (kind === NextAction.interrupt) this.#takeInterrupt(cpu);
    else if (kind === NextAction.windowExit) this.#exitGuest(cpu, WINDOW_CAUSE);
    else this.#exitGuest(cpu, entryFailureCause(cpu));
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
    const slice = this.#guests.budget(cpu, this.time.guardCycles, cyclesPerInstruction, endTsc);
    // An interrupt that is there at an entry is taken before the first instruction, one that comes later when it does.
    const untilInterrupt = Math.ceil((interruptTsc(cpu, this.#arrivals) - cpu.tsc) / cyclesPerInstruction);
    const budget = Math.min(slice, Math.max(0, untilInterrupt));
    const { executed, hasExited } = guest.run(budget, cyclesPerInstruction);
    hosted.retiredCount += executed;
    cpu.tsc += executed * cyclesPerInstruction;
    const exit = hasExited ? { ...NO_CAUSE, reason: cpu.vmread(Vmcs.exitReason) } : undefined;
    this.observer.onOperation?.(cpu, subject, hosted, exit);
    this.#runDevices(cpu);
    if (guest.platform.effect !== 'none') this.#stopByPort(guest.platform.effect, subject);
    else if (guest.abortIndicator !== 0) this.#stop('shutdown', `VMX abort: indicator ${guest.abortIndicator}`);
    else if (exit !== undefined) this.#startKernel(cpu, exit.reason);
  }

  /** Devices that the subject on `cpu` has started act before anything else. */
  #runDevices(cpu: Cpu): void {
    this.#deviceTsc = cpu.tsc;
    this.#devices.run(this.#dmaWorld);
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
    if (cpu === undefined) return;
    this.#arrivals.request(cpu, vector, tsc);
    this.#next.forget(target);
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
    this.#runDevices(cpu);
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
    this.#next.forgetAll();
    this.#steps.start(cpu);
    this.#runKernel(cpu);
  }

  /** Runs kernel segments of a CPU until it enters a subject, waits at a barrier, or another CPU is to proceed. */
  #runKernel(cpu: Cpu): void {
    for (;;) {
      const access = this.#steps.advance(cpu);
      this.segments += 1;
      this.observer.onSegment?.(cpu, access);
      if (access === NO_ACCESS) break;
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
      if (this.#steps.isBlocked(cpu)) return;
    }
    if (cpu.tsc > this.#latestTsc) this.#latestTsc = cpu.tsc;
    if (this.kernel.platform.power !== 'running') cpu.mode = CpuMode.stopped;
    if (cpu.mode === CpuMode.stopped) return;
    this.kernelSteps += 1;
    this.#enterGuest(cpu);
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
