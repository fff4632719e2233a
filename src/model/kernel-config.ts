import type { PolicyDocument, SourceAction, Subject } from '../policy/document.ts';
import { highOfBig, lowOfBig } from '../units/word.ts';
import { storedMsrs } from './stored-msrs.ts';

/** Source actions by number, as the model's guards compare them. */
export const ACTION_NONE = 0;
export const ACTION_SLEEP = 1;
export const ACTION_YIELD = 2;
export const ACTION_REBOOT = 3;
export const ACTION_UNMASK = 4;
export const ACTION_POWER_OFF = 5;
export const ACTION_PANIC = 6;

/** True for actions after which nothing runs. */
export const endsSystem = (action: number): boolean =>
  action === ACTION_REBOOT || action === ACTION_POWER_OFF || action === ACTION_PANIC;

/** Target actions by number. */
export const TARGET_NONE = 0;
export const TARGET_INJECT = 1;
export const TARGET_RESET = 2;

/** A source event as the policy declares it. */
export interface SourceEvent {
  readonly action: number;
  /** Target subject, -1 if the event goes to the kernel only. */
  readonly target: number;
  /** Event number at the target, -1 for a pure handover. */
  readonly targetEvent: number;
  readonly handover: boolean;
  readonly ipi: boolean;
  readonly irq: number;
}

export interface TargetEvent {
  readonly action: number;
  readonly vector: number;
}

export interface Route {
  /** Subject that owns the interrupt, -1 if none does. */
  readonly subject: number;
  readonly vector: number;
  readonly level: boolean;
}

export interface Minor {
  readonly partition: number;
  /** 0 for none. */
  readonly barrier: number;
  /** Cycles from the start of the major frame. */
  readonly deadlineCycles: number;
}

/** What the policy declares about scheduling, events and interrupts, numbered; constants of the kernel model. */
export interface KernelConfig {
  readonly cpuCount: number;
  /** [cpu][major] */
  readonly plans: readonly (readonly (readonly Minor[])[])[];
  readonly periodsCycles: readonly number[];
  /** [major][barrier - 1] */
  readonly barrierSizes: readonly (readonly number[])[];
  readonly barrierCount: number;
  /** By partition id, entry 0 unused: group ids in order. */
  readonly partitionGroups: readonly (readonly number[])[];
  readonly partitionNames: readonly string[];
  /** By group id, entry 0 unused. */
  readonly groupPartition: readonly number[];
  readonly groupIndex: readonly number[];
  readonly initialSubject: readonly number[];
  readonly subjectNames: readonly string[];
  readonly subjectCpu: readonly number[];
  readonly subjectGroup: readonly number[];
  readonly resetRipLow: readonly number[];
  readonly resetRipHigh: readonly number[];
  /** [subject][0 .. 63] and [subject][0 .. 59] */
  readonly vmcalls: readonly (readonly SourceEvent[])[];
  readonly traps: readonly (readonly SourceEvent[])[];
  readonly targets: readonly (readonly TargetEvent[])[];
  /** By host vector. */
  readonly routes: readonly Route[];
  /** Highest redirection entry of the I/O APIC. */
  readonly lastLine: number;
  /** IRQs that reach a subject through the I/O APIC. */
  readonly lines: readonly number[];
  readonly timerUnitCycles: number;
  /** Most target events that one exit delivers: as many as a subject has event numbers. */
  readonly deliveriesPerExit: number;
  readonly xcr0Features: number;
  /** By subject: MSRs that are switched with it. */
  readonly storedMsrs: readonly (readonly number[])[];
  /** By CPU. */
  readonly apicIds: readonly number[];
  /** Crashes that the crash-audit page has room for. */
  readonly maxDumps: number;
}

const NO_EVENT: SourceEvent = { action: ACTION_NONE, target: -1, targetEvent: -1, handover: false, ipi: false, irq: 0 };
const PANIC: SourceEvent = { ...NO_EVENT, action: ACTION_PANIC };
const TRAP_COUNT = 60;
const EVENT_COUNT = 64;

const ACTION_NUMBERS: Readonly<Record<SourceAction['kind'], number>> = {
  subject_sleep: ACTION_SLEEP,
  subject_yield: ACTION_YIELD,
  system_reboot: ACTION_REBOOT,
  system_poweroff: ACTION_POWER_OFF,
  system_panic: ACTION_PANIC,
  unmask_irq: ACTION_UNMASK,
};

const actionNumber = (action: SourceAction | undefined): number => {
  if (action === undefined) return ACTION_NONE;
  return ACTION_NUMBERS[action.kind];
};

interface Endpoint {
  readonly subject: number;
  readonly event: number;
  readonly hasAction: boolean;
}

/** Targets of physical events by name. */
function endpoints(document: PolicyDocument): ReadonlyMap<string, Endpoint> {
  const found = new Map<string, Endpoint>();
  for (const subject of document.subjects) {
    for (const event of subject.targetEvents) {
      found.set(event.physical, { subject: subject.globalId, event: event.id, hasAction: event.action !== undefined });
    }
  }
  return found;
}

function sourceTable(
  document: PolicyDocument,
  subject: Subject,
  group: 'vmx_exit' | 'vmcall',
  targets: ReadonlyMap<string, Endpoint>,
): SourceEvent[] {
  const isTrap = group === 'vmx_exit';
  const table = Array.from({ length: isTrap ? TRAP_COUNT : EVENT_COUNT }, () => (isTrap ? PANIC : NO_EVENT));
  const modes = new Map(document.events.map(event => [event.name, event.mode]));
  for (const section of subject.sourceGroups) {
    if (section.name !== group) continue;
    for (const event of section.events) {
      const mode = modes.get(event.physical);
      const target = targets.get(event.physical);
      const isHandover = mode === 'switch';
      const isSilent = target === undefined || (isHandover && !target.hasAction);
      table[event.id] = {
        action: actionNumber(event.action),
        target: target?.subject ?? -1,
        targetEvent: isSilent ? -1 : target.event,
        handover: isHandover,
        ipi: mode === 'ipi',
        irq: event.action?.kind === 'unmask_irq' ? event.action.number : 0,
      };
    }
  }
  return table;
}

function targetTable(subject: Subject): TargetEvent[] {
  const table: TargetEvent[] = Array.from({ length: EVENT_COUNT }, () => ({ action: TARGET_NONE, vector: 0 }));
  for (const event of subject.targetEvents) {
    if (event.action?.kind === 'inject_interrupt')
      table[event.id] = { action: TARGET_INJECT, vector: event.action.vector };
    else if (event.action?.kind === 'reset') table[event.id] = { action: TARGET_RESET, vector: 0 };
  }
  return table;
}

/** Interrupts of assigned devices: host vector = IRQ + 32; PCI without MSI is level-triggered. */
function routes(document: PolicyDocument): Route[] {
  const table: Route[] = Array.from({ length: 256 }, () => ({ subject: -1, vector: 0, level: false }));
  for (const subject of document.subjects) {
    for (const logical of subject.devices) {
      const device = document.hardware.devices.find(candidate => candidate.name === logical.physical);
      for (const irq of logical.irqs) {
        const physical = device?.irqs.find(candidate => candidate.name === irq.physical);
        if (physical === undefined || irq.vector === undefined) continue;
        table[physical.number + 32] = {
          subject: subject.globalId,
          vector: irq.vector,
          level: device?.pci?.msi === false,
        };
      }
    }
  }
  return table;
}

const deviceOf = (document: PolicyDocument, name: string) =>
  document.hardware.devices.find(candidate => candidate.name === name);

/** IRQs of assigned devices that are not signalled by messages. */
function lines(document: PolicyDocument): number[] {
  const found = new Set<number>();
  for (const logical of document.subjects.flatMap(subject => subject.devices)) {
    const device = deviceOf(document, logical.physical);
    if (device?.pci?.msi === true) continue;
    for (const irq of logical.irqs) {
      const physical = device?.irqs.find(candidate => candidate.name === irq.physical);
      if (physical !== undefined) found.add(physical.number);
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** The kernel's I/O APIC says how many entries it has; the usual part has 24. */
function lastLine(document: PolicyDocument): number {
  for (const { physical } of document.kernel.devices) {
    const { capabilities = [] } = deviceOf(document, physical) ?? {};
    if (!capabilities.some(row => row.name === 'ioapic')) continue;
    const entries = Number(capabilities.find(row => row.name === 'max_redirection_entry')?.value);
    if (Number.isInteger(entries)) return entries;
  }
  return 23;
}

/** Numbers the declarations of a policy; derived from the document alone, apart from the implementation's kernel tables. */
export function kernelConfig(document: PolicyDocument): KernelConfig {
  const { scheduling, hardware } = document;
  const subjects = document.subjects.toSorted((a, b) => a.globalId - b.globalId);
  const subjectId = new Map(subjects.map(subject => [subject.name, subject.globalId]));
  const cyclesPerTick = Math.floor((hardware.processor.speedKhz * 1000) / scheduling.tickRateHz);
  const partitionId = new Map(scheduling.partitions.map(partition => [partition.name, partition.id]));
  const targets = endpoints(document);
  const groups = scheduling.partitions.flatMap(partition =>
    partition.groups.map((group, index) => ({ group, index, partition: partition.id })),
  );
  const byGroup = <T>(unused: T, pick: (row: (typeof groups)[number]) => T): T[] => {
    const table: T[] = [unused];
    for (const row of groups) table[row.group.id] = pick(row);
    return table;
  };
  const byPartition = <T>(unused: T, pick: (partition: (typeof scheduling.partitions)[number]) => T): T[] => {
    const table: T[] = [unused];
    for (const partition of scheduling.partitions) table[partition.id] = pick(partition);
    return table;
  };
  const cpuIds = (scheduling.majorFrames[0]?.cpus ?? []).map((_, index) => index);
  const plans = cpuIds.map(cpu =>
    scheduling.majorFrames.map(frame => {
      let ticks = 0;
      return (frame.cpus.find(entry => entry.id === cpu)?.minorFrames ?? []).map((minor): Minor => {
        ticks += minor.ticks;
        return {
          partition: partitionId.get(minor.partition) ?? 0,
          barrier: minor.barrier === 'none' ? 0 : minor.barrier,
          deadlineCycles: ticks * cyclesPerTick,
        };
      });
    }),
  );
  const barrierCount = Math.max(
    0,
    ...scheduling.majorFrames.flatMap(frame => frame.barriers.map(barrier => barrier.id)),
  );
  const xsave = hardware.processor.cpuid.find(row => row.leaf === 0xd && row.subleaf === 0);
  return {
    cpuCount: cpuIds.length,
    plans,
    periodsCycles: scheduling.majorFrames.map((_, major) => plans[0]?.[major]?.at(-1)?.deadlineCycles ?? 0),
    barrierSizes: scheduling.majorFrames.map(frame =>
      Array.from(
        { length: barrierCount },
        (_, index) => frame.barriers.find(barrier => barrier.id === index + 1)?.size ?? 1,
      ),
    ),
    barrierCount,
    partitionGroups: byPartition<readonly number[]>([], partition => partition.groups.map(group => group.id)),
    partitionNames: byPartition('none', partition => partition.name),
    groupPartition: byGroup(0, row => row.partition),
    groupIndex: byGroup(0, row => row.index),
    initialSubject: byGroup(0, row => subjectId.get(row.group.subjects[0]?.name ?? '') ?? 0),
    subjectNames: subjects.map(subject => subject.name),
    subjectCpu: subjects.map(subject => subject.cpu),
    subjectGroup: subjects.map(subject => subject.schedGroupId),
    resetRipLow: subjects.map(subject => lowOfBig(subject.vcpu.gpr.rip ?? 0n)),
    resetRipHigh: subjects.map(subject => highOfBig(subject.vcpu.gpr.rip ?? 0n)),
    vmcalls: subjects.map(subject => sourceTable(document, subject, 'vmcall', targets)),
    traps: subjects.map(subject => sourceTable(document, subject, 'vmx_exit', targets)),
    targets: subjects.map(targetTable),
    routes: routes(document),
    lastLine: lastLine(document),
    lines: lines(document),
    timerUnitCycles: 2 ** hardware.processor.vmxTimerRate,
    deliveriesPerExit: EVENT_COUNT,
    storedMsrs: subjects.map(storedMsrs),
    maxDumps: 3,
    apicIds: cpuIds.map(cpu => hardware.processor.cpus.find(row => row.cpuId === cpu)?.apicId ?? 0),
    xcr0Features: ((xsave?.eax ?? 3) & 0b1110_0111) | 1,
  };
}
