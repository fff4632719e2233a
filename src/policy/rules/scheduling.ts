import type { MajorFrame, MinorFrame } from '../document.ts';
import { placeOf } from '../finding.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';

const sum = (frames: readonly MinorFrame[]): number => frames.reduce((total, frame) => total + frame.ticks, 0);

/** TSC cycles per tick, as the table generator computes them: integer division. */
const cyclesPerTick = ({ document: { hardware, scheduling } }: PolicyIndex): number =>
  Math.floor((hardware.processor.speedKhz * 1000) / scheduling.tickRateHz);

function checkFrameCpus({ document: { scheduling } }: PolicyIndex, visit: Visit): void {
  const cpusOf = (frame: MajorFrame): string =>
    frame.cpus
      .map(cpu => cpu.id)
      .sort((a, b) => a - b)
      .join(', ')
      .slice(0, 80);
  const first = scheduling.majorFrames[0];
  if (first === undefined) return;
  const expected = cpusOf(first);
  for (const frame of scheduling.majorFrames) {
    visit.examined();
    const cpus = cpusOf(frame);
    if (new Set(frame.cpus.map(cpu => cpu.id)).size !== frame.cpus.length) {
      visit.report(frame, `a CPU stands twice in the major frame: ${cpus}`, 'Give each CPU once.');
    }
    if (cpus !== expected || frame.cpus.length !== first.cpus.length) {
      const message = `the major frame has ${frame.cpus.length} CPUs (${cpus}), the first one has ${first.cpus.length} (${expected})`;
      visit.report(frame, message, 'Schedule the same CPUs in every major frame.');
    }
  }
}

function checkTicks({ document: { scheduling } }: PolicyIndex, visit: Visit): void {
  for (const frame of scheduling.majorFrames) {
    const first = frame.cpus[0];
    if (first === undefined) continue;
    const expected = sum(first.minorFrames);
    for (const cpu of frame.cpus) {
      visit.examined();
      const ticks = sum(cpu.minorFrames);
      if (ticks !== expected) {
        const message = `CPU ${cpu.id} has ${ticks} ticks in the major frame of ${placeOf(frame)}, CPU ${first.id} has ${expected}`;
        visit.report(cpu, message, 'Give all CPUs of a major frame the same sum of ticks.');
      }
    }
  }
}

function checkAffinity({ document: { scheduling }, partitions }: PolicyIndex, visit: Visit): void {
  const scheduled = new Set<string>();
  for (const frame of scheduling.majorFrames) {
    for (const cpu of frame.cpus) {
      for (const minor of cpu.minorFrames) {
        visit.examined();
        scheduled.add(minor.partition);
        const partition = partitions.get(minor.partition);
        if (partition !== undefined && partition.cpu !== cpu.id) {
          const message = `partition '${partition.name}' of CPU ${partition.cpu} is scheduled on CPU ${cpu.id}`;
          visit.report(minor, message, 'A partition runs on one CPU only.');
        }
      }
    }
  }
  for (const partition of scheduling.partitions) {
    if (!scheduled.has(partition.name)) {
      visit.report(
        partition,
        `partition '${partition.name}' is in no minor frame`,
        'Schedule it or remove it with its subjects.',
      );
    }
  }
}

function checkAssignment({ document }: PolicyIndex, visit: Visit): void {
  const first = new Map<string, number>();
  for (const partition of document.scheduling.partitions) {
    for (const group of partition.groups) {
      for (const member of group.subjects) {
        visit.examined();
        const earlier = first.get(member.name);
        if (earlier === undefined) first.set(member.name, group.id);
        else {
          const message = `subject '${member.name}' is in the scheduling groups ${earlier} and ${group.id}`;
          visit.report(member, message, 'Keep it in one group.');
        }
      }
    }
  }
}

function checkSubjectCpus({ document, subjects }: PolicyIndex, visit: Visit): void {
  for (const { name, cpu, groups } of document.scheduling.partitions) {
    for (const member of groups.flatMap(group => group.subjects)) {
      const subject = subjects.get(member.name);
      if (subject === undefined) continue;
      visit.examined();
      if (subject.cpu === cpu) continue;
      const message = `subject '${subject.name}' has cpu ${subject.cpu}, its partition '${name}' has cpu ${cpu}`;
      visit.report(subject, message, 'Use the CPU of the partition.');
    }
  }
}

/** Members of a group that switch events reach from its first subject without leaving the group. */
function reachable({ events, targets, subjects }: PolicyIndex, members: readonly string[]): ReadonlySet<string> {
  const inGroup = new Set(members);
  const open = members.slice(0, 1);
  const seen = new Set(open);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const sources = subjects.get(name)?.sourceGroups.flatMap(group => group.events) ?? [];
    for (const { physical } of sources) {
      if (events.get(physical)?.mode !== 'switch') continue;
      const target = targets.get(physical)?.[0]?.subject.name;
      if (target === undefined || seen.has(target) || !inGroup.has(target)) continue;
      seen.add(target);
      open.push(target);
    }
  }
  return seen;
}

function checkRunnable(index: PolicyIndex, visit: Visit): void {
  for (const partition of index.document.scheduling.partitions) {
    for (const group of partition.groups) {
      const initial = group.subjects[0];
      if (initial === undefined) continue;
      const runnable = reachable(
        index,
        group.subjects.map(member => member.name),
      );
      for (const member of group.subjects) {
        visit.examined();
        // A subject that does not exist is reported by SCHED-REFERENCE.
        if (!runnable.has(member.name) && index.subjects.has(member.name)) {
          const message = `subject '${member.name}' of scheduling group ${group.id} is not reached by switch events from '${initial.name}'`;
          visit.report(member, message, 'It never runs: add a switch event or give it its own group.');
        }
      }
    }
  }
}

function checkTime(index: PolicyIndex, visit: Visit): void {
  const { scheduling, hardware } = index.document;
  const factor = cyclesPerTick(index);
  visit.examined();
  if (factor === 0) {
    const message = `a tick of ${scheduling.tickRateHz} Hz has 0 cycles of a ${hardware.processor.speedKhz} kHz TSC`;
    visit.report(scheduling, message, 'Lower tickRate or correct the processor speed.');
  }
  for (const frame of scheduling.majorFrames) {
    for (const cpu of frame.cpus) {
      const cycles = sum(cpu.minorFrames) * factor;
      if (!Number.isSafeInteger(cycles)) {
        visit.report(
          cpu,
          `the major frame has ${cycles} cycles on CPU ${cpu.id}, expected less than 2^53`,
          'Use fewer ticks.',
        );
      }
    }
  }
}

function checkTimer(index: PolicyIndex, visit: Visit): void {
  const { vmxTimerRate } = index.document.hardware.processor;
  const factor = cyclesPerTick(index);
  for (const frame of index.document.scheduling.majorFrames) {
    for (const cpu of frame.cpus) {
      for (const minor of cpu.minorFrames) {
        visit.examined();
        const count = Math.floor((minor.ticks * factor) / 2 ** vmxTimerRate);
        if (count >= 2 ** 32) {
          const message = `the minor frame needs the VMX-preemption timer value ${count}, which has more than 32 bits`;
          visit.report(minor, message, 'The frame would end early; split it into shorter frames.');
        } else if (count === 0 && factor > 0) {
          const message = `the minor frame has ${minor.ticks * factor} cycles, less than one count of the VMX-preemption timer (2^${vmxTimerRate} cycles)`;
          visit.report(minor, message, 'The frame would end at once; give it more ticks.');
        }
      }
    }
  }
}

type Row = readonly [string, string, string, (index: PolicyIndex, visit: Visit) => void];
/** Rows of this file: code, check of the real validator, title, body. */
const ROWS: readonly Row[] = [
  ['SCHED-CPUS', 'CPU_Element_Count', 'Validate that each major frame has the same CPUs, each once.', checkFrameCpus],
  [
    'SCHED-TICKS',
    'Major_Frame_Ticks',
    'Validate that all CPUs of a major frame have the same sum of ticks.',
    checkTicks,
  ],
  [
    'SCHED-AFFINITY',
    'Partition_CPU_Affinity',
    'Validate that partitions are scheduled, and only on their own CPU.',
    checkAffinity,
  ],
  [
    'SCHED-SUBJECT-CPU',
    'Subject_CPU_Affinity',
    'Validate that subjects have the CPU of their scheduling partition.',
    checkSubjectCpus,
  ],
  [
    'SCHED-ASSIGNMENT',
    'Subject_Scheduling_Group_Assignment',
    'Validate that subjects are in one scheduling group only.',
    checkAssignment,
  ],
  [
    'SCHED-RUNNABLE',
    'Subject_Scheduling_Group_Runnability',
    'Validate that switch events reach all subjects of a scheduling group.',
    checkRunnable,
  ],
];

/** Rules about partitions, groups and frames. */
export const SCHEDULING_RULES: readonly Rule[] = [
  ...ROWS.map(([code, name, title, body]) =>
    validatorRule({ code, area: 'scheduling', title, validator: `scheduling.${name}` }, body),
  ),
  rule(
    {
      code: 'SCHED-TIME',
      area: 'scheduling',
      title: 'Validate that ticks and major frames have a positive, exact number of cycles.',
      severity: 'error',
    },
    checkTime,
  ),
  rule(
    {
      code: 'SCHED-TIMER',
      area: 'scheduling',
      title: 'Validate that the VMX-preemption timer can count every minor frame.',
      severity: 'warning',
    },
    checkTimer,
  ),
];
