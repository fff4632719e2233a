import type { GroupId, PartitionId, SubjectId } from '../../units/ids.ts';
import { highWord, lessOrEqual64, lowWord } from '../../units/word.ts';
import type { Cpu } from '../cpu.ts';
import { Activity, Vmcs } from '../vmx/vmcs.ts';
import { AtomicAccess, type Kernel, type Segments } from './kernel-context.ts';
import {
  activeGroupIndex,
  activeSubject,
  currentMajorFrame,
  currentMinorFrame,
  currentPartition,
  currentSubject,
  earliestTimer,
  groupAt,
  isSleeping,
  majorFrameStart,
  nextTimer,
  setActiveGroupIndex,
  setMajorFrame,
  setMinorFrame,
  setSleeping,
  timeoutHigh,
  timeoutLow,
} from './scheduling-state.ts';

/** Scheduling of minor frames, partitions and groups (Muen SK.Scheduler). */

/** True if the subject has something to do: it runs, or an event, an interrupt or its timed event waits for it. */
export function* isActive(kernel: Kernel, cpu: Cpu, subject: SubjectId): Segments<boolean> {
  if (kernel.ops.isRunning(kernel, subject)) return true;
  if (yield* kernel.ops.hasPendingEvents(kernel, subject)) return true;
  return kernel.ops.hasPendingInterrupt(kernel, subject) || kernel.ops.isTimedEventDue(kernel, subject, cpu.tsc);
}

const activityWord = (kernel: Kernel, partition: PartitionId, index: number): number =>
  kernel.at.activityBase + 2 * partition + (index >>> 5);

/** Atomically sets the activity bit of a group. */
export function* setActivityBit(kernel: Kernel, partition: PartitionId, index: number): Segments {
  yield AtomicAccess.activitySet;
  const word = activityWord(kernel, partition, index);
  kernel.memory.writeWord(
    kernel.at.globalSlot,
    word,
    (kernel.memory.readWord(kernel.at.globalSlot, word) | (1 << (index & 31))) >>> 0,
  );
}

/** Atomically clears the activity bit of a group. */
export function* clearActivityBit(kernel: Kernel, partition: PartitionId, index: number): Segments {
  yield AtomicAccess.activityClear;
  const word = activityWord(kernel, partition, index);
  kernel.memory.writeWord(
    kernel.at.globalSlot,
    word,
    (kernel.memory.readWord(kernel.at.globalSlot, word) & ~(1 << (index & 31))) >>> 0,
  );
}

/** Reads the activity bit of a group. */
export function* readActivityBit(kernel: Kernel, partition: PartitionId, index: number): Segments<boolean> {
  yield AtomicAccess.activityRead;
  return (
    (kernel.memory.readWord(kernel.at.globalSlot, activityWord(kernel, partition, index)) & (1 << (index & 31))) !== 0
  );
}

/**
 * Tells the target's CPU that its group has work. On the same CPU only the active subject of the group matters; for
 * another CPU, whose group state must not be read, the bit is always set. Callers set the event or interrupt first.
 */
export function* indicateActivity(kernel: Kernel, cpu: Cpu, subject: SubjectId, sameCpu: boolean): Segments {
  const { group, partition } = kernel.tables.subjects[subject]!;
  if (sameCpu && activeSubject(kernel, cpu.id, group) !== subject) return;
  yield* kernel.ops.setActivityBit(kernel, partition, kernel.tables.groups[group]!.index);
}

/** Takes a listed group off the timer list and marks it active. */
export function* activateGroup(kernel: Kernel, cpu: Cpu, partition: PartitionId, group: GroupId): Segments {
  kernel.ops.removeTimer(kernel, cpu, partition, group);
  yield* kernel.ops.setActivityBit(kernel, partition, kernel.tables.groups[group]!.index);
}

/** Puts a group on the timer list (once; a stored timeout is not refreshed) and clears its activity bit last. */
export function* deactivateGroup(
  kernel: Kernel,
  cpu: Cpu,
  partition: PartitionId,
  group: GroupId,
  subject: SubjectId,
): Segments {
  if (!kernel.ops.isListed(kernel, cpu, partition, group)) {
    const slot = kernel.at.timedEventSlots[subject]!;
    kernel.ops.insertTimer(
      kernel,
      cpu,
      partition,
      group,
      kernel.memory.readWord(slot, 0),
      kernel.memory.readWord(slot, 1),
    );
  }
  yield* kernel.ops.clearActivityBit(kernel, partition, kernel.tables.groups[group]!.index);
}

/** Activates every group of the partition whose timeout has passed. */
export function* updateTimerList(kernel: Kernel, cpu: Cpu, partition: PartitionId): Segments {
  let group = earliestTimer(kernel, cpu.id, partition);
  for (let walked = 0; group !== 0 && walked < kernel.tables.groups.length; walked++) {
    if (
      !lessOrEqual64(
        timeoutLow(kernel, cpu.id, group),
        timeoutHigh(kernel, cpu.id, group),
        lowWord(cpu.tsc),
        highWord(cpu.tsc),
      )
    )
      return;
    const next = nextTimer(kernel, cpu.id, group);
    yield* kernel.ops.activateGroup(kernel, cpu, partition, group);
    group = next;
  }
}

/** Next group of the partition with work, round robin; the active group is examined last. 0 if there is none. */
export function* findNextActiveGroup(kernel: Kernel, cpu: Cpu, partition: PartitionId): Segments<GroupId> {
  const { groups } = kernel.tables.partitions[partition]!;
  const start = activeGroupIndex(kernel, cpu.id, partition);
  for (let step = 1; step <= groups.length; step++) {
    const index = (start + step) % groups.length;
    if (!(yield* kernel.ops.readActivityBit(kernel, partition, index))) continue;
    const group = groups[index]!;
    const subject = activeSubject(kernel, cpu.id, group);
    if (yield* kernel.ops.isActive(kernel, cpu, subject)) {
      if (kernel.ops.isListed(kernel, cpu, partition, group)) kernel.ops.removeTimer(kernel, cpu, partition, group);
      return group;
    }
    yield* kernel.ops.deactivateGroup(kernel, cpu, partition, group, subject);
    // Another CPU may have set an event between the check and the clearing of the bit.
    if (yield* kernel.ops.isActive(kernel, cpu, subject)) {
      yield* kernel.ops.activateGroup(kernel, cpu, partition, group);
      return group;
    }
  }
  return 0;
}

/** Chooses the group to run in a partition that was just switched to. */
export function* updateSchedulingPartition(kernel: Kernel, cpu: Cpu): Segments {
  const partition = currentPartition(kernel, cpu);
  yield* kernel.ops.updateTimerList(kernel, cpu, partition);
  const group = yield* kernel.ops.findNextActiveGroup(kernel, cpu, partition);
  if (group === 0) return;
  if (isSleeping(kernel, cpu.id, partition)) {
    kernel.ops.setActivity(kernel, currentSubject(kernel, cpu), Activity.active);
    setSleeping(kernel, cpu.id, partition, false);
  }
  kernel.ops.setRunning(kernel, activeSubject(kernel, cpu.id, group), true);
  setActiveGroupIndex(kernel, cpu.id, partition, kernel.tables.groups[group]!.index);
}

/** Sleep or yield of the current subject: hands the rest of the frame to the next active group of its partition. */
export function* reschedulePartition(
  kernel: Kernel,
  cpu: Cpu,
  subject: SubjectId,
  advanceRip: boolean,
  sleep: boolean,
): Segments {
  const partition = currentPartition(kernel, cpu);
  if (sleep) kernel.ops.setRunning(kernel, subject, false);
  if (!(yield* kernel.ops.isActive(kernel, cpu, subject))) {
    const group = groupAt(kernel, partition, activeGroupIndex(kernel, cpu.id, partition));
    yield* kernel.ops.deactivateGroup(kernel, cpu, partition, group, subject);
    if (yield* kernel.ops.isActive(kernel, cpu, subject))
      yield* kernel.ops.activateGroup(kernel, cpu, partition, group);
  }
  if (advanceRip) kernel.ops.incrementRip(kernel, subject);
  const group = yield* kernel.ops.findNextActiveGroup(kernel, cpu, partition);
  if (group !== 0) {
    kernel.ops.setRunning(kernel, activeSubject(kernel, cpu.id, group), true);
    setActiveGroupIndex(kernel, cpu.id, partition, kernel.tables.groups[group]!.index);
  } else {
    kernel.ops.setActivity(kernel, subject, Activity.hlt);
    setSleeping(kernel, cpu.id, partition, true);
  }
}

/** Major frame that tau0 asks for; an id that the plan does not have keeps the current frame. */
export function requestedMajorFrame(kernel: Kernel): number {
  if (kernel.at.interfaceSlot < 0) return currentMajorFrame(kernel);
  const requested = kernel.memory.readWord(kernel.at.interfaceSlot, 0);
  return requested < kernel.tables.majorFrames.length ? requested : currentMajorFrame(kernel);
}

/** BSP, between the two all-CPU waits: next major frame, its start, its barriers. */
export function advanceMajorFrame(kernel: Kernel): void {
  const old = currentMajorFrame(kernel);
  const next = kernel.ops.requestedMajorFrame(kernel);
  setMajorFrame(kernel, next, majorFrameStart(kernel) + kernel.tables.majorFrames[old]!.periodCycles);
  if (next !== old) kernel.ops.configureBarriers(kernel, kernel.tables.majorFrames[next]!.barrierSizes);
}

/** End of a minor frame: barriers, next frame, group choice, scheduling info (Muen Update_Scheduling_Info). */
export function* switchFrame(kernel: Kernel, cpu: Cpu): Segments {
  const oldMajor = currentMajorFrame(kernel);
  const oldMinor = currentMinorFrame(kernel, cpu.id);
  const oldStart = majorFrameStart(kernel);
  const plan = kernel.tables.plans[cpu.id]![oldMajor]!;
  const ended = plan[oldMinor - 1]!;
  if (oldMinor < plan.length) {
    if (ended.barrier !== 0) yield* kernel.ops.waitBarrier(kernel, cpu, ended.barrier);
    setMinorFrame(kernel, cpu.id, oldMinor + 1);
  } else {
    yield* kernel.ops.waitBarrier(kernel, cpu, 0);
    if (cpu.id === 0) {
      yield AtomicAccess.majorAdvance;
      kernel.ops.advanceMajorFrame(kernel);
    }
    yield* kernel.ops.waitBarrier(kernel, cpu, 0);
    setMinorFrame(kernel, cpu.id, 1);
  }
  yield* kernel.ops.updateSchedulingPartition(kernel, cpu);
  const next = kernel.tables.plans[cpu.id]![currentMajorFrame(kernel)]![currentMinorFrame(kernel, cpu.id) - 1]!;
  kernel.ops.publishSchedulingInfo(
    kernel,
    currentPartition(kernel, cpu),
    oldStart + ended.deadlineCycles,
    majorFrameStart(kernel) + next.deadlineCycles,
  );
}

/** Writes start and end of the current frame to the partition's scheduling-info page, TSC values. */
export function publishSchedulingInfo(kernel: Kernel, partition: PartitionId, startTsc: number, endTsc: number): void {
  const slot = kernel.at.schedulingInfoSlots[partition]!;
  kernel.memory.writeWord(slot, 0, lowWord(startTsc));
  kernel.memory.writeWord(slot, 1, highWord(startTsc));
  kernel.memory.writeWord(slot, 2, lowWord(endTsc));
  kernel.memory.writeWord(slot, 3, highWord(endTsc));
}

/** Arms the VMX-preemption timer for the absolute end of the minor frame: time that exits took is not given back. */
export function armTimer(kernel: Kernel, cpu: Cpu): void {
  const minor = kernel.tables.plans[cpu.id]![currentMajorFrame(kernel)]![currentMinorFrame(kernel, cpu.id) - 1]!;
  const remaining = Math.max(0, majorFrameStart(kernel) + minor.deadlineCycles - cpu.tsc);
  cpu.vmwrite(Vmcs.preemptionTimer, lowWord(Math.floor(remaining / 2 ** kernel.tables.vmxTimerRate)));
}
