import type { CpuId, GroupId, PartitionId, SubjectId } from '../../units/ids.ts';
import { highWord, joinWords, lowWord } from '../../units/word.ts';
import type { Cpu } from '../cpu.ts';
import type { Kernel } from './kernel-context.ts';
import {
  DATA_CURRENT_XCR0,
  DATA_MINOR_FRAME,
  GLOBAL_MAJOR_FRAME,
  GLOBAL_MAJOR_START,
  GROUP_WORDS,
  PARTITION_WORDS,
  readBss,
  writeBss,
} from './kernel-memory.ts';

/** Accessors of the scheduler's variables in the kernel's global and CPU-local pages. */

const partitionWord = (partition: PartitionId, field: number): number => PARTITION_WORDS * partition + field;
const groupWord = (kernel: Kernel, group: GroupId, field: number): number =>
  kernel.at.groupBase + GROUP_WORDS * group + field;

const get = (kernel: Kernel, cpu: CpuId, word: number): number =>
  readBss(kernel.memory, kernel.at.bssSlots[cpu]!, word);
const set = (kernel: Kernel, cpu: CpuId, word: number, value: number): void =>
  writeBss(kernel.memory, kernel.at.bssSlots[cpu]!, word, value);

export const currentMajorFrame = (kernel: Kernel): number =>
  kernel.memory.readWord(kernel.at.globalSlot, GLOBAL_MAJOR_FRAME);

export const majorFrameStart = (kernel: Kernel): number =>
  joinWords(
    kernel.memory.readWord(kernel.at.globalSlot, GLOBAL_MAJOR_START),
    kernel.memory.readWord(kernel.at.globalSlot, GLOBAL_MAJOR_START + 1),
  );

export function setMajorFrame(kernel: Kernel, major: number, startTsc: number): void {
  kernel.memory.writeWord(kernel.at.globalSlot, GLOBAL_MAJOR_FRAME, major);
  kernel.memory.writeWord(kernel.at.globalSlot, GLOBAL_MAJOR_START, lowWord(startTsc));
  kernel.memory.writeWord(kernel.at.globalSlot, GLOBAL_MAJOR_START + 1, highWord(startTsc));
}

/** Current minor frame of a CPU, 1-based. */
export const currentMinorFrame = (kernel: Kernel, cpu: CpuId): number =>
  kernel.memory.readWord(kernel.at.dataSlots[cpu]!, DATA_MINOR_FRAME);

export function setMinorFrame(kernel: Kernel, cpu: CpuId, minor: number): void {
  kernel.memory.writeWord(kernel.at.dataSlots[cpu]!, DATA_MINOR_FRAME, minor);
}

/** Variables of a CPU as the kernel's elaboration leaves them, whatever its memory held before. */
export function clearLocalState(kernel: Kernel, cpu: CpuId): void {
  const words = kernel.at.groupBase + GROUP_WORDS * kernel.tables.groups.length;
  for (let word = 0; word < words; word++) set(kernel, cpu, word, 0);
  setCurrentXcr0(kernel, cpu, 0);
}

/** XCR0 that the kernel last wrote on a CPU (Muen Current_XCR0). */
export const currentXcr0 = (kernel: Kernel, cpu: CpuId): number =>
  kernel.memory.readWord(kernel.at.dataSlots[cpu]!, DATA_CURRENT_XCR0);

export function setCurrentXcr0(kernel: Kernel, cpu: CpuId, value: number): void {
  kernel.memory.writeWord(kernel.at.dataSlots[cpu]!, DATA_CURRENT_XCR0, value);
}

export const activeGroupIndex = (kernel: Kernel, cpu: CpuId, partition: PartitionId): number =>
  get(kernel, cpu, partitionWord(partition, 0));
export const setActiveGroupIndex = (kernel: Kernel, cpu: CpuId, partition: PartitionId, index: number): void =>
  set(kernel, cpu, partitionWord(partition, 0), index);

/** Head of the partition's timer list: the group with the earliest timeout, 0 if none. */
export const earliestTimer = (kernel: Kernel, cpu: CpuId, partition: PartitionId): GroupId =>
  get(kernel, cpu, partitionWord(partition, 1));
export const setEarliestTimer = (kernel: Kernel, cpu: CpuId, partition: PartitionId, group: GroupId): void =>
  set(kernel, cpu, partitionWord(partition, 1), group);

export const isSleeping = (kernel: Kernel, cpu: CpuId, partition: PartitionId): boolean =>
  get(kernel, cpu, partitionWord(partition, 2)) !== 0;
export const setSleeping = (kernel: Kernel, cpu: CpuId, partition: PartitionId, sleeping: boolean): void =>
  set(kernel, cpu, partitionWord(partition, 2), sleeping ? 1 : 0);

export const activeSubject = (kernel: Kernel, cpu: CpuId, group: GroupId): SubjectId =>
  get(kernel, cpu, groupWord(kernel, group, 0));
export const setActiveSubject = (kernel: Kernel, cpu: CpuId, group: GroupId, subject: SubjectId): void =>
  set(kernel, cpu, groupWord(kernel, group, 0), subject);

export const nextTimer = (kernel: Kernel, cpu: CpuId, group: GroupId): GroupId =>
  get(kernel, cpu, groupWord(kernel, group, 1));
export const setNextTimer = (kernel: Kernel, cpu: CpuId, group: GroupId, next: GroupId): void =>
  set(kernel, cpu, groupWord(kernel, group, 1), next);
export const previousTimer = (kernel: Kernel, cpu: CpuId, group: GroupId): GroupId =>
  get(kernel, cpu, groupWord(kernel, group, 2));
export const setPreviousTimer = (kernel: Kernel, cpu: CpuId, group: GroupId, previous: GroupId): void =>
  set(kernel, cpu, groupWord(kernel, group, 2), previous);

export const timeoutLow = (kernel: Kernel, cpu: CpuId, group: GroupId): number =>
  get(kernel, cpu, groupWord(kernel, group, 4));
export const timeoutHigh = (kernel: Kernel, cpu: CpuId, group: GroupId): number =>
  get(kernel, cpu, groupWord(kernel, group, 5));
export function setTimeout64(kernel: Kernel, cpu: CpuId, group: GroupId, low: number, high: number): void {
  set(kernel, cpu, groupWord(kernel, group, 4), low);
  set(kernel, cpu, groupWord(kernel, group, 5), high);
}

/** Partition that the plan gives the CPU in the current minor frame. */
export function currentPartition(kernel: Kernel, cpu: Cpu): PartitionId {
  return kernel.tables.plans[cpu.id]![currentMajorFrame(kernel)]![currentMinorFrame(kernel, cpu.id) - 1]!.partition;
}

/** Group at a position of a partition. */
export const groupAt = (kernel: Kernel, partition: PartitionId, index: number): GroupId =>
  kernel.tables.partitions[partition]!.groups[index]!;

/** Subject that the CPU runs: active subject of the active group of the current partition. */
export function currentSubject(kernel: Kernel, cpu: Cpu): SubjectId {
  const partition = currentPartition(kernel, cpu);
  return activeSubject(kernel, cpu.id, groupAt(kernel, partition, activeGroupIndex(kernel, cpu.id, partition)));
}
