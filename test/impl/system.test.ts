import { describe, expect, it } from 'vitest';
import { systemDigest } from '../../src/impl/create-system.ts';
import type { System } from '../../src/impl/system.ts';
import type { Interleaving } from '../../src/units/schedule.ts';
import {
  boot,
  callEvent,
  type Input,
  type Log,
  nop,
  repeat,
  run,
  type Scene,
  SLEEP,
  sceneDocument,
  stateWord,
  sti,
  vmcall,
  YIELD,
} from './muen/kernel-bench.ts';

const scene: Scene = {
  cpus: [
    [[['a'], ['b']], [['c']]],
    [[['r']], [['s']]],
  ],
  events: [
    callEvent('ipi', 'r', 1, 'a', { action: { kind: 'inject_interrupt', vector: 40 } }),
    callEvent('async', 'a', 2, 'r', { action: { kind: 'inject_interrupt', vector: 41 } }),
  ],
};
const system = (): System => boot(sceneDocument(scene));

const busy: Input = {
  ticks: 40,
  programs: {
    a: [sti, vmcall(2), vmcall(YIELD), vmcall(SLEEP), ...repeat(20, nop)],
    b: [vmcall(YIELD), { kind: 'write', address: 0x1000, sizeBytes: 4, low: 9, high: 0 }],
    r: [sti, ...repeat(30, nop), vmcall(1), vmcall(SLEEP), nop],
  },
  interrupts: [{ cpu: 1, tsc: 300_000, vector: 200 }],
};

describe('a run', () => {
  it('is determined by its inputs: two systems agree after every entry', () => {
    const left = run(system(), busy);
    const right = run(system(), busy);
    expect(left.digests.length).toBeGreaterThan(20);
    expect(right.digests).toEqual(left.digests);
    expect(right.entries).toEqual(left.entries);
  });

  it('repeats on one system after it was put back', () => {
    const target = system();
    const processors = target.snapshot();
    const memory = target.memory.snapshot();
    const start = systemDigest(target);
    const first = run(target, busy);
    expect(systemDigest(target)).not.toBe(start);
    target.restore(processors);
    target.memory.restore(memory);
    const again = run(target, busy);
    expect(again.digests).toEqual(first.digests);
  });

  it('differs where the inputs do, and from there on', () => {
    const same = run(system(), busy);
    const program = [...(busy.programs?.b ?? [])];
    program[1] = { kind: 'write', address: 0x1000, sizeBytes: 4, low: 8, high: 0 };
    const other = run(system(), { ...busy, programs: { ...busy.programs, b: program } });
    const first = same.digests.findIndex((digest, index) => digest !== other.digests[index]);
    expect(first).toBeGreaterThan(0);
    expect(same.digests.slice(first).filter((digest, index) => digest === other.digests[first + index])).toEqual([]);
  });

  it('never goes back in time on a CPU', () => {
    const { entries } = run(system(), busy);
    for (const cpu of [0, 1]) {
      const times = entries.filter(entry => entry.cpu === cpu).map(({ tsc }) => tsc);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
  });
});

/** Both CPUs raise an event at the same time: three accesses each, which are told apart by their CPU. */
const crossing: Scene = {
  cpus: [[[['a']]], [[['r']]]],
  events: [callEvent('async', 'a', 1, 'r', { id: 3 }), callEvent('async', 'r', 1, 'a', { id: 4 })],
};
const accesses = (log: Log): string[] =>
  log.entries.filter(({ text }) => /^(pending|activity)/.test(text)).map(({ cpu, text }) => `${cpu} ${text}`);
const cross = (interleavings: readonly Interleaving[]): Log =>
  run(boot(sceneDocument(crossing)), { ticks: 1, programs: { a: [vmcall(1)], r: [vmcall(1)] }, interleavings });

describe('interleavings', () => {
  it('by default a kernel runs from exit to entry', () => {
    expect(
      accesses(cross([]))
        .map(text => text[0])
        .join(''),
    ).toMatch(/^(0+1+)$/);
  });

  it('let another CPU proceed at a point: A1 B1 A2 B2', () => {
    const turns = Array.from({ length: 6 }, (_, point) => ({ point, cpu: (point + 1) % 2 }));
    expect(accesses(cross(turns)).slice(0, 6)).toEqual([
      '0 pendingSet',
      '1 pendingSet',
      '0 activitySet',
      '1 activitySet',
      '0 pendingConsume',
      '1 pendingConsume',
    ]);
  });

  it('reach every order of two accesses on each side', () => {
    const orders = new Set<string>();
    for (let choice = 0; choice < 16; choice++) {
      // At the first four points, whoever stands there goes on or lets the other CPU go first.
      const turns = [0, 1, 2, 3].map(point => ({ point, cpu: (choice >> point) & 1 }));
      orders.add(
        accesses(cross(turns))
          .map(text => text[0])
          .slice(0, 4)
          .join(''),
      );
    }
    for (const order of ['0011', '0101', '0110', '0001', '0111']) expect([...orders]).toContain(order);
  });

  it('change the outcome where the order matters', () => {
    const digest = (turns: readonly Interleaving[]): string | undefined => cross(turns).digests[0];
    expect(digest([{ point: 1, cpu: 1 }])).not.toBe(digest([]));
  });

  it('that name a CPU which does not exist or cannot act do no harm', () => {
    const plain = cross([]);
    expect(accesses(cross([{ point: 0, cpu: 7 }]))).toEqual(accesses(plain));
    expect(cross([{ point: 1000, cpu: 1 }]).digests).toEqual(plain.digests);
  });

  it('do not lose an event that arrives while its target falls asleep (Muen e104322ec, e55b1c928)', () => {
    const sleepers: Scene = { cpus: [[[['a'], ['b']]], [[['r']]]], events: [callEvent('async', 'r', 1, 'a')] };
    const programs = { a: [vmcall(SLEEP), nop], r: [vmcall(1)] };
    const plain = run(boot(sceneDocument(sleepers)), { ticks: 1, programs });
    const points = accesses(plain).length;
    expect(accesses(plain)).toContain('0 activityClear');
    for (let point = 0; point < points; point++) {
      const target = boot(sceneDocument(sleepers));
      run(target, { ticks: 18, programs, interleavings: [{ point, cpu: 1 }] });
      expect(stateWord(target, 'a', 'running'), `event at point ${point}`).toBe(1);
    }
  });
});
