import type { KernelConfig } from './kernel-config.ts';
import { array, bits, bool, int, record, type StateOfSchema, schemaOf } from './schema.ts';

/** Most TSC value that the model handles. */
const TSC_MAX = Number.MAX_SAFE_INTEGER;

/** Why the kernel looks for the next group of a partition. */
export const PURPOSE_DISPATCH = 0;
export const PURPOSE_RESCHEDULE = 1;

/** Where a source event came from. */
export const ORIGIN_TRAP = 0;
export const ORIGIN_VMCALL = 1;
export const ORIGIN_TIMED = 2;

/** Words of a pending-interrupt set. */
export const IRQ_WORDS = 8;

/**
 * State of the kernel as its specification needs it: everything that decides who runs next, what is pending for whom and
 * what a subject is told. Timer lists are sequences, not linked records; register contents other than RIP are abstracted away.
 */
export function kernelSchema(config: KernelConfig) {
  const subjects = config.subjectNames.length;
  const groups = config.groupPartition.length;
  const partitions = config.partitionGroups.length;
  const widest = Math.max(1, ...config.partitionGroups.map(list => list.length));
  const minors = Math.max(1, ...config.plans.flat().map(frames => frames.length));
  return schemaOf({
    major: int(0, Math.max(0, config.periodsCycles.length - 1)),
    majorStartTsc: int(0, TSC_MAX),
    /** How the system ended: 0 it runs, 1 reboot, 2 power-off, 3 panic. */
    outcome: int(0, 3),
    /** Crash audit: dumps taken so far, crashes counted, and the contents of the dumps. */
    dumpsTaken: int(0, 255),
    crashes: int(0, 255),
    dumps: array(
      config.maxDumps,
      record({
        reason: bits(16),
        cpu: int(0, Math.max(0, config.cpuCount - 1)),
        subject: int(0, Math.max(0, subjects - 1)),
      }),
    ),
    /** 0 is the all-CPU barrier. */
    barriers: array(config.barrierCount + 1, record({ size: int(0, 255), sense: int(0, 1), count: int(0, 255) })),
    /** By IRQ: the I/O APIC holds the line back. */
    maskedIrqs: array(IRQ_WORDS, bits(32)),
    /** Spin lock of the I/O APIC. */
    lock: bool(),
    cpus: array(
      config.cpuCount,
      record({
        minor: int(1, minors),
        /** Deadline of the frame that just ended: start of the next one. */
        frameStartTsc: int(0, TSC_MAX),
        barrier: int(0, Math.max(1, config.barrierCount)),
        awaitedSense: int(0, 1),
        secondWait: bool(),
        purpose: int(0, 1),
        /** Groups examined so far in a search. */
        examined: int(0, widest),
        /** Group found by a search, or taken off the timer list; 0 for none. */
        chosen: int(0, groups),
        origin: int(0, 2),
        source: int(0, Math.max(0, subjects - 1)),
        action: int(0, 6),
        /** Why the kernel crashes (Muen crash-audit reasons). */
        crashReason: bits(16),
        target: int(-1, subjects - 1, -1),
        targetEvent: int(-1, 63, -1),
        handover: bool(),
        ipi: bool(),
        irq: int(0, 255),
        /** The line is to be masked, not unmasked. */
        masking: bool(),
        advanceRip: bool(),
        handled: bool(),
        taken: int(0, 64),
        /** The subject was entered in a state in which it executes nothing. */
        halted: bool(),
        timer: bits(32),
        /** Subject whose extended state (FPU registers, stored MSRs) the processor holds. */
        owner: int(0, Math.max(0, subjects - 1)),
        /** State components that are enabled on the processor. */
        xcr0: bits(32),
      }),
    ),
    partitions: array(
      partitions,
      record({
        activeIndex: int(0, widest - 1),
        sleeping: bool(),
        activityLow: bits(32),
        activityHigh: bits(32),
        /** Groups that wait for a timeout, earliest first; the first `timerCount` entries count. */
        timers: array(widest, int(0, groups)),
        timerCount: int(0, widest),
        startTsc: int(0, TSC_MAX),
        endTsc: int(0, TSC_MAX),
      }),
      config.partitionNames,
    ),
    groups: array(
      groups,
      record({ activeSubject: int(0, Math.max(0, subjects - 1)), timeoutLow: bits(32), timeoutHigh: bits(32) }),
    ),
    subjects: array(
      subjects,
      record({
        running: bool(true),
        activity: bits(32),
        interruptibility: bits(32),
        interruptFlag: bool(),
        ripLow: bits(32),
        ripHigh: bits(32),
        instructionLength: bits(32),
        pendingLow: bits(32),
        pendingHigh: bits(32),
        irqs: array(IRQ_WORDS, bits(32)),
        triggerLow: bits(32),
        triggerHigh: bits(32),
        timedEvent: bits(6),
        windowOpen: bool(),
        /** VM-entry interruption information; kept when the entry fails (SDM Vol. 3C, "VM-Entry Failures During or After Loading Guest State"). */
        injection: bits(32),
        xcr0: bits(32),
      }),
      config.subjectNames,
    ),
  });
}

export type KernelSchema = ReturnType<typeof kernelSchema>;
export type KernelState = StateOfSchema<KernelSchema>;

/** Guest state that the kernel saves at an exit; given by the processor. */
interface ExitInput {
  readonly cpu: number;
  readonly nowTsc: number;
  readonly ripLow: number;
  readonly ripHigh: number;
  readonly interruptFlag: boolean;
  readonly interruptibility: number;
  readonly activity: number;
  readonly instructionLength: number;
  /** The exit is a failed VM entry: the subject did not run. */
  readonly entryFailed: boolean;
}

export interface InterruptExit extends ExitInput {
  readonly type: 'externalInterrupt';
  readonly vector: number;
}
export interface VmcallExit extends ExitInput {
  readonly type: 'vmcall';
  readonly raxLow: number;
  readonly raxHigh: number;
}
export interface TrapExit extends ExitInput {
  readonly type: 'trap';
  readonly reason: number;
}
export interface XsetbvExit extends ExitInput {
  readonly type: 'xsetbv';
  readonly privilege: number;
  readonly index: number;
  readonly valueLow: number;
  readonly valueHigh: number;
}
export interface PlainExit extends ExitInput {
  readonly type: 'timerExpiry' | 'interruptWindow';
}
/** NMI or machine check; `reason` 41 if the entry failed by it, else `vector` 2 or 18. */
export interface FatalExit extends ExitInput {
  readonly type: 'fatal';
  readonly reason: number;
  readonly vector: number;
}
/** The subject that a CPU runs writes its timed-event page. */
export interface TimedEventWrite {
  readonly type: 'timedEventWrite';
  readonly cpu: number;
  readonly nowTsc: number;
  readonly triggerLow: number;
  readonly triggerHigh: number;
  readonly timedEvent: number;
}
/** The kernel of a CPU performs the access it stands before. `requestedMajor` is what tau0 asks for at that moment. */
export interface Proceed {
  readonly type: 'proceed';
  readonly cpu: number;
  readonly nowTsc: number;
  readonly requestedMajor: number;
}
/** The kernel goes on without an access to shared state. */
export interface Continue {
  readonly type: 'continue';
  readonly cpu: number;
  readonly nowTsc: number;
}

export type KernelExit = InterruptExit | VmcallExit | TrapExit | XsetbvExit | PlainExit | FatalExit;
export type KernelEvent = KernelExit | TimedEventWrite | Proceed | Continue;

/** State before the first entry of any subject. */
export function initialKernelState(config: KernelConfig, schema: KernelSchema, startTsc: number): KernelState {
  const state = schema.initial();
  state.majorStartTsc = startTsc;
  config.barrierSizes[0]?.forEach((size, index) => {
    state.barriers[index + 1]!.size = size;
  });
  state.barriers[0]!.size = config.cpuCount;
  state.partitions.forEach((partition, id) => {
    const count = config.partitionGroups[id]!.length;
    partition.activityLow = count >= 32 ? 0xffff_ffff : 2 ** count - 1;
    partition.activityHigh = count > 32 ? 2 ** (count - 32) - 1 : 0;
  });
  state.groups.forEach((group, id) => {
    group.activeSubject = config.initialSubject[id]!;
  });
  state.subjects.forEach((subject, id) => {
    subject.running = true;
    subject.triggerLow = 0xffff_ffff;
    subject.triggerHigh = 0xffff_ffff;
    subject.ripLow = config.resetRipLow[id]!;
    subject.ripHigh = config.resetRipHigh[id]!;
    subject.xcr0 = config.xcr0Features;
  });
  state.cpus.forEach((cpu, id) => {
    cpu.minor = 1;
    const first = config.plans[id]![0]![0]!;
    state.partitions[first.partition]!.startTsc = startTsc;
    state.partitions[first.partition]!.endTsc = startTsc + first.deadlineCycles;
    cpu.timer = Math.floor(first.deadlineCycles / config.timerUnitCycles);
    const group = config.partitionGroups[first.partition]![0]!;
    cpu.owner = config.initialSubject[group]!;
    cpu.xcr0 = config.xcr0Features;
  });
  return state;
}
