import { highWord, lessOrEqual64, lowWord } from '../units/word.ts';
import type { KernelConfig } from './kernel-config.ts';
import type { Continue, KernelEvent, KernelState, Proceed } from './kernel-state.ts';
import { currentGroup, currentPartition, currentSubject, publishFrame } from './scheduler.ts';

/** Groups of a partition: which has work, in which order they get the processor, who waits for a timeout. */

/** Work other than being in the middle of something: an event, an interrupt, an expired timed event. */
export function hasWork(state: Readonly<KernelState>, subject: number, nowTsc: number): boolean {
  const s = state.subjects[subject]!;
  if (s.running || s.pendingLow !== 0 || s.pendingHigh !== 0) return true;
  for (let word = 0; word < s.irqs.length; word++) {
    if (s.irqs[word] !== 0) return true;
  }
  return lessOrEqual64(s.triggerLow, s.triggerHigh, lowWord(nowTsc), highWord(nowTsc));
}

export function isMarkedActive(state: Readonly<KernelState>, partition: number, index: number): boolean {
  const p = state.partitions[partition]!;
  return index < 32 ? (p.activityLow & (1 << index)) !== 0 : (p.activityHigh & (1 << (index - 32))) !== 0;
}

export function markActive(state: KernelState, partition: number, index: number): void {
  const p = state.partitions[partition]!;
  if (index < 32) p.activityLow = (p.activityLow | (1 << index)) >>> 0;
  else p.activityHigh = (p.activityHigh | (1 << (index - 32))) >>> 0;
}

export function markInactive(state: KernelState, partition: number, index: number): void {
  const p = state.partitions[partition]!;
  if (index < 32) p.activityLow = (p.activityLow & ~(1 << index)) >>> 0;
  else p.activityHigh = (p.activityHigh & ~(1 << (index - 32))) >>> 0;
}

export function isWaiting(state: Readonly<KernelState>, partition: number, group: number): boolean {
  const p = state.partitions[partition]!;
  for (let slot = 0; slot < p.timers.length; slot++) {
    if (slot < p.timerCount && p.timers[slot] === group) return true;
  }
  return false;
}

/** Takes a group out of the waiting sequence, if it is there. */
export function stopWaiting(state: KernelState, partition: number, group: number): void {
  const p = state.partitions[partition]!;
  let kept = 0;
  for (let slot = 0; slot < p.timers.length; slot++) {
    if (slot < p.timerCount && p.timers[slot] !== group) {
      p.timers[kept] = p.timers[slot]!;
      kept += 1;
    }
  }
  for (let slot = 0; slot < p.timers.length; slot++) {
    if (slot >= kept) p.timers[slot] = 0;
  }
  p.timerCount = kept;
}

/** Lets a group wait for its subject's trigger, behind all that are due no later; one that waits already keeps its place. */
export function startWaiting(state: KernelState, partition: number, group: number, subject: number): void {
  if (isWaiting(state, partition, group)) return;
  const p = state.partitions[partition]!;
  const s = state.subjects[subject]!;
  const g = state.groups[group]!;
  g.timeoutLow = s.triggerLow;
  g.timeoutHigh = s.triggerHigh;
  let place = 0;
  for (let slot = 0; slot < p.timers.length; slot++) {
    if (slot < p.timerCount) {
      const other = state.groups[p.timers[slot]!]!;
      if (lessOrEqual64(other.timeoutLow, other.timeoutHigh, g.timeoutLow, g.timeoutHigh)) place = slot + 1;
    }
  }
  for (let slot = p.timers.length - 1; slot > 0; slot--) {
    if (slot > place) p.timers[slot] = p.timers[slot - 1]!;
  }
  p.timers[place] = group;
  p.timerCount += 1;
}

export function isTimerDue(state: Readonly<KernelState>, event: Continue, config: KernelConfig): boolean {
  const p = state.partitions[currentPartition(state, event.cpu, config)]!;
  if (p.timerCount === 0) return false;
  const g = state.groups[p.timers[0]!]!;
  return lessOrEqual64(g.timeoutLow, g.timeoutHigh, lowWord(event.nowTsc), highWord(event.nowTsc));
}

export function takeTimer(state: KernelState, event: Continue, config: KernelConfig): void {
  const partition = currentPartition(state, event.cpu, config);
  const group = state.partitions[partition]!.timers[0]!;
  state.cpus[event.cpu]!.chosen = group;
  stopWaiting(state, partition, group);
}

export function markChosen(state: KernelState, event: Proceed, config: KernelConfig): void {
  const group = state.cpus[event.cpu]!.chosen;
  markActive(state, config.groupPartition[group]!, config.groupIndex[group]!);
}

export function beginDispatch(state: KernelState, event: KernelEvent): void {
  state.cpus[event.cpu]!.purpose = 0;
  state.cpus[event.cpu]!.examined = 1;
  state.cpus[event.cpu]!.chosen = 0;
}

export function beginReschedule(state: KernelState, event: KernelEvent): void {
  const local = state.cpus[event.cpu]!;
  local.purpose = 1;
  local.examined = 1;
  local.chosen = 0;
  if (local.advanceRip) advanceRip(state, local.source);
}

/** RIP moves over the exiting instruction; blocking by STI or MOV SS ends. */
export function advanceRip(state: KernelState, subject: number): void {
  const s = state.subjects[subject]!;
  const sum = s.ripLow + s.instructionLength;
  s.ripLow = sum >>> 0;
  if (sum >= 0x1_0000_0000) s.ripHigh = (s.ripHigh + 1) >>> 0;
  s.interruptibility = (s.interruptibility & ~3) >>> 0;
}

/** Position of the group under examination: round robin from behind the active one, which comes last. */
export function candidateIndex(state: Readonly<KernelState>, cpu: number, config: KernelConfig): number {
  const partition = currentPartition(state, cpu, config);
  return (
    (state.partitions[partition]!.activeIndex + state.cpus[cpu]!.examined) % config.partitionGroups[partition]!.length
  );
}

export function candidateGroup(state: Readonly<KernelState>, cpu: number, config: KernelConfig): number {
  return config.partitionGroups[currentPartition(state, cpu, config)]![candidateIndex(state, cpu, config)]!;
}

export function isCandidateMarked(state: Readonly<KernelState>, event: Proceed, config: KernelConfig): boolean {
  return isMarkedActive(state, currentPartition(state, event.cpu, config), candidateIndex(state, event.cpu, config));
}

export function isCandidateRunning(state: Readonly<KernelState>, event: Proceed, config: KernelConfig): boolean {
  if (!isCandidateMarked(state, event, config)) return false;
  return state.subjects[state.groups[candidateGroup(state, event.cpu, config)]!.activeSubject]!.running;
}

export function candidateHasWork(state: Readonly<KernelState>, event: Proceed, config: KernelConfig): boolean {
  return hasWork(state, state.groups[candidateGroup(state, event.cpu, config)]!.activeSubject, event.nowTsc);
}

export function moreGroups(state: Readonly<KernelState>, event: Proceed, config: KernelConfig): boolean {
  return state.cpus[event.cpu]!.examined < config.partitionGroups[currentPartition(state, event.cpu, config)]!.length;
}

export function examineNext(state: KernelState, event: Proceed): void {
  state.cpus[event.cpu]!.examined += 1;
}

export function chooseCandidate(state: KernelState, event: Proceed, config: KernelConfig): void {
  const group = candidateGroup(state, event.cpu, config);
  state.cpus[event.cpu]!.chosen = group;
  stopWaiting(state, config.groupPartition[group]!, group);
}

export function chooseNone(state: KernelState, event: Proceed): void {
  state.cpus[event.cpu]!.chosen = 0;
}

export function parkCandidate(state: KernelState, event: Proceed, config: KernelConfig): void {
  const group = candidateGroup(state, event.cpu, config);
  startWaiting(state, config.groupPartition[group]!, group, state.groups[group]!.activeSubject);
}

export function unmarkCandidate(state: KernelState, event: Proceed, config: KernelConfig): void {
  markInactive(state, currentPartition(state, event.cpu, config), candidateIndex(state, event.cpu, config));
}

export function isFound(state: Readonly<KernelState>, event: Continue): boolean {
  return state.cpus[event.cpu]!.chosen !== 0;
}

/** The partition wakes up: its group runs, a subject that slept in HLT is active again. */
export function dispatchGroup(state: KernelState, event: Continue, config: KernelConfig): void {
  const partition = currentPartition(state, event.cpu, config);
  const p = state.partitions[partition]!;
  if (p.sleeping) {
    state.subjects[currentSubject(state, event.cpu, config)]!.activity = 0;
    p.sleeping = false;
  }
  runChosen(state, event, config);
  publishFrame(state, event, config);
}

/** The chosen group becomes the active one and its subject runs. */
export function runChosen(state: KernelState, event: Continue, config: KernelConfig): void {
  const group = state.cpus[event.cpu]!.chosen;
  state.subjects[state.groups[group]!.activeSubject]!.running = true;
  state.partitions[config.groupPartition[group]!]!.activeIndex = config.groupIndex[group]!;
}

/** Nobody has work: the subject halts until the frame ends. */
export function sleepPartition(state: KernelState, event: Continue, config: KernelConfig): void {
  state.subjects[state.cpus[event.cpu]!.source]!.activity = 1;
  state.partitions[currentPartition(state, event.cpu, config)]!.sleeping = true;
}

export function sleepSource(state: KernelState, event: Continue): void {
  state.subjects[state.cpus[event.cpu]!.source]!.running = false;
}

export function isSourceRunning(state: Readonly<KernelState>, event: Continue): boolean {
  return state.subjects[state.cpus[event.cpu]!.source]!.running;
}

export function sourceHasWork(state: Readonly<KernelState>, event: Proceed): boolean {
  return hasWork(state, state.cpus[event.cpu]!.source, event.nowTsc);
}

export function parkCurrent(state: KernelState, event: Proceed, config: KernelConfig): void {
  startWaiting(
    state,
    currentPartition(state, event.cpu, config),
    currentGroup(state, event.cpu, config),
    state.cpus[event.cpu]!.source,
  );
}

export function unmarkCurrent(state: KernelState, event: Proceed, config: KernelConfig): void {
  const partition = currentPartition(state, event.cpu, config);
  markInactive(state, partition, state.partitions[partition]!.activeIndex);
}

export function unparkCurrent(state: KernelState, event: Proceed, config: KernelConfig): void {
  stopWaiting(state, currentPartition(state, event.cpu, config), currentGroup(state, event.cpu, config));
}

export function markCurrent(state: KernelState, event: Proceed, config: KernelConfig): void {
  const partition = currentPartition(state, event.cpu, config);
  markActive(state, partition, state.partitions[partition]!.activeIndex);
}
