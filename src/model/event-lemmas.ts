import { lessOrEqual64 } from '../units/word.ts';
import type { KernelConfig } from './kernel-config.ts';
import type { KernelState } from './kernel-state.ts';
import { currentGroup, currentPartition, currentSubject } from './scheduler.ts';
import { candidateGroup, isMarkedActive, isWaiting } from './scheduler-groups.ts';

/*
 * What an induction needs to know about groups, sleep and events, for runs of any length: why no wake-up is lost, whatever the CPUs do in
 * whatever order.
 */

type State = Readonly<KernelState>;
type Modes = readonly string[];

/** The CPU does not return to a subject. */
export function isEnding(mode: string): boolean {
  return (
    mode === 'access.auditSlot' ||
    mode === 'access.auditCount' ||
    mode === 'access.auditReset' ||
    mode === 'stopped' ||
    mode === 'dead'
  );
}

function isIndicating(mode: string): boolean {
  return mode === 'access.indicate' || mode === 'access.interruptIndicate';
}

function isScanRecheck(mode: string): boolean {
  return mode === 'access.scanRecheck' || mode === 'access.scanMark';
}

function isRestRecheck(mode: string): boolean {
  return mode === 'access.restRecheck' || mode === 'access.restMark';
}

/** The CPU looks for another group, for a subject that sleeps or yields. */
function isRescheduling(state: State, modes: Modes, cpu: number): boolean {
  const mode = modes[cpu]!;
  const searches =
    mode === 'access.scanRead' ||
    mode === 'access.scanCheck' ||
    mode === 'access.scanUnmark' ||
    mode === 'access.scanRecheck' ||
    mode === 'access.scanMark' ||
    mode === 'choose.chosen';
  return (
    mode === 'choose.rest' ||
    mode === 'access.restCheck' ||
    mode === 'access.restUnmark' ||
    isRestRecheck(mode) ||
    (searches && state.cpus[cpu]!.purpose === 1)
  );
}

function isMarked(state: State, group: number, config: KernelConfig): boolean {
  return isMarkedActive(state, config.groupPartition[group]!, config.groupIndex[group]!);
}

/** Some CPU is going to mark the group. */
function isBeingMarked(state: State, modes: Modes, group: number, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const local = state.cpus[cpu]!;
    const mode = modes[cpu]!;
    if (isIndicating(mode) && local.target >= 0 && config.subjectGroup[local.target] === group) return true;
    if (mode === 'access.timerMark' && local.chosen === group) return true;
    if (isScanRecheck(mode) && candidateGroup(state, cpu, config) === group) return true;
    if (isRestRecheck(mode) && currentGroup(state, cpu, config) === group) return true;
  }
  return false;
}

/** The active subject of the group runs, or an event or interrupt waits for it. */
function hasCause(state: State, group: number): boolean {
  const s = state.subjects[state.groups[group]!.activeSubject]!;
  if (s.running || s.pendingLow !== 0 || s.pendingHigh !== 0) return true;
  for (let word = 0; word < s.irqs.length; word++) {
    if (s.irqs[word] !== 0) return true;
  }
  return false;
}

function isSystemEnding(modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    if (isEnding(modes[cpu]!)) return true;
  }
  return false;
}

/** A group with a cause is marked or being marked, unless the system ends. */
export function noLostWakeUp(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let group = 1; group < config.groupPartition.length; group++) {
    const isSafe = isMarked(state, group, config) || isBeingMarked(state, modes, group, config);
    if (hasCause(state, group) && !isSafe && !isSystemEnding(modes, config)) return false;
  }
  return true;
}

/** A group that is not marked waits for its timeout, or is being marked. */
export function unmarkedWaits(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let group = 1; group < config.groupPartition.length; group++) {
    const isSafe = isMarked(state, group, config) || isBeingMarked(state, modes, group, config);
    if (!isSafe && !isWaiting(state, config.groupPartition[group]!, group)) return false;
  }
  return true;
}

/** The subject that a CPU entered runs, or its partition sleeps. */
export function enteredRuns(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const runs =
      state.subjects[currentSubject(state, cpu, config)]!.running ||
      state.partitions[currentPartition(state, cpu, config)]!.sleeping;
    if (modes[cpu] === 'guest' && !runs) return false;
  }
  return true;
}

/** A subject that a CPU entered and that does not run executes nothing. */
export function sleeperHalts(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const runs = state.subjects[currentSubject(state, cpu, config)]!.running;
    if (modes[cpu] === 'guest' && !runs && !state.cpus[cpu]!.halted) return false;
  }
  return true;
}

/** The CPU has taken a source event and has not finished with it. */
export function hasSource(mode: string): boolean {
  return (
    mode === 'choose.action' || mode === 'choose.target' || mode === 'access.setPending' || mode === 'access.indicate'
  );
}

/** CPU whose plan has the partition; -1 for none. */
function cpuOf(partition: number, config: KernelConfig): number {
  let found = -1;
  for (let cpu = 0; cpu < config.plans.length; cpu++) {
    for (let major = 0; major < config.plans[cpu]!.length; major++) {
      for (let minor = 0; minor < config.plans[cpu]![major]!.length; minor++) {
        if (config.plans[cpu]![major]![minor]!.partition === partition) found = cpu;
      }
    }
  }
  return found;
}

/** Where no CPU is about to change it, the subject of a partition runs, or the partition sleeps with the subject in HLT. */
export function partitionRunsOrSleeps(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let partition = 1; partition < config.partitionGroups.length; partition++) {
    const its = state.partitions[partition]!;
    const subject = state.groups[config.partitionGroups[partition]![its.activeIndex]!]!.activeSubject;
    const cpu = cpuOf(partition, config);
    const isChanging =
      currentPartition(state, cpu, config) === partition &&
      (isRescheduling(state, modes, cpu) || state.cpus[cpu]!.handled || isEnding(modes[cpu]!));
    const holds = state.subjects[subject]!.running || (its.sleeping && state.subjects[subject]!.activity !== 0);
    if (!isChanging && !holds) return false;
  }
  return true;
}

/** Subjects that another one of their group was handed over from are in the middle of something. */
export function inactiveRuns(state: State, _modes: Modes, config: KernelConfig): boolean {
  for (let subject = 0; subject < config.subjectGroup.length; subject++) {
    const isActive = state.groups[config.subjectGroup[subject]!]!.activeSubject === subject;
    if (!isActive && !state.subjects[subject]!.running) return false;
  }
  return true;
}

/** A CPU that delivered an event is in a group that is marked or being marked. */
export function handledIsMarked(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const group = currentGroup(state, cpu, config);
    const isSafe = isMarked(state, group, config) || isBeingMarked(state, modes, group, config);
    const delivers = modes[cpu] === 'access.takeEvent' || modes[cpu] === 'access.clearEvents';
    if (state.cpus[cpu]!.handled && !delivers) return false;
    if (state.cpus[cpu]!.handled && !isSafe && !isSystemEnding(modes, config)) return false;
    if (modes[cpu] === 'access.clearEvents' && !state.cpus[cpu]!.handled) return false;
  }
  return true;
}

/** The active subject of a group belongs to it, the active group of a partition to that. */
export function activeInGroup(state: State, _modes: Modes, config: KernelConfig): boolean {
  for (let group = 1; group < config.groupPartition.length; group++) {
    if (config.subjectGroup[state.groups[group]!.activeSubject] !== group) return false;
  }
  for (let partition = 1; partition < config.partitionGroups.length; partition++) {
    if (state.partitions[partition]!.activeIndex >= config.partitionGroups[partition]!.length) return false;
  }
  return true;
}

/** A timer list holds groups of its partition, each at most once, by ascending timeouts. */
export function timersSorted(state: State, _modes: Modes, config: KernelConfig): boolean {
  for (let partition = 0; partition < config.partitionGroups.length; partition++) {
    const p = state.partitions[partition]!;
    for (let slot = 0; slot < p.timers.length; slot++) {
      const group = p.timers[slot]!;
      if (slot >= p.timerCount && group !== 0) return false;
      if (slot < p.timerCount && (group === 0 || config.groupPartition[group] !== partition)) return false;
      for (let earlier = 0; earlier < p.timers.length; earlier++) {
        if (earlier < slot && slot < p.timerCount) {
          const other = p.timers[earlier]!;
          const a = state.groups[other]!;
          const b = state.groups[group]!;
          if (other === group) return false;
          if (!lessOrEqual64(a.timeoutLow, a.timeoutHigh, b.timeoutLow, b.timeoutHigh)) return false;
        }
      }
    }
  }
  return true;
}

/** The subject that an event came from is the one that its CPU runs, as long as that matters. */
export function sourceIsCurrent(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const matters = modes[cpu] === 'choose.action' || isRescheduling(state, modes, cpu);
    if (matters && state.cpus[cpu]!.source !== currentSubject(state, cpu, config)) return false;
  }
  return true;
}

/** A source event hands over to a subject of the group that its CPU runs, from a subject that runs. */
export function handoverInGroup(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const local = state.cpus[cpu]!;
    const mode = modes[cpu]!;
    const unmasks =
      mode === 'access.lockTake' ||
      mode === 'access.lockSpin' ||
      mode === 'access.lineSelect' ||
      mode === 'access.lineRead' ||
      mode === 'access.lineWrite' ||
      mode === 'access.lockRelease';
    const group = currentGroup(state, cpu, config);
    const isSafe =
      isMarked(state, group, config) || isBeingMarked(state, modes, group, config) || isSystemEnding(modes, config);
    const matters = hasSource(mode) || isRescheduling(state, modes, cpu) || (unmasks && !local.masking);
    const rests = local.action === 1 || local.action === 2;
    if (matters && local.handover && (local.target < 0 || config.subjectGroup[local.target] !== group)) return false;
    if (matters && local.handover && (rests || !isSafe)) return false;
    if (matters && local.handover && !state.subjects[currentSubject(state, cpu, config)]!.running) return false;
    if ((mode === 'choose.rest' || isRescheduling(state, modes, cpu)) && (!rests || local.handover)) return false;
    if ((mode === 'access.setPending' || mode === 'access.indicate') && (local.target < 0 || local.targetEvent < 0))
      return false;
    if (mode === 'access.interruptIndicate' && local.target < 0) return false;
  }
  return true;
}

/** Timed events are among those that a subject has, and hand nothing over. */
export function timedEventKnown(state: State, _modes: Modes, config: KernelConfig): boolean {
  for (let subject = 0; subject < config.subjectGroup.length; subject++) {
    const its = state.subjects[subject]!;
    if (its.timedEvent >= config.vmcalls[subject]!.length) return false;
    if (config.vmcalls[subject]![its.timedEvent]!.handover) return false;
  }
  return true;
}

/** What a search is about: a group that waits where it was unmarked, is marked where it will run, and is of this partition. */
export function searchedGroup(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const mode = modes[cpu]!;
    const local = state.cpus[cpu]!;
    const partition = currentPartition(state, cpu, config);
    const candidate = candidateGroup(state, cpu, config);
    const current = currentGroup(state, cpu, config);
    if (mode === 'access.scanCheck' && !isMarked(state, candidate, config)) return false;
    const parked = mode === 'access.scanUnmark' || mode === 'access.scanRecheck';
    if (parked && !isWaiting(state, partition, candidate)) return false;
    const rests = mode === 'access.restUnmark' || mode === 'access.restRecheck';
    if (rests && !isWaiting(state, partition, current)) return false;
    const isFound = mode === 'access.scanMark' || (mode === 'choose.chosen' && local.chosen !== 0);
    if (isFound && (local.chosen === 0 || config.groupPartition[local.chosen] !== partition)) return false;
    if (mode === 'access.scanMark' && local.chosen !== candidate) return false;
    if (mode === 'choose.chosen' && local.chosen !== 0 && !isMarked(state, local.chosen, config)) return false;
    if (mode === 'access.timerMark' && (local.chosen === 0 || config.groupPartition[local.chosen] !== partition))
      return false;
  }
  return true;
}

/** A CPU that entered a subject holds the FPU registers, stored MSRs and XCR0 of that subject. */
export function ownExtendedState(state: State, modes: Modes, config: KernelConfig): boolean {
  for (let cpu = 0; cpu < config.cpuCount; cpu++) {
    const subject = currentSubject(state, cpu, config);
    const isOwn = state.cpus[cpu]!.owner === subject && state.cpus[cpu]!.xcr0 === state.subjects[subject]!.xcr0;
    if (modes[cpu] === 'guest' && !isOwn) return false;
  }
  return true;
}
