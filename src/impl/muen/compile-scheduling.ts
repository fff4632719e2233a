import type { PolicyDocument } from '../../policy/document.ts';
import type { Finding } from '../../policy/finding.ts';
import type { GroupSpec, KernelTables, MajorFrameSpec, MinorFrameSpec, PartitionSpec } from './tables.ts';

/** Scheduling plans, partitions and groups of the kernel tables. */
export type SchedulingTables = Pick<
  KernelTables,
  'cpuCount' | 'partitions' | 'groups' | 'plans' | 'majorFrames' | 'barrierCount'
>;

const NO_PARTITION: PartitionSpec = { id: 0, name: '', cpu: 0, groups: [] };
const NO_GROUP_SPEC: GroupSpec = { id: 0, partition: 0, index: 0, initialSubject: 0 };

/** Deadlines in cycles: cumulative ticks times (processor frequency / tick rate), rounded down once per tick. */
export function compileScheduling(document: PolicyDocument, findings: Finding[]): SchedulingTables {
  const { scheduling, hardware, subjects } = document;
  const cyclesPerTick = Math.floor((hardware.processor.speedKhz * 1000) / scheduling.tickRateHz);
  const idOf = new Map(subjects.map(subject => [subject.name, subject.globalId]));
  const partitionIds = new Map(scheduling.partitions.map(partition => [partition.name, partition.id]));
  const partitions: PartitionSpec[] = [NO_PARTITION];
  const groups: GroupSpec[] = [NO_GROUP_SPEC];
  for (const partition of scheduling.partitions) {
    partitions[partition.id] = {
      id: partition.id,
      name: partition.name,
      cpu: partition.cpu,
      groups: partition.groups.map(group => group.id),
    };
    partition.groups.forEach((group, index) => {
      groups[group.id] = {
        id: group.id,
        partition: partition.id,
        index,
        initialSubject: idOf.get(group.subjects[0]?.name ?? '') ?? 0,
      };
    });
  }
  const barrierCount = Math.max(
    0,
    ...scheduling.majorFrames.flatMap(frame => frame.barriers.map(barrier => barrier.id)),
  );
  const cpuCount = scheduling.majorFrames[0]?.cpus.length ?? 0;
  const plans: MinorFrameSpec[][][] = Array.from({ length: cpuCount }, () => []);
  const majorFrames: MajorFrameSpec[] = [];
  scheduling.majorFrames.forEach((frame, major) => {
    for (const cpu of frame.cpus) {
      let ticks = 0;
      const minors = cpu.minorFrames.map((minor): MinorFrameSpec => {
        ticks += minor.ticks;
        return {
          partition: partitionIds.get(minor.partition) ?? 0,
          barrier: minor.barrier === 'none' ? 0 : minor.barrier,
          deadlineCycles: ticks * cyclesPerTick,
        };
      });
      const plan = plans[cpu.id];
      if (plan === undefined) {
        findings.push({
          code: 'COMPILE-CPU',
          severity: 'error',
          message: `major frame ${major} schedules CPU ${cpu.id}, but there are ${cpuCount} CPUs`,
          line: cpu.at.line,
          column: cpu.at.column,
          hint: 'number the CPUs of every major frame from 0',
        });
        continue;
      }
      plan[major] = minors;
    }
    const first = plans[0]?.[major];
    const sizes = Array.from(
      { length: barrierCount },
      (_, index) => frame.barriers.find(barrier => barrier.id === index + 1)?.size ?? 1,
    );
    majorFrames[major] = { periodCycles: first?.[first.length - 1]?.deadlineCycles ?? 0, barrierSizes: sizes };
  });
  return { cpuCount, partitions, groups, plans, majorFrames, barrierCount };
}
