import type { GroupId, PartitionId } from '../../units/ids.ts';
import { lessOrEqual64 } from '../../units/word.ts';
import type { Cpu } from '../cpu.ts';
import type { Kernel } from './kernel-context.ts';
import {
  earliestTimer,
  nextTimer,
  previousTimer,
  setEarliestTimer,
  setNextTimer,
  setPreviousTimer,
  setTimeout64,
  timeoutHigh,
  timeoutLow,
} from './scheduling-state.ts';

/** Timer list of a partition: inactive groups, doubly linked, ascending by timeout (Muen SK.Scheduler, timer list). */

/** A group is listed if it is the head or has a predecessor. */
export function isListed(kernel: Kernel, cpu: Cpu, partition: PartitionId, group: GroupId): boolean {
  return earliestTimer(kernel, cpu.id, partition) === group || previousTimer(kernel, cpu.id, group) !== 0;
}

/** Inserts an unlisted group after all entries whose timeout is not later. */
export function insertTimer(
  kernel: Kernel,
  cpu: Cpu,
  partition: PartitionId,
  group: GroupId,
  low: number,
  high: number,
): void {
  setTimeout64(kernel, cpu.id, group, low, high);
  let before = 0;
  let after = earliestTimer(kernel, cpu.id, partition);
  for (let walked = 0; after !== 0 && walked < kernel.tables.groups.length; walked++) {
    if (!lessOrEqual64(timeoutLow(kernel, cpu.id, after), timeoutHigh(kernel, cpu.id, after), low, high)) break;
    before = after;
    after = nextTimer(kernel, cpu.id, after);
  }
  setNextTimer(kernel, cpu.id, group, after);
  setPreviousTimer(kernel, cpu.id, group, before);
  if (after !== 0) setPreviousTimer(kernel, cpu.id, after, group);
  if (before === 0) setEarliestTimer(kernel, cpu.id, partition, group);
  else setNextTimer(kernel, cpu.id, before, group);
}

/** Removes a listed group. */
export function removeTimer(kernel: Kernel, cpu: Cpu, partition: PartitionId, group: GroupId): void {
  const before = previousTimer(kernel, cpu.id, group);
  const after = nextTimer(kernel, cpu.id, group);
  if (before === 0) setEarliestTimer(kernel, cpu.id, partition, after);
  else setNextTimer(kernel, cpu.id, before, after);
  if (after !== 0) setPreviousTimer(kernel, cpu.id, after, before);
  setNextTimer(kernel, cpu.id, group, 0);
  setPreviousTimer(kernel, cpu.id, group, 0);
}
