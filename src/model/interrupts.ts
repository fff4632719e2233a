import { raiseInterrupt } from './events.ts';
import type { KernelConfig } from './kernel-config.ts';
import type { KernelEvent, KernelState, PlainExit, XsetbvExit } from './kernel-state.ts';
import { armTimer, currentSubject } from './scheduler.ts';
import { advanceRip } from './scheduler-groups.ts';

/** What a subject sees of interrupts when it is entered. */

export function closeWindow(state: KernelState, event: PlainExit, config: KernelConfig): void {
  state.subjects[currentSubject(state, event.cpu, config)]!.windowOpen = false;
}

export function highestInterrupt(state: Readonly<KernelState>, subject: number): number {
  const s = state.subjects[subject]!;
  let highest = -1;
  for (let word = 0; word < s.irqs.length; word++) {
    if (s.irqs[word] !== 0) highest = 32 * word + 31 - Math.clz32(s.irqs[word]!);
  }
  return highest;
}

/** Takes the highest vector off the pending ones, for the processor to deliver at the entry. */
function injectHighest(state: KernelState, subject: number): void {
  const s = state.subjects[subject]!;
  let isTaken = false;
  for (let word = s.irqs.length - 1; word >= 0; word--) {
    if (!isTaken && s.irqs[word] !== 0) {
      const bit = 31 - Math.clz32(s.irqs[word]!);
      s.irqs[word] = (s.irqs[word]! & ~(1 << bit)) >>> 0;
      s.running = true;
      s.injection = (0x8000_0000 | (32 * word + bit)) >>> 0;
      isTaken = true;
    }
  }
}

/** Last step before entry: wake-up by an event, at most one injected vector, window for the rest, timer. */
export function enterSubject(state: KernelState, event: KernelEvent, config: KernelConfig): void {
  const local = state.cpus[event.cpu]!;
  const subject = currentSubject(state, event.cpu, config);
  const s = state.subjects[subject]!;
  if (local.handled) s.running = true;
  if (s.interruptFlag && s.interruptibility === 0) injectHighest(state, subject);
  if (highestInterrupt(state, subject) >= 0) s.windowOpen = true;
  local.halted = s.activity !== 0 && s.injection === 0;
  local.owner = subject;
  local.xcr0 = s.xcr0;
  forgetStep(state, event.cpu);
  armTimer(state, event, config);
}

/** What the kernel kept while it handled an exit is gone once it enters a subject. */
export function forgetStep(state: KernelState, cpu: number): void {
  const local = state.cpus[cpu]!;
  local.frameStartTsc = 0;
  local.barrier = 0;
  local.awaitedSense = 0;
  local.secondWait = false;
  local.purpose = 0;
  local.examined = 0;
  local.chosen = 0;
  local.origin = 0;
  local.source = 0;
  local.action = 0;
  local.target = -1;
  local.targetEvent = -1;
  local.handover = false;
  local.ipi = false;
  local.irq = 0;
  local.masking = false;
  local.advanceRip = false;
  local.handled = false;
  local.taken = 0;
}

/** XCR0 rules: x87 always, AVX needs SSE, the three AVX-512 parts together and with AVX; from CPL 0 and for index 0 only. */
export function isXsetbvValid(_state: Readonly<KernelState>, event: XsetbvExit, config: KernelConfig): boolean {
  const value = event.valueLow;
  const hasSse = (value & 2) !== 0;
  const hasAvx = (value & 4) !== 0;
  const avx512 = (value >>> 5) & 7;
  if (event.privilege !== 0 || event.index !== 0 || event.valueHigh !== 0) return false;
  if ((value & ~config.xcr0Features) !== 0 || (value & 1) === 0 || (hasAvx && !hasSse)) return false;
  return avx512 === 0 || (avx512 === 7 && hasAvx);
}

export function writeXcr0(state: KernelState, event: XsetbvExit, config: KernelConfig): void {
  const subject = currentSubject(state, event.cpu, config);
  state.subjects[subject]!.xcr0 = event.valueLow;
  advanceRip(state, subject);
}

/** A refused XSETBV queues general protection (vector 13) and leaves RIP. */
export function refuseXsetbv(state: KernelState, event: XsetbvExit, config: KernelConfig): void {
  raiseInterrupt(state, currentSubject(state, event.cpu, config), 13);
}
