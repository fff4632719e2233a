import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../../src/impl/muen/boot.ts';
import { earliestTimer, nextTimer, previousTimer } from '../../../src/impl/muen/scheduling-state.ts';
import { insertTimer, isListed, removeTimer } from '../../../src/impl/muen/timer-list.ts';
import type { System } from '../../../src/impl/system.ts';
import { boot, sceneDocument } from './kernel-bench.ts';

/** A kernel whose first partition has the groups 1 .. 4. */
const fourGroups = (): System => boot(sceneDocument({ cpus: [[[['a'], ['b'], ['c'], ['d']]], [[['idle']]]] }));
const PARTITION = 1;

/** The list as the links say it, forwards; the links backwards must agree. */
function listed({ kernel }: System): number[] {
  const groups: number[] = [];
  let before = 0;
  for (let group = earliestTimer(kernel, 0, PARTITION); group !== 0; group = nextTimer(kernel, 0, group)) {
    expect(previousTimer(kernel, 0, group)).toBe(before);
    expect(groups).not.toContain(group);
    groups.push(group);
    before = group;
  }
  return groups;
}

function insert(system: System, ...rows: readonly (readonly [group: number, low: number, high?: number])[]): void {
  for (const [group, low, high = 0] of rows) insertTimer(system.kernel, system.cpus[0]!, PARTITION, group, low, high);
}
const remove = (system: System, group: number): void => removeTimer(system.kernel, system.cpus[0]!, PARTITION, group);

describe('timer list', () => {
  it('starts empty', () => {
    const system = fourGroups();
    expect(listed(system)).toEqual([]);
    expect(isListed(system.kernel, system.cpus[0]!, PARTITION, 1)).toBe(false);
  });

  it('keeps groups in ascending order of timeouts, whatever the order of insertion', () => {
    const system = fourGroups();
    insert(system, [1, 30], [2, 10], [3, 40], [4, 20]);
    expect(listed(system)).toEqual([2, 4, 1, 3]);
  });

  it('puts a group behind those with the same timeout', () => {
    const system = fourGroups();
    insert(system, [3, 5], [1, 5], [4, 5], [2, 5]);
    expect(listed(system)).toEqual([3, 1, 4, 2]);
  });

  it('compares all 64 bits, unsigned', () => {
    const system = fourGroups();
    insert(system, [1, 0xffff_ffff, 0xffff_ffff], [2, 0xffff_ffff, 0], [3, 0, 1], [4, 0x8000_0000, 0]);
    expect(listed(system)).toEqual([4, 2, 3, 1]);
  });

  it('removes from the front, the middle and the end, and takes groups again', () => {
    const system = fourGroups();
    insert(system, [1, 1], [2, 2], [3, 3], [4, 4]);
    remove(system, 2);
    expect(listed(system)).toEqual([1, 3, 4]);
    remove(system, 4);
    expect(listed(system)).toEqual([1, 3]);
    remove(system, 1);
    expect(listed(system)).toEqual([3]);
    insert(system, [1, 9], [4, 0]);
    expect(listed(system)).toEqual([4, 3, 1]);
    for (const group of [3, 4, 1]) remove(system, group);
    expect(listed(system)).toEqual([]);
  });

  it('knows its members, the only one included', () => {
    const system = fourGroups();
    const members = (): number[] =>
      [1, 2, 3, 4].filter(group => isListed(system.kernel, system.cpus[0]!, PARTITION, group));
    insert(system, [2, 7]);
    expect(members()).toEqual([2]);
    insert(system, [3, 9], [1, 1]);
    expect(members()).toEqual([1, 2, 3]);
    remove(system, 1);
    expect(members()).toEqual([2, 3]);
  });

  it('gives up every group that is due, not only the first (Muen 7884de56a)', () => {
    const system = fourGroups();
    const cpu = system.cpus[0]!;
    const now = cpu.tsc;
    insert(system, [1, now], [2, now - 1], [3, now + 1], [4, now]);
    runToEnd(system.kernel.ops.updateTimerList(system.kernel, cpu, PARTITION));
    expect(listed(system)).toEqual([3]);
  });
});
