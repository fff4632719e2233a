import { FRAME_WORDS } from '../../impl/memory.ts';
import { barrierWord } from '../../impl/muen/mp.ts';
import * as scheduling from '../../impl/muen/scheduling-state.ts';
import type { System } from '../../impl/system.ts';
import { INJECT_EXTERNAL_INTERRUPT, ProcControl, RFLAGS_IF, Vmcs } from '../../impl/vmx/vmcs.ts';
import type { KernelState } from '../../model/kernel-state.ts';
import { joinWords } from '../../units/word.ts';

/** The relation: what the kernel's memory means in terms of the model. Each function abstracts one part, in place. */

const PAGE = { running: 123, interruptibility: 33, activity: 34, instructionLength: 36, rip: 41, rflags: 55 } as const;

export function abstractSubject(system: System, subject: number, state: KernelState): void {
  abstractState(system, subject, state);
  abstractInterrupts(system, subject, state);
  abstractTimedEvent(system, subject, state);
  abstractControls(system, subject, state);
  abstractFpu(system, subject, state);
}

/** What the state page says. */
export function abstractState(system: System, subject: number, state: KernelState): void {
  const { words } = system.memory;
  const target = state.subjects[subject]!;
  const base = system.kernel.at.stateSlots[subject]! * FRAME_WORDS;
  target.running = (words[base + PAGE.running]! & 1) !== 0;
  target.interruptibility = words[base + PAGE.interruptibility]!;
  target.activity = words[base + PAGE.activity]!;
  target.instructionLength = words[base + PAGE.instructionLength]!;
  target.ripLow = words[base + PAGE.rip]!;
  target.ripHigh = words[base + PAGE.rip + 1]!;
  target.interruptFlag = (words[base + PAGE.rflags]! & RFLAGS_IF) !== 0;
}

/** Interrupt-window exiting in the VMCS. */
export function abstractControls(system: System, subject: number, state: KernelState): void {
  const base = system.kernel.at.vmcsSlots[subject]! * FRAME_WORDS;
  state.subjects[subject]!.windowOpen =
    (system.memory.words[base + Vmcs.procControls]! & ProcControl.interruptWindowExiting) !== 0;
}

/** XCR0 in the FPU page. */
export function abstractFpu(system: System, subject: number, state: KernelState): void {
  state.subjects[subject]!.xcr0 = system.memory.words[system.kernel.at.fpuSlots[subject]! * FRAME_WORDS]!;
}

export function abstractInterrupts(system: System, subject: number, state: KernelState): void {
  const base = system.kernel.at.interruptSlots[subject]! * FRAME_WORDS;
  const { irqs } = state.subjects[subject]!;
  for (let word = 0; word < irqs.length; word++) irqs[word] = system.memory.words[base + word]!;
}

export function abstractTimedEvent(system: System, subject: number, state: KernelState): void {
  const base = system.kernel.at.timedEventSlots[subject]! * FRAME_WORDS;
  const target = state.subjects[subject]!;
  target.triggerLow = system.memory.words[base]!;
  target.triggerHigh = system.memory.words[base + 1]!;
  target.timedEvent = system.memory.words[base + 2]! & 63;
}

/** Shared state: major frame, barriers, pending events, activity marks. */
export function abstractGlobal(system: System, state: KernelState): void {
  abstractFrames(system, state);
  for (let word = system.kernel.at.pendingBase; word < globalWords(system); word++)
    abstractGlobalWord(system, word, state);
}

/** Major frame and barriers. */
function abstractFrames(system: System, state: KernelState): void {
  const { kernel, memory } = system;
  const base = kernel.at.globalSlot * FRAME_WORDS;
  const { words } = memory;
  state.major = scheduling.currentMajorFrame(kernel);
  state.lock = words[base + LOCK_WORD] !== 0;
  state.majorStartTsc = scheduling.majorFrameStart(kernel);
  for (let barrier = 0; barrier < state.barriers.length; barrier++) {
    const at = base + barrierWord(kernel, barrier);
    const target = state.barriers[barrier]!;
    target.size = words[at]!;
    target.sense = words[at + 1]!;
    target.count = words[at + 2]!;
  }
}

/** Word of the lock of the I/O APIC in the shared page. */
const LOCK_WORD = 1;
/** Mask bit of a redirection entry. */
const ENTRY_MASKED = 0x1_0000;

/** Mask bits of the lines that the policy assigns; others stay as they are. IRQ 0 is wired to pin 2. */
export function abstractLines(system: System, lines: readonly number[], state: KernelState): void {
  const { entries } = system.kernel.platform.ioApic;
  for (const irq of lines) {
    const isMasked = (entries[2 * (irq === 0 ? 2 : irq)]! & ENTRY_MASKED) !== 0;
    const bit = 1 << (irq & 31);
    state.maskedIrqs[irq >>> 5] = ((state.maskedIrqs[irq >>> 5]! & ~bit) | (isMasked ? bit : 0)) >>> 0;
  }
}

/** Words of the shared page that the relation speaks about. */
export const globalWords = (system: System): number => system.kernel.at.auditWord + 1;

/** Brings the part of the abstraction up to date that one changed word of the shared page stands for. */
export function abstractGlobalWord(system: System, word: number, state: KernelState): void {
  const { at } = system.kernel;
  const value = system.memory.words[at.globalSlot * FRAME_WORDS + word]!;
  if (word === at.auditWord) state.dumpsTaken = Math.min(255, value - 1);
  else if (word >= at.activityBase) {
    const target = state.partitions[(word - at.activityBase) >>> 1]!;
    if ((word - at.activityBase) % 2 === 0) target.activityLow = value;
    else target.activityHigh = value;
  } else if (word >= at.pendingBase) {
    const target = state.subjects[(word - at.pendingBase) >>> 1]!;
    if ((word - at.pendingBase) % 2 === 0) target.pendingLow = value;
    else target.pendingHigh = value;
  } else abstractFrames(system, state);
}

/** True if two states agree in what one word of the shared page stands for; frames and barriers are left to a full comparison. */
export function agreesInGlobalWord(system: System, word: number, a: KernelState, b: KernelState): boolean {
  const { at } = system.kernel;
  if (word === at.auditWord) return a.dumpsTaken === b.dumpsTaken;
  if (word >= at.activityBase) {
    const id = (word - at.activityBase) >>> 1;
    return (
      a.partitions[id]!.activityLow === b.partitions[id]!.activityLow &&
      a.partitions[id]!.activityHigh === b.partitions[id]!.activityHigh
    );
  }
  if (word < at.pendingBase) return false;
  const id = (word - at.pendingBase) >>> 1;
  return (
    a.subjects[id]!.pendingLow === b.subjects[id]!.pendingLow &&
    a.subjects[id]!.pendingHigh === b.subjects[id]!.pendingHigh
  );
}

/** CPU-local state: minor frame, partitions with their timer sequences, groups. */
export function abstractLocal(system: System, cpu: number, state: KernelState): void {
  const { kernel } = system;
  state.cpus[cpu]!.minor = scheduling.currentMinorFrame(kernel, cpu);
  state.cpus[cpu]!.xcr0 = scheduling.currentXcr0(kernel, cpu);
  for (const spec of kernel.tables.partitions) {
    if (spec.id === 0 || spec.cpu !== cpu) continue;
    const target = state.partitions[spec.id]!;
    target.activeIndex = scheduling.activeGroupIndex(kernel, cpu, spec.id);
    target.sleeping = scheduling.isSleeping(kernel, cpu, spec.id);
    abstractTimers(system, cpu, spec.id, state);
    for (const group of spec.groups) {
      state.groups[group]!.activeSubject = scheduling.activeSubject(kernel, cpu, group);
      state.groups[group]!.timeoutLow = scheduling.timeoutLow(kernel, cpu, group);
      state.groups[group]!.timeoutHigh = scheduling.timeoutHigh(kernel, cpu, group);
    }
  }
}

/** The linked timer list as a sequence; a list that does not end or whose back links disagree counts as too long. */
function abstractTimers(system: System, cpu: number, partition: number, state: KernelState): void {
  const { kernel } = system;
  const target = state.partitions[partition]!;
  for (let slot = 0; slot < target.timers.length; slot++) target.timers[slot] = 0;
  target.timerCount = 0;
  let before = 0;
  let group = scheduling.earliestTimer(kernel, cpu, partition);
  while (group !== 0) {
    if (target.timerCount >= target.timers.length || scheduling.previousTimer(kernel, cpu, group) !== before) {
      target.timerCount = target.timers.length + 1;
      return;
    }
    target.timers[target.timerCount] = group;
    target.timerCount += 1;
    before = group;
    group = scheduling.nextTimer(kernel, cpu, group);
  }
}

/** What the subjects of a partition are told about their frame. */
export function abstractSchedulingInfo(system: System, partition: number, state: KernelState): void {
  const base = system.kernel.at.schedulingInfoSlots[partition]! * FRAME_WORDS;
  const { words } = system.memory;
  state.partitions[partition]!.startTsc = joinWords(words[base]!, words[base + 1]!);
  state.partitions[partition]!.endTsc = joinWords(words[base + 2]!, words[base + 3]!);
}

/** Processor side of an entry: injected vector and timer. */
export function abstractEntry(system: System, cpu: number, state: KernelState): void {
  const base = system.cpus[cpu]!.vmcsSlot * FRAME_WORDS;
  const info = system.memory.words[base + Vmcs.entryInterruptInfo]!;
  state.subjects[system.subjectOn(system.cpus[cpu]!)]!.injection = info >= INJECT_EXTERNAL_INTERRUPT ? info : 0;
  state.cpus[cpu]!.timer = system.memory.words[base + Vmcs.preemptionTimer]!;
}
