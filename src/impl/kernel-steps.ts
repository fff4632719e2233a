import { InvariantError } from '../units/invariant.ts';
import { type Cpu, CpuMode } from './cpu.ts';
import { HostException } from './host-exception.ts';
import { EndlessError } from './memory.ts';
import { handleVmExit } from './muen/kernel.ts';
import { AtomicAccess, type Kernel, type Segments } from './muen/kernel-context.ts';
import { KernelHalt } from './muen/kernel-halt.ts';
import { GLOBAL_IO_APIC_LOCK } from './muen/kernel-memory.ts';
import { barrierWord } from './muen/mp.ts';
import { VmxFailure } from './vmx/vmx-failure.ts';

/** Segments of a kernel step, at most: far beyond 64 delivered events and the search over 64 groups. */
const MAX_SEGMENTS = 16_384;
/** What stands for an exception of our own code in the kernel: a place that is not mapped. */
const PAGE_FAULT = 14;

const WAITS: readonly number[] = [AtomicAccess.barrierSpin, AtomicAccess.lockSpin];
const RELEASES: readonly number[] = [AtomicAccess.barrierRelease, AtomicAccess.lockRelease];

/** Access of a CPU whose kernel step is complete, or has not come to an access. */
export const NO_ACCESS = 0;

/**
 * The kernel steps under way, at most one per CPU: from VM exit to VM entry, in segments that end before each access to
 * state which CPUs share.
 */
export class KernelSteps {
  readonly #kernel: Kernel;
  readonly #handlers: (Segments | undefined)[] = [];
  /** Segments executed of the step that each CPU is in. */
  readonly #segments: number[] = [];
  /** Access that each suspended CPU stands before. */
  readonly #standing: number[] = [];
  /** The step of the CPU raised an exception already. */
  readonly #hasFaulted: boolean[] = [];
  /** Barrier at which each spinning CPU waits, and the sense it waits to see changed. */
  readonly #spinBarrier: number[] = [];
  readonly #spinSense: number[] = [];
  /** When a barrier or lock was last released. */
  #releaseTsc = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.begin();
  }

  /** Forgets all steps: a run begins. */
  begin(): void {
    this.#releaseTsc = 0;
    for (const { id } of this.#kernel.cpus) {
      this.#handlers[id] = undefined;
      this.#standing[id] = NO_ACCESS;
      this.#segments[id] = 0;
    }
  }

  /** A VM exit leads into the kernel. */
  start(cpu: Cpu): void {
    this.#kernel.memory.beginStep();
    this.#handlers[cpu.id] = handleVmExit(this.#kernel, cpu);
    this.#standing[cpu.id] = NO_ACCESS;
    this.#segments[cpu.id] = 0;
    this.#hasFaulted[cpu.id] = false;
  }

  /** TSC from which a suspended CPU goes on; `latestTsc` is that of the last action anywhere. */
  resumeTsc(cpu: Cpu, latestTsc: number): number {
    // What another CPU does elsewhere does not delay one that waits for a barrier or lock.
    const isReleased = WAITS.includes(this.#standing[cpu.id]!);
    return Math.max(cpu.tsc, isReleased ? this.#releaseTsc : latestTsc);
  }

  /** The CPU waits for another one: at a barrier, or for a lock. */
  isBlocked(cpu: Cpu): boolean {
    const { memory, at } = this.#kernel;
    const access = this.#standing[cpu.id];
    if (access === AtomicAccess.lockSpin) return memory.readWord(at.globalSlot, GLOBAL_IO_APIC_LOCK) !== 0;
    return access === AtomicAccess.barrierSpin && this.#spinSense[cpu.id] === this.#readSense(cpu);
  }

  /** Executes the next segment of a CPU's step; the access that it stands before, `NO_ACCESS` once the step is complete. */
  advance(cpu: Cpu): number {
    this.#kernel.memory.beginStep();
    if (RELEASES.includes(this.#standing[cpu.id]!)) this.#releaseTsc = cpu.tsc;
    const { done, value } = this.#nextSegment(cpu);
    const access = done === true ? NO_ACCESS : (value as number);
    if (access === AtomicAccess.barrierSpin && this.#standing[cpu.id] !== AtomicAccess.barrierSpin) this.#noteSpin(cpu);
    this.#standing[cpu.id] = access;
    if (done === true) this.#handlers[cpu.id] = undefined;
    return access;
  }

  /** A host exception leads to the kernel's handler for it; a kernel that does not come to an end is stopped, as a watchdog would. */
  #nextSegment(cpu: Cpu): IteratorResult<number, void> {
    const { memory } = this.#kernel;
    this.#segments[cpu.id]! += 1;
    if (this.#segments[cpu.id]! > MAX_SEGMENTS) return this.#stopEndless(cpu);
    try {
      memory.beginBounded();
      const result = this.#handlers[cpu.id]!.next();
      memory.endBounded();
      return result;
    } catch (cause) {
      memory.endBounded();
      if (cause instanceof InvariantError) throw cause;
      return this.#afterException(cpu, cause);
    }
  }

  #afterException(cpu: Cpu, cause: unknown): IteratorResult<number, void> {
    const { platform, ops } = this.#kernel;
    if (cause instanceof EndlessError) return this.#stopEndless(cpu);
    if (cause instanceof KernelHalt) {
      cpu.mode = CpuMode.stopped;
      return { done: true, value: undefined };
    }
    if (cause instanceof VmxFailure) {
      this.#handlers[cpu.id] = ops.handleVmxFailure(this.#kernel, cpu, cause);
      return this.#nextSegment(cpu);
    }
    if (this.#hasFaulted[cpu.id] === true) {
      platform.power = 'shutdown';
      platform.stopReason = `exception in the exception handler of CPU ${cpu.id}`;
      return { done: true, value: undefined };
    }
    this.#hasFaulted[cpu.id] = true;
    const { vector, errorCode } = cause instanceof HostException ? cause : { vector: PAGE_FAULT, errorCode: 0 };
    const text = cause instanceof Error ? cause.message : '';
    this.#handlers[cpu.id] = ops.handleException(this.#kernel, cpu, vector, errorCode, text);
    return this.#nextSegment(cpu);
  }

  #stopEndless(cpu: Cpu): IteratorResult<number, void> {
    const { platform } = this.#kernel;
    platform.power = 'panic';
    platform.stopReason = `the kernel of CPU ${cpu.id} does not come to an end`;
    return { done: true, value: undefined };
  }

  #noteSpin(cpu: Cpu): void {
    // The barrier that the CPU waits at is the one of its plan position: the all-CPU barrier after the last minor frame.
    const { tables, at, memory } = this.#kernel;
    const minor = memory.readWord(at.dataSlots[cpu.id]!, 0);
    const plan = tables.plans[cpu.id]![memory.readWord(at.globalSlot, 0)]!;
    this.#spinBarrier[cpu.id] = minor < plan.length ? plan[minor - 1]!.barrier : 0;
    this.#spinSense[cpu.id] = this.#readSense(cpu);
  }

  #readSense(cpu: Cpu): number {
    const { memory, at } = this.#kernel;
    return memory.readWord(at.globalSlot, barrierWord(this.#kernel, this.#spinBarrier[cpu.id]!) + 1);
  }
}
