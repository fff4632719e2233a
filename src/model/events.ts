import { highWord, lessOrEqual64, lowWord } from '../units/word.ts';
import type { KernelConfig } from './kernel-config.ts';
import type {
  Continue,
  InterruptExit,
  KernelEvent,
  KernelExit,
  KernelState,
  Proceed,
  TimedEventWrite,
  TrapExit,
  VmcallExit,
} from './kernel-state.ts';
import { currentGroup, currentSubject } from './scheduler.ts';
import { advanceRip, markActive } from './scheduler-groups.ts';

/** Source events, target events and interrupts: who is told what, and what happens to the one who told. */

/** The processor leaves the subject: the kernel holds its state now. */
export function saveExit(state: KernelState, event: KernelExit, config: KernelConfig): void {
  const s = state.subjects[currentSubject(state, event.cpu, config)]!;
  const local = state.cpus[event.cpu]!;
  s.ripLow = event.ripLow;
  s.ripHigh = event.ripHigh;
  s.interruptFlag = event.interruptFlag;
  s.interruptibility = event.interruptibility;
  s.activity = event.activity;
  s.instructionLength = event.instructionLength;
  if (!event.entryFailed) s.injection = 0;
  local.source = currentSubject(state, event.cpu, config);
  // All components are enabled while the kernel saves them.
  local.xcr0 = config.xcr0Features;
}

/** A subject that was entered in HLT executes nothing until an injected interrupt wakes it. */
export function isAwake(state: Readonly<KernelState>, event: KernelEvent): boolean {
  return !state.cpus[event.cpu]!.halted;
}

/** A subject that was entered in HLT is still there when its CPU leaves it (SDM Vol. 3C, "Saving Non-Register State"). */
export function isHaltKept(state: Readonly<KernelState>, event: KernelExit): boolean {
  return isAwake(state, event) || event.activity !== 0;
}

/** A trap needs an executed instruction, or is the failed VM entry itself (basic exit reason 33). */
export function canTrap(state: Readonly<KernelState>, event: TrapExit): boolean {
  return isAwake(state, event) || event.reason === 33;
}

export function writeTimedEvent(state: KernelState, event: TimedEventWrite, config: KernelConfig): void {
  const s = state.subjects[currentSubject(state, event.cpu, config)]!;
  s.triggerLow = event.triggerLow;
  s.triggerHigh = event.triggerHigh;
  s.timedEvent = event.timedEvent;
}

export function isVmcallValid(_state: Readonly<KernelState>, event: VmcallExit): boolean {
  return event.raxHigh === 0 && event.raxLow < 64;
}

/** Takes the source event that a trap or a call of the current subject stands for. */
export function takeSourceEvent(
  state: KernelState,
  cpu: number,
  isTrap: boolean,
  number: number,
  config: KernelConfig,
): void {
  const local = state.cpus[cpu]!;
  const entry = isTrap ? config.traps[local.source]![number]! : config.vmcalls[local.source]![number]!;
  local.action = entry.action;
  local.target = entry.target;
  local.targetEvent = entry.targetEvent;
  local.handover = entry.handover;
  local.ipi = entry.ipi;
  local.irq = entry.irq;
}

export function takeVmcall(state: KernelState, event: VmcallExit, config: KernelConfig): void {
  takeSourceEvent(state, event.cpu, false, event.raxLow, config);
  state.cpus[event.cpu]!.origin = 1;
  state.cpus[event.cpu]!.advanceRip = false;
}

/** A call with a number that is no event only advances RIP. */
export function skipVmcall(state: KernelState, event: VmcallExit): void {
  advanceRip(state, state.cpus[event.cpu]!.source);
}

export function isKnownTrap(_state: Readonly<KernelState>, event: TrapExit): boolean {
  return event.reason < 60;
}

export function takeTrap(state: KernelState, event: TrapExit, config: KernelConfig): void {
  takeSourceEvent(state, event.cpu, true, event.reason, config);
  state.cpus[event.cpu]!.origin = 0;
  state.cpus[event.cpu]!.advanceRip = true;
}

/** The subject that the new frame starts with has an expired timed event. */
export function isTimedEventDue(state: Readonly<KernelState>, event: Continue, config: KernelConfig): boolean {
  const s = state.subjects[currentSubject(state, event.cpu, config)]!;
  return lessOrEqual64(s.triggerLow, s.triggerHigh, lowWord(event.nowTsc), highWord(event.nowTsc));
}

export function takeTimedEvent(state: KernelState, event: Continue, config: KernelConfig): void {
  const local = state.cpus[event.cpu]!;
  local.source = currentSubject(state, event.cpu, config);
  takeSourceEvent(state, event.cpu, false, state.subjects[local.source]!.timedEvent, config);
  local.origin = 2;
  local.advanceRip = false;
}

export function isSleep(state: Readonly<KernelState>, event: Continue): boolean {
  return state.cpus[event.cpu]!.action === 1;
}

export function isYield(state: Readonly<KernelState>, event: Continue): boolean {
  return state.cpus[event.cpu]!.action === 2;
}

export function isUnmask(state: Readonly<KernelState>, event: Continue): boolean {
  return state.cpus[event.cpu]!.action === 4;
}

export function beginUnmask(state: KernelState, event: Continue): void {
  state.cpus[event.cpu]!.masking = false;
}

export function hasTargetEvent(state: Readonly<KernelState>, event: Continue): boolean {
  const local = state.cpus[event.cpu]!;
  return local.target >= 0 && local.targetEvent >= 0;
}

export function setPending(state: KernelState, event: Proceed): void {
  const local = state.cpus[event.cpu]!;
  const s = state.subjects[local.target]!;
  if (local.targetEvent < 32) s.pendingLow = (s.pendingLow | (1 << local.targetEvent)) >>> 0;
  else s.pendingHigh = (s.pendingHigh | (1 << (local.targetEvent - 32))) >>> 0;
}

/** The target's group must be told: always across CPUs, on the same CPU only if the target is what its group runs. */
export function mustIndicate(state: Readonly<KernelState>, event: Proceed, config: KernelConfig): boolean {
  const target = state.cpus[event.cpu]!.target;
  return (
    config.subjectCpu[target] !== event.cpu || state.groups[config.subjectGroup[target]!]!.activeSubject === target
  );
}

export function indicate(state: KernelState, event: Proceed, config: KernelConfig): void {
  const group = config.subjectGroup[state.cpus[event.cpu]!.target]!;
  markActive(state, config.groupPartition[group]!, config.groupIndex[group]!);
}

/** Handover, then what the origin of the event asks for. */
export function finishSource(state: KernelState, event: KernelEvent, config: KernelConfig): void {
  const local = state.cpus[event.cpu]!;
  if (local.target >= 0 && local.handover)
    state.groups[currentGroup(state, event.cpu, config)]!.activeSubject = local.target;
  if (local.origin === 1) advanceRip(state, local.source);
  if (local.origin === 2) {
    state.subjects[local.source]!.triggerLow = 0xffff_ffff;
    state.subjects[local.source]!.triggerHigh = 0xffff_ffff;
  }
}

export function isRouted(_state: Readonly<KernelState>, event: InterruptExit, config: KernelConfig): boolean {
  return event.vector >= 32 && event.vector < 253 && config.routes[event.vector]!.subject >= 0;
}

/** A routed interrupt of a line that stays asserted until its owner has handled it. */
export function isRoutedLevel(state: Readonly<KernelState>, event: InterruptExit, config: KernelConfig): boolean {
  return isRouted(state, event, config) && config.routes[event.vector]!.level;
}

/** The interrupt's owner is what its group runs, so the group must be told. */
export function isRoutedToActive(state: Readonly<KernelState>, event: InterruptExit, config: KernelConfig): boolean {
  if (!isRouted(state, event, config)) return false;
  const owner = config.routes[event.vector]!.subject;
  return state.groups[config.subjectGroup[owner]!]!.activeSubject === owner;
}

export function raiseInterrupt(state: KernelState, subject: number, vector: number): void {
  const s = state.subjects[subject]!;
  const word = vector >>> 5;
  s.irqs[word] = (s.irqs[word]! | (1 << (vector & 31))) >>> 0;
}

/** Queues the interrupt for its owner; a level-triggered line stays masked until the owner unmasks it. */
export function routeInterrupt(state: KernelState, event: InterruptExit, config: KernelConfig): void {
  const route = config.routes[event.vector]!;
  raiseInterrupt(state, route.subject, route.vector);
  state.cpus[event.cpu]!.target = route.subject;
  state.cpus[event.cpu]!.irq = event.vector - 32;
  state.cpus[event.cpu]!.masking = route.level;
}

export function isNonePending(state: Readonly<KernelState>, event: Proceed, config: KernelConfig): boolean {
  const s = state.subjects[currentSubject(state, event.cpu, config)]!;
  return s.pendingLow === 0 && s.pendingHigh === 0;
}

export function highestPending(state: Readonly<KernelState>, subject: number): number {
  const s = state.subjects[subject]!;
  return s.pendingHigh !== 0 ? 63 - Math.clz32(s.pendingHigh) : 31 - Math.clz32(s.pendingLow);
}

export function isResetPending(state: Readonly<KernelState>, event: Proceed, config: KernelConfig): boolean {
  const subject = currentSubject(state, event.cpu, config);
  return config.targets[subject]![highestPending(state, subject)]!.action === 2;
}

/** The last of the events that one exit delivers. */
export function isLastTaken(state: Readonly<KernelState>, event: Proceed, config: KernelConfig): boolean {
  return state.cpus[event.cpu]!.taken === config.deliveriesPerExit - 1;
}

/** Delivers the highest pending event: an interrupt, or nothing but a wake-up. */
export function deliverHighest(state: KernelState, event: Proceed, config: KernelConfig): void {
  const local = state.cpus[event.cpu]!;
  const subject = currentSubject(state, event.cpu, config);
  const s = state.subjects[subject]!;
  const number = highestPending(state, subject);
  if (number < 32) s.pendingLow = (s.pendingLow & ~(1 << number)) >>> 0;
  else s.pendingHigh = (s.pendingHigh & ~(1 << (number - 32))) >>> 0;
  local.handled = true;
  local.taken += 1;
  const target = config.targets[subject]![number]!;
  if (target.action === 1) raiseInterrupt(state, subject, target.vector);
}

/** A reset begins with the FPU state of the subject. */
export function resetExtended(state: KernelState, event: Proceed, config: KernelConfig): void {
  state.subjects[currentSubject(state, event.cpu, config)]!.xcr0 = config.xcr0Features;
}

/** A reset drops everything that was pending for the subject and starts it anew; its memory stays. */
export function resetSubject(state: KernelState, event: Proceed, config: KernelConfig): void {
  const subject = currentSubject(state, event.cpu, config);
  const s = state.subjects[subject]!;
  s.pendingLow = 0;
  s.pendingHigh = 0;
  for (let word = 0; word < s.irqs.length; word++) s.irqs[word] = 0;
  s.triggerLow = 0xffff_ffff;
  s.triggerHigh = 0xffff_ffff;
  s.timedEvent = 0;
  s.running = true;
  s.activity = 0;
  s.interruptibility = 0;
  s.interruptFlag = false;
  s.instructionLength = 0;
  s.ripLow = config.resetRipLow[subject]!;
  s.ripHigh = config.resetRipHigh[subject]!;
  s.windowOpen = false;
  s.injection = 0;
}
