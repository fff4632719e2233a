import type { Cpu } from '../cpu.ts';
import { VmxFailure } from '../vmx/vmx-failure.ts';
import { AuditReason } from './crash-audit-layout.ts';
import { failedCheck } from './init-checks.ts';
import { AtomicAccess, type Kernel, type Segments } from './kernel-context.ts';
import { KernelHalt } from './kernel-halt.ts';
import { GLOBAL_IO_APIC_LOCK } from './kernel-memory.ts';
import {
  clearLocalState,
  currentPartition,
  currentSubject,
  setActiveSubject,
  setMajorFrame,
  setMinorFrame,
} from './scheduling-state.ts';
import { prepareVmxonRegions } from './vmx.ts';

/** Start of the kernel on all CPUs, up to the first entry of each (Muen SK.Kernel Initialize, SK.Scheduler Init). */

/** Shared state, by the BSP alone: checks, remapping, interrupt routes, and activity of every group. */
export function* bootGlobal(kernel: Kernel, bsp: Cpu): Segments {
  const { ops, tables, platform } = kernel;
  ops.initCrashAudit(kernel);
  const results = ops.runInitChecks(platform.processor, platform.iommus);
  const failed = failedCheck(results);
  if (failed !== '')
    yield* ops.crash(kernel, bsp, {
      reason: AuditReason.initFailure,
      text: `start-up check failed: ${failed}`,
      init: results,
    });
  prepareVmxonRegions(kernel);
  kernel.memory.writeWord(kernel.at.globalSlot, GLOBAL_IO_APIC_LOCK, 0);
  setMajorFrame(kernel, 0, bsp.tsc);
  ops.initAllBarrier(kernel, tables.cpuCount);
  ops.configureBarriers(kernel, tables.majorFrames[0]!.barrierSizes);
  yield* ops.initDevices(kernel, bsp);
  for (const subject of tables.subjects) yield* ops.clearEvents(kernel, subject.id);
  for (const partition of tables.partitions.slice(1)) {
    for (const index of partition.groups.keys()) yield* ops.setActivityBit(kernel, partition.id, index);
  }
}

/** Remapping comes before interrupt routes: a device must not be able to interrupt without it. */
export function* initDevices(kernel: Kernel, bsp: Cpu): Segments {
  yield* kernel.ops.initVtd(kernel, bsp);
  kernel.ops.setupIoApic(kernel);
}

/** Own subjects and scheduling state of one CPU, between the two meetings of all CPUs. */
export function* bootLocal(kernel: Kernel, cpu: Cpu): Segments {
  clearLocalState(kernel, cpu.id);
  kernel.ops.enableVmx(kernel, cpu);
  for (const spec of kernel.tables.subjects) {
    if (spec.cpu === cpu.id) yield* kernel.ops.initSubject(kernel, cpu, spec.id);
  }
  setMinorFrame(kernel, cpu.id, 1);
  for (const group of kernel.tables.groups.slice(1)) setActiveSubject(kernel, cpu.id, group.id, group.initialSubject);
  const subject = currentSubject(kernel, cpu);
  kernel.ops.loadVmcs(kernel, cpu, subject);
  const first = kernel.tables.plans[cpu.id]![0]![0]!;
  kernel.ops.publishSchedulingInfo(kernel, currentPartition(kernel, cpu), cpu.tsc, cpu.tsc + first.deadlineCycles);
}

/** Last steps before the first entry of a CPU; no event or interrupt is looked at. */
export function bootEntry(kernel: Kernel, cpu: Cpu): void {
  const subject = currentSubject(kernel, cpu);
  kernel.ops.armTimer(kernel, cpu);
  kernel.ops.filterState(kernel, subject);
  kernel.ops.restoreState(kernel, cpu, subject);
  kernel.ops.restoreFpu(kernel, cpu, subject);
  kernel.ops.enterSubject(kernel, cpu);
}

/** Runs a part of the boot code; a VMX instruction that fails in it ends in a crash audit. */
function* audited(kernel: Kernel, cpu: Cpu, segments: Segments): Segments {
  try {
    yield* segments;
  } catch (cause) {
    if (!(cause instanceof VmxFailure)) throw cause;
    yield* kernel.ops.handleVmxFailure(kernel, cpu, cause);
  }
}

/** Boot of one CPU; an AP starts when the BSP has sent it its start-up message, with the shared state complete. */
function* bootCpu(kernel: Kernel, cpu: Cpu): Segments {
  yield* kernel.ops.waitBarrier(kernel, cpu, 0);
  yield* kernel.ops.bootLocal(kernel, cpu);
  yield* kernel.ops.waitBarrier(kernel, cpu, 0);
  bootEntry(kernel, cpu);
}

/** Far beyond what booting takes. */
const MAX_BOOT_SEGMENTS = 100_000;

/** Order in which CPUs proceed while booting, by interleaving point; without an entry the CPU at hand goes on. */
export type BootOrder = ReadonlyMap<number, number>;

/**
 * Boots all CPUs: the BSP alone, then every CPU until it waits for the others, in an order that may be changed at each
 * access to shared state. Ends with `KernelHalt` if the machine stops instead; the number of interleaving points passed.
 */
export function bootKernel(kernel: Kernel, order: BootOrder = new Map()): number {
  const bsp = kernel.cpus[0]!;
  runToEnd(bootGlobal(kernel, bsp));
  const running: (Segments | undefined)[] = kernel.cpus.map(cpu => audited(kernel, cpu, bootCpu(kernel, cpu)));
  let points = 0;
  let at = 0;
  while (running.some(segments => segments !== undefined)) {
    if (points > MAX_BOOT_SEGMENTS) throw new Error('booting does not come to an end');
    const segments = running[at];
    const step = segments?.next();
    if (step === undefined || step.done === true) running[at] = undefined;
    const isWaiting = step === undefined || step.done === true || step.value === AtomicAccess.barrierSpin;
    const forced = order.get(points);
    points += 1;
    if (forced !== undefined && running[forced] !== undefined) at = forced;
    else if (isWaiting) at = (at + 1) % running.length;
  }
  return points;
}

/** Runs a kernel function through all its interleaving points. */
export function runToEnd(segments: Segments<unknown>): void {
  for (let count = 0; segments.next().done !== true; count++) {
    if (count > MAX_BOOT_SEGMENTS) throw new Error('it does not come to an end');
  }
}

/** True if an error means that the kernel stopped on purpose. */
export const isHalt = (cause: unknown): boolean => cause instanceof KernelHalt;
