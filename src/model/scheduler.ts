import type { KernelConfig } from './kernel-config.ts';
import type { Continue, KernelEvent, KernelState, Proceed } from './kernel-state.ts';

/** Frames and barriers: when each CPU goes from one minor frame to the next, and what the partition is told about it. */

/** Partition that the plan gives a CPU now. */
export function currentPartition(state: Readonly<KernelState>, cpu: number, config: KernelConfig): number {
  return config.plans[cpu]![state.major]![state.cpus[cpu]!.minor - 1]!.partition;
}

/** Group of that partition which is active. */
export function currentGroup(state: Readonly<KernelState>, cpu: number, config: KernelConfig): number {
  const partition = currentPartition(state, cpu, config);
  return config.partitionGroups[partition]![state.partitions[partition]!.activeIndex]!;
}

/** Subject that the CPU runs. */
export function currentSubject(state: Readonly<KernelState>, cpu: number, config: KernelConfig): number {
  return state.groups[currentGroup(state, cpu, config)]!.activeSubject;
}

/** Notes when the ending frame ends, which is when the next one starts. */
export function endFrame(state: KernelState, event: KernelEvent, config: KernelConfig): void {
  const local = state.cpus[event.cpu]!;
  const frame = config.plans[event.cpu]![state.major]![local.minor - 1]!;
  local.frameStartTsc = state.majorStartTsc + frame.deadlineCycles;
  local.barrier = frame.barrier;
  local.secondWait = false;
}

export function isLastMinor(state: Readonly<KernelState>, event: KernelEvent, config: KernelConfig): boolean {
  return state.cpus[event.cpu]!.minor >= config.plans[event.cpu]![state.major]!.length;
}

export function hasBarrier(state: Readonly<KernelState>, event: KernelEvent): boolean {
  return state.cpus[event.cpu]!.barrier !== 0;
}

/** All CPUs meet at the end of a major frame. */
export function meetAll(state: KernelState, event: KernelEvent): void {
  state.cpus[event.cpu]!.barrier = 0;
}

export function meetAllAgain(state: KernelState, event: KernelEvent): void {
  state.cpus[event.cpu]!.barrier = 0;
  state.cpus[event.cpu]!.secondWait = true;
}

export function nextMinor(state: KernelState, event: KernelEvent): void {
  state.cpus[event.cpu]!.minor += 1;
}

export function firstMinor(state: KernelState, event: KernelEvent): void {
  state.cpus[event.cpu]!.minor = 1;
}

export function readBarrier(state: KernelState, event: Proceed): void {
  const local = state.cpus[event.cpu]!;
  local.awaitedSense = 1 - state.barriers[local.barrier]!.sense;
}

export function isLastArrival(state: Readonly<KernelState>, event: Proceed): boolean {
  const barrier = state.barriers[state.cpus[event.cpu]!.barrier]!;
  return barrier.count + 1 === barrier.size;
}

export function arrive(state: KernelState, event: Proceed): void {
  state.barriers[state.cpus[event.cpu]!.barrier]!.count += 1;
}

export function resetBarrier(state: KernelState, event: Proceed): void {
  state.barriers[state.cpus[event.cpu]!.barrier]!.count = 0;
}

export function releaseBarrier(state: KernelState, event: Proceed): void {
  const local = state.cpus[event.cpu]!;
  state.barriers[local.barrier]!.sense = local.awaitedSense;
}

export function isReleased(state: Readonly<KernelState>, event: Proceed): boolean {
  const local = state.cpus[event.cpu]!;
  return state.barriers[local.barrier]!.sense === local.awaitedSense;
}

/** The barrier just passed was the first of the two at the end of a major frame. */
export function isFirstMeeting(state: Readonly<KernelState>, event: KernelEvent): boolean {
  const local = state.cpus[event.cpu]!;
  return local.barrier === 0 && !local.secondWait;
}

export function isSecondMeeting(state: Readonly<KernelState>, event: KernelEvent): boolean {
  const local = state.cpus[event.cpu]!;
  return local.barrier === 0 && local.secondWait;
}

export function isBootProcessor(_state: Readonly<KernelState>, event: KernelEvent): boolean {
  return event.cpu === 0;
}

/** The boot processor starts the major frame that tau0 asks for; an id that the plan lacks keeps the current one. */
export function advanceMajor(state: KernelState, event: Proceed, config: KernelConfig): void {
  const old = state.major;
  state.majorStartTsc += config.periodsCycles[old]!;
  if (event.requestedMajor < config.periodsCycles.length && event.requestedMajor !== old) {
    state.major = event.requestedMajor;
    for (let barrier = 1; barrier <= config.barrierCount; barrier++) {
      state.barriers[barrier]!.size = config.barrierSizes[event.requestedMajor]![barrier - 1]!;
      state.barriers[barrier]!.sense = 0;
      state.barriers[barrier]!.count = 0;
    }
  }
  meetAllAgain(state, event);
}

/** Start and end of the new frame, for the subjects of its partition. */
export function publishFrame(state: KernelState, event: KernelEvent, config: KernelConfig): void {
  const partition = state.partitions[currentPartition(state, event.cpu, config)]!;
  const frame = config.plans[event.cpu]![state.major]![state.cpus[event.cpu]!.minor - 1]!;
  partition.startTsc = state.cpus[event.cpu]!.frameStartTsc;
  partition.endTsc = state.majorStartTsc + frame.deadlineCycles;
}

/** The timer counts down to the absolute end of the frame; a late CPU gets 0. */
export function armTimer(state: KernelState, event: KernelEvent, config: KernelConfig): void {
  const frame = config.plans[event.cpu]![state.major]![state.cpus[event.cpu]!.minor - 1]!;
  const remaining = Math.max(0, state.majorStartTsc + frame.deadlineCycles - event.nowTsc);
  state.cpus[event.cpu]!.timer = Math.floor(remaining / config.timerUnitCycles) >>> 0;
}

/** True once the partition's frame has nothing left to choose. */
export function isDispatch(state: Readonly<KernelState>, event: Continue): boolean {
  return state.cpus[event.cpu]!.purpose === 0;
}
