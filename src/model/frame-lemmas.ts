import type { KernelConfig } from './kernel-config.ts';
import type { KernelState } from './kernel-state.ts';

/*
 * What an induction needs to know about minor frames and barriers, for runs of any length. At the end of a major frame all CPUs meet twice:
 * from the release of the first meeting to that of the second one a CPU is `closing`, and all CPUs are so together.
 */

type State = Readonly<KernelState>;
type Modes = readonly string[];

function hasArrived(mode: string): boolean {
  return mode === 'access.barrierSpin' || mode === 'access.barrierReset' || mode === 'access.barrierRelease';
}

function isComing(mode: string): boolean {
  return mode === 'access.barrierRead' || mode === 'access.barrierAdd';
}

/** Arrived, and not released. */
function waits(state: State, modes: Modes, cpu: number): boolean {
  const local = state.cpus[cpu]!;
  return hasArrived(modes[cpu]!) && local.awaitedSense !== state.barriers[local.barrier]!.sense;
}

/** Between the release of the first meeting and that of the second one. */
function isClosing(state: State, modes: Modes, cpu: number): boolean {
  const local = state.cpus[cpu]!;
  const mode = modes[cpu]!;
  if (mode === 'access.majorAdvance') return true;
  if (local.barrier !== 0) return false;
  if (mode === 'choose.released') return !local.secondWait;
  if (isComing(mode)) return local.secondWait;
  if (!hasArrived(mode)) return false;
  return local.secondWait === waits(state, modes, cpu);
}

/** Past the second meeting, in the first frame of the new plan as soon as it goes on. */
function isOpening(state: State, modes: Modes, cpu: number): boolean {
  const local = state.cpus[cpu]!;
  return (
    (hasArrived(modes[cpu]!) || modes[cpu] === 'choose.released') &&
    local.barrier === 0 &&
    local.secondWait &&
    !isClosing(state, modes, cpu)
  );
}

/** Number of the minor frame that ends with a barrier in a CPU's plan, 0 if none does. */
function minorOf(state: State, cpu: number, barrier: number, config: KernelConfig): number {
  let found = 0;
  for (let major = 0; major < config.plans[cpu]!.length; major++) {
    for (let minor = 0; minor < config.plans[cpu]![major]!.length; minor++) {
      if (major === state.major && config.plans[cpu]![major]![minor]!.barrier === barrier) found = minor + 1;
    }
  }
  return found;
}

/** The CPU has passed a minor barrier in this major frame. */
function isBeyond(state: State, modes: Modes, cpu: number, barrier: number, config: KernelConfig): boolean {
  const local = state.cpus[cpu]!;
  const mode = modes[cpu]!;
  if (isOpening(state, modes, cpu)) return false;
  if (local.barrier === barrier && isComing(mode)) return false;
  if (local.barrier === barrier && hasArrived(mode)) return !waits(state, modes, cpu);
  if (local.barrier === barrier && mode === 'choose.released') return true;
  return local.minor > minorOf(state, cpu, barrier, config);
}

/** All CPUs close a major frame together. */
export function closeTogether(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 1; cpu < config.cpuCount; cpu++) {
    if (isClosing(state, modes, cpu) !== isClosing(state, modes, 0)) return false;
  }
  return true;
}

/** CPUs of a minor barrier are before it together, or beyond it. */
export function beyondTogether(state: State, modes: Modes, config: KernelConfig): boolean {
  if (isClosing(state, modes, 0)) return true;
  for (let barrier = 1; barrier < state.barriers.length; barrier++) {
    for (let cpu = 1; cpu < config.cpuCount; cpu++) {
      const isPart = minorOf(state, cpu, barrier, config) !== 0 && minorOf(state, 0, barrier, config) !== 0;
      if (isPart && isBeyond(state, modes, cpu, barrier, config) !== isBeyond(state, modes, 0, barrier, config))
        return false;
    }
  }
  return true;
}

/** Sizes of barriers are those of the major frame. */
export function barrierSizes(state: State, _modes: Modes, config: KernelConfig): boolean {
  if (state.barriers[0]!.size !== config.cpuCount) return false;
  for (let barrier = 1; barrier < state.barriers.length; barrier++) {
    if (state.barriers[barrier]!.size !== config.barrierSizes[state.major]![barrier - 1]!) return false;
  }
  return true;
}

/** The count of a barrier is the number of CPUs that arrived and were not released, until it is reset. */
export function countIsWaiters(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let barrier = 0; barrier < state.barriers.length; barrier++) {
    let waiting = 0;
    let isReleasing = false;
    for (let cpu = 0; cpu < config.cpuCount; cpu++) {
      if (state.cpus[cpu]!.barrier === barrier && waits(state, modes, cpu)) waiting += 1;
      if (state.cpus[cpu]!.barrier === barrier && modes[cpu] === 'access.barrierRelease') isReleasing = true;
    }
    if (state.barriers[barrier]!.count !== (isReleasing ? 0 : waiting)) return false;
  }
  return true;
}

/** Fewer CPUs than its size are counted at a barrier, except while the last one stands before resetting it. */
export function countBelowSize(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let barrier = 0; barrier < state.barriers.length; barrier++) {
    let isResetting = false;
    for (let cpu = 0; cpu < config.cpuCount; cpu++) {
      if (state.cpus[cpu]!.barrier === barrier && modes[cpu] === 'access.barrierReset') isResetting = true;
    }
    const its = state.barriers[barrier]!;
    if (isResetting ? its.count !== its.size : its.count >= its.size) return false;
  }
  return true;
}

/** A CPU that is about to arrive, or was the last one, waits for the sense that the barrier does not have. */
export function awaitsOther(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const local = state.cpus[cpu]!;
    const isSure =
      modes[cpu] === 'access.barrierAdd' ||
      modes[cpu] === 'access.barrierReset' ||
      modes[cpu] === 'access.barrierRelease';
    if (isSure && local.awaitedSense === state.barriers[local.barrier]!.sense) return false;
  }
  return true;
}

/** While the last CPU resets and releases a barrier, all others of it wait there. */
export function othersWait(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let last = 0; last < config.cpuCount; last++) {
    const barrier = state.cpus[last]!.barrier;
    const isLast = modes[last] === 'access.barrierReset' || modes[last] === 'access.barrierRelease';
    for (let cpu = 0; cpu < config.cpuCount; cpu++) {
      const isPart = barrier === 0 || minorOf(state, cpu, barrier, config) !== 0;
      const isThere =
        state.cpus[cpu]!.barrier === barrier && modes[cpu] === 'access.barrierSpin' && waits(state, modes, cpu);
      if (isLast && cpu !== last && isPart && !isThere) return false;
    }
  }
  return true;
}

/** The barrier that a CPU goes to is that of its minor frame, or the one at the end. */
export function barrierOfFrame(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const local = state.cpus[cpu]!;
    const mode = modes[cpu]!;
    const plan = config.plans[cpu]![state.major]!;
    const isThere = isComing(mode) || hasArrived(mode) || mode === 'choose.released' || mode === 'choose.frame';
    if (mode === 'access.majorAdvance' && (cpu !== 0 || local.barrier !== 0 || local.secondWait)) return false;
    if (isThere && local.barrier !== 0 && (local.secondWait || local.minor > plan.length)) return false;
    if (isThere && local.barrier !== 0 && plan[local.minor - 1]!.barrier !== local.barrier) return false;
    if (mode === 'choose.frame' && (local.secondWait || local.barrier !== plan[local.minor - 1]!.barrier)) return false;
    const isAtEnd = isThere && mode !== 'choose.frame' && local.barrier === 0;
    if (isAtEnd && !local.secondWait && !isClosing(state, modes, cpu) && local.minor !== plan.length) return false;
  }
  return true;
}

/** The minor frame of a CPU is one of its plan, except between the meetings. */
export function minorInPlan(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const isBetween = isClosing(state, modes, cpu) || isOpening(state, modes, cpu);
    if (!isBetween && state.cpus[cpu]!.minor > config.plans[cpu]![state.major]!.length) return false;
  }
  return true;
}

/** No CPU runs a subject behind a minor barrier while another one runs a subject before it. */
export function barrierSeparates(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let barrier = 1; barrier < state.barriers.length; barrier++) {
    for (let left = 0; left < config.cpuCount; left++) {
      for (let right = 0; right < config.cpuCount; right++) {
        const before = minorOf(state, left, barrier, config);
        const behind = minorOf(state, right, barrier, config);
        const both = modes[left] === 'guest' && modes[right] === 'guest' && before !== 0 && behind !== 0;
        if (both && state.cpus[left]!.minor <= before && state.cpus[right]!.minor > behind) return false;
      }
    }
  }
  return true;
}

/** While the boot processor starts a major frame, every other CPU stands at the barrier of all. */
export function advancesAlone(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 1; cpu < config.cpuCount; cpu++) {
    const mode = modes[cpu]!;
    const isThere = isComing(mode) || hasArrived(mode) || mode === 'choose.released';
    if (modes[0] === 'access.majorAdvance' && (!isThere || state.cpus[cpu]!.barrier !== 0)) return false;
  }
  return true;
}

/** The CPU goes from one minor frame to the next and has not told the new partition yet. */
function isSwitching(state: State, modes: Modes, cpu: number): boolean {
  const mode = modes[cpu]!;
  const searches =
    mode === 'access.scanRead' ||
    mode === 'access.scanCheck' ||
    mode === 'access.scanUnmark' ||
    mode === 'access.scanRecheck' ||
    mode === 'access.scanMark' ||
    mode === 'choose.chosen';
  return (
    isComing(mode) ||
    hasArrived(mode) ||
    mode === 'access.majorAdvance' ||
    mode === 'choose.released' ||
    mode === 'choose.timers' ||
    mode === 'access.timerMark' ||
    (searches && state.cpus[cpu]!.purpose === 0)
  );
}

/** The partition that a CPU runs is told the end of the CPU's minor frame. */
export function publishedFrame(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    if (!isSwitching(state, modes, cpu)) {
      const frame = config.plans[cpu]![state.major]![state.cpus[cpu]!.minor - 1]!;
      if (state.partitions[frame.partition]!.endTsc !== state.majorStartTsc + frame.deadlineCycles) return false;
    }
  }
  return true;
}
