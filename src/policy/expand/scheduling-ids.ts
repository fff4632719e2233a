import { childrenNamed, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { setAttribute } from './regions.ts';
import { nameOf } from './subjects.ts';

export const partitionsOf = (workspace: Workspace): TreeElement[] => workspace.all('scheduling/partitions/partition');

/** Numbers the scheduling partitions from 1. */
export function addPartitionIds(workspace: Workspace): void {
  partitionsOf(workspace).forEach((partition, index) => {
    setAttribute(partition, 'id', String(index + 1));
  });
}

/** Numbers the scheduling groups from 1, across partitions. */
export function addGroupIds(workspace: Workspace): void {
  partitionsOf(workspace)
    .flatMap(partition => childrenNamed(partition, 'group'))
    .forEach((group, index) => {
      setAttribute(group, 'id', String(index + 1));
    });
}

/** Gives each partition the CPU of the first minor frame that names it. */
export function addPartitionCpus(workspace: Workspace): void {
  const cpus = new Map<string, string>();
  for (const cpu of workspace.all('scheduling/majorFrame/cpu')) {
    for (const frame of childrenNamed(cpu, 'minorFrame')) {
      const partition = frame.attributes.partition ?? '';
      if (!cpus.has(partition)) cpus.set(partition, cpu.attributes.id ?? '');
    }
  }
  for (const partition of partitionsOf(workspace)) {
    const cpu = cpus.get(nameOf(partition));
    if (cpu === undefined) {
      const message = `scheduling partition '${nameOf(partition)}' has no minor frame`;
      workspace.refuse(partition, 'EXPAND-PARTITION-CPU', message, 'Add a minor frame for it, or remove it.');
    }
    setAttribute(partition, 'cpu', cpu);
  }
}

/** Partition and group in which each subject is scheduled, by its name; the first counts. */
export function placesOf(
  workspace: Workspace,
): ReadonlyMap<string, { readonly partition: TreeElement; readonly group: TreeElement }> {
  const places = new Map<string, { partition: TreeElement; group: TreeElement }>();
  for (const partition of partitionsOf(workspace)) {
    for (const group of childrenNamed(partition, 'group')) {
      for (const subject of childrenNamed(group, 'subject')) {
        if (!places.has(nameOf(subject))) places.set(nameOf(subject), { partition, group });
      }
    }
  }
  return places;
}
