import type { Workspace } from '../workspace.ts';
import { setAttribute } from './regions.ts';

/** Gives every processor without a CPU id the lowest free one, in order. */
export function addCpuIds(workspace: Workspace): void {
  const cpus = workspace.all('hardware/processor/cpu');
  const taken = new Set(cpus.map(cpu => cpu.attributes.cpuId));
  let next = 0;
  for (const cpu of cpus) {
    if (cpu.attributes.cpuId !== undefined) continue;
    while (taken.has(String(next))) next += 1;
    setAttribute(cpu, 'cpuId', String(next));
    next += 1;
  }
}

/** Number of CPUs that the scheduling plan uses. */
export function activeCpuCount(workspace: Workspace): number {
  const counts = workspace
    .all('scheduling/majorFrame')
    .map(frame => frame.children.filter(({ name }) => name === 'cpu').length);
  return counts.reduce((most, count) => Math.max(most, count), 0);
}
