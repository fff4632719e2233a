import type { KernelConfig } from '../model/kernel-config.ts';
import type { KernelState } from '../model/kernel-state.ts';

/** Comparison of the abstracted implementation with the model, part by part; the first difference in domain words. */

/** Power states by number of the model's outcome. */
export const OUTCOMES: readonly string[] = ['running', 'reboot', 'poweroff', 'panic'];

type Subject = KernelState['subjects'][number];
type Partition = KernelState['partitions'][number];

const show = (value: number | boolean): string =>
  typeof value === 'boolean' ? String(value) : value > 9 ? `0x${value.toString(16)}` : String(value);

const difference = (what: string, implementation: number | boolean, model: number | boolean): string =>
  `${what}: implementation ${show(implementation)}, model ${show(model)}`;

/** Fields of a subject that its own CPU keeps, in words. */
const SUBJECT_FIELDS = {
  running: 'running flag',
  activity: 'activity state',
  interruptibility: 'interruptibility state',
  interruptFlag: 'interrupt flag',
  ripLow: 'RIP',
  ripHigh: 'high half of RIP',
  instructionLength: 'instruction length',
  triggerLow: 'trigger of the timed event',
  triggerHigh: 'high half of the trigger of the timed event',
  timedEvent: 'event number of the timed event',
} as const satisfies Partial<Record<keyof Subject, string>>;

/** Fields of a subject that its own CPU's kernel keeps. `atEntry` adds those that settle only when the step is complete. */
export function compareSubject(
  a: KernelState,
  m: KernelState,
  subject: number,
  atEntry: boolean,
  config: KernelConfig,
): string {
  const left = a.subjects[subject]!;
  const right = m.subjects[subject]!;
  const { irqs } = left;
  let isEqual =
    left.running === right.running &&
    left.activity === right.activity &&
    left.interruptibility === right.interruptibility &&
    left.interruptFlag === right.interruptFlag &&
    left.ripLow === right.ripLow &&
    left.ripHigh === right.ripHigh &&
    left.instructionLength === right.instructionLength &&
    left.triggerLow === right.triggerLow &&
    left.triggerHigh === right.triggerHigh &&
    left.timedEvent === right.timedEvent &&
    (!atEntry || (left.windowOpen === right.windowOpen && left.xcr0 === right.xcr0));
  for (let word = 0; word < irqs.length; word++) isEqual &&= irqs[word] === right.irqs[word];
  return isEqual ? '' : explainSubject(left, right, config.subjectNames[subject]!);
}

function explainSubject(left: Subject, right: Subject, name: string): string {
  for (const [key, words] of Object.entries(SUBJECT_FIELDS)) {
    const field = key as keyof typeof SUBJECT_FIELDS;
    if (left[field] !== right[field]) return difference(`${words} of ${name}`, left[field], right[field]);
  }
  for (let word = 0; word < left.irqs.length; word++) {
    if (left.irqs[word] !== right.irqs[word])
      return difference(`pending vectors ${32 * word}.. of ${name}`, left.irqs[word]!, right.irqs[word]!);
  }
  if (left.windowOpen !== right.windowOpen)
    return difference(`interrupt window of ${name}`, left.windowOpen, right.windowOpen);
  return difference(`XCR0 of ${name}`, left.xcr0, right.xcr0);
}

export function compareGlobal(a: KernelState, m: KernelState, config: KernelConfig): string {
  if (a.major !== m.major) return difference('major frame', a.major, m.major);
  if (a.majorStartTsc !== m.majorStartTsc)
    return difference('start of the major frame', a.majorStartTsc, m.majorStartTsc);
  if (a.dumpsTaken !== m.dumpsTaken) return difference('dumps of the crash audit', a.dumpsTaken, m.dumpsTaken);
  if (a.lock !== m.lock) return difference('lock of the I/O APIC', a.lock, m.lock);
  for (let barrier = 0; barrier < m.barriers.length; barrier++) {
    const left = a.barriers[barrier]!;
    const right = m.barriers[barrier]!;
    if (left.size !== right.size) return difference(`size of barrier ${barrier}`, left.size, right.size);
    if (left.sense !== right.sense) return difference(`sense of barrier ${barrier}`, left.sense, right.sense);
    if (left.count !== right.count) return difference(`arrivals at barrier ${barrier}`, left.count, right.count);
  }
  for (let subject = 0; subject < m.subjects.length; subject++) {
    const left = a.subjects[subject]!;
    const right = m.subjects[subject]!;
    const name = config.subjectNames[subject]!;
    if (left.pendingLow !== right.pendingLow)
      return difference(`pending events 0..31 of ${name}`, left.pendingLow, right.pendingLow);
    if (left.pendingHigh !== right.pendingHigh)
      return difference(`pending events 32..63 of ${name}`, left.pendingHigh, right.pendingHigh);
  }
  for (let partition = 1; partition < m.partitions.length; partition++) {
    const left = a.partitions[partition]!;
    const right = m.partitions[partition]!;
    const name = config.partitionNames[partition]!;
    if (left.activityLow !== right.activityLow)
      return difference(`active groups of partition ${name}`, left.activityLow, right.activityLow);
    if (left.activityHigh !== right.activityHigh)
      return difference(`active groups 32.. of partition ${name}`, left.activityHigh, right.activityHigh);
  }
  return '';
}

/** Contents of the crash audit as far as the model speaks about them. */
export function compareAudit(a: KernelState, m: KernelState): string {
  for (const [index, right] of m.dumps.entries()) {
    const left = a.dumps[index]!;
    if (left.reason !== right.reason) return difference(`reason of crash dump ${index + 1}`, left.reason, right.reason);
    if (left.cpu !== right.cpu) return difference(`CPU of crash dump ${index + 1}`, left.cpu, right.cpu);
    if (left.subject !== right.subject)
      return difference(`subject of crash dump ${index + 1}`, left.subject, right.subject);
  }
  return a.crashes === m.crashes ? '' : difference('crashes counted by the crash audit', a.crashes, m.crashes);
}

/** Mask bits of the lines that the policy assigns. */
export function compareLines(a: KernelState, m: KernelState, { lines }: KernelConfig): string {
  for (const irq of lines) {
    const bit = 1 << (irq & 31);
    const left = (a.maskedIrqs[irq >>> 5]! & bit) !== 0;
    const right = (m.maskedIrqs[irq >>> 5]! & bit) !== 0;
    if (left !== right) return difference(`masked line ${irq} of the I/O APIC`, left, right);
  }
  return '';
}

function comparePartition(left: Partition, right: Partition, name: string): string {
  if (left.activeIndex !== right.activeIndex)
    return difference(`active group of partition ${name}`, left.activeIndex, right.activeIndex);
  if (left.sleeping !== right.sleeping)
    return difference(`sleeping of partition ${name}`, left.sleeping, right.sleeping);
  if (left.timerCount !== right.timerCount)
    return difference(`length of the timer list of partition ${name}`, left.timerCount, right.timerCount);
  for (let slot = 0; slot < right.timerCount; slot++) {
    if (left.timers[slot] !== right.timers[slot])
      return difference(`timer list of partition ${name}, place ${slot}`, left.timers[slot]!, right.timers[slot]!);
  }
  return '';
}

export function compareLocal(
  a: KernelState,
  m: KernelState,
  cpu: number,
  partitions: readonly number[],
  config: KernelConfig,
): string {
  if (a.cpus[cpu]!.minor !== m.cpus[cpu]!.minor)
    return difference(`minor frame of CPU ${cpu}`, a.cpus[cpu]!.minor, m.cpus[cpu]!.minor);
  if (a.cpus[cpu]!.xcr0 !== m.cpus[cpu]!.xcr0)
    return difference(`XCR0 as the kernel of CPU ${cpu} knows it`, a.cpus[cpu]!.xcr0, m.cpus[cpu]!.xcr0);
  for (const partition of partitions) {
    const found = comparePartition(
      a.partitions[partition]!,
      m.partitions[partition]!,
      config.partitionNames[partition]!,
    );
    if (found !== '') return found;
    for (const group of config.partitionGroups[partition]!) {
      const left = a.groups[group]!;
      const right = m.groups[group]!;
      if (left.activeSubject !== right.activeSubject)
        return difference(`active subject of group ${group}`, left.activeSubject, right.activeSubject);
      if (left.timeoutLow !== right.timeoutLow || left.timeoutHigh !== right.timeoutHigh) {
        return difference(`timeout of group ${group}`, left.timeoutLow, right.timeoutLow);
      }
    }
  }
  return '';
}

export function compareSchedulingInfo(a: KernelState, m: KernelState, partition: number, config: KernelConfig): string {
  const left = a.partitions[partition]!;
  const right = m.partitions[partition]!;
  const name = config.partitionNames[partition]!;
  if (left.startTsc !== right.startTsc)
    return difference(`published frame start of partition ${name}`, left.startTsc, right.startTsc);
  if (left.endTsc !== right.endTsc)
    return difference(`published frame end of partition ${name}`, left.endTsc, right.endTsc);
  return '';
}

export function compareEntry(a: KernelState, m: KernelState, cpu: number, subject: number): string {
  const injected = a.subjects[subject]!.injection;
  const expected = m.subjects[subject]!.injection;
  if (injected !== expected) return difference(`injected interruption information on CPU ${cpu}`, injected, expected);
  const left = a.cpus[cpu]!.timer;
  const right = m.cpus[cpu]!.timer;
  if (left !== right) return difference(`preemption timer of CPU ${cpu}`, left, right);
  return '';
}
