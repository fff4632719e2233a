import { describe, expect, it } from 'vitest';
import { AtomicAccess, type Segments } from '../../../src/impl/muen/kernel-context.ts';
import { barrierWord, configureBarriers } from '../../../src/impl/muen/mp.ts';
import type { System } from '../../../src/impl/system.ts';
import { boot, type Log, run, sceneDocument, TICK_CYCLES } from './kernel-bench.ts';

const twoCpus = (): System => boot(sceneDocument({ cpus: [[[['a']]], [[['b']]]] }));

/** Size, sense and count of a barrier. */
const barrier = ({ kernel, memory }: System, number: number): number[] =>
  [0, 1, 2].map(field => memory.readWord(kernel.at.globalSlot, barrierWord(kernel, number) + field));

/** Performs one access; what the CPU stands before then, 0 at the end. */
function proceed(segments: Segments): number {
  const { done, value } = segments.next();
  return done === true ? 0 : (value as number);
}

describe('the all-CPU barrier', () => {
  it('lets the last arrival reset the count before it releases the others', () => {
    const system = twoCpus();
    const [first, second] = system.cpus.map(cpu => system.kernel.ops.waitBarrier(system.kernel, cpu, 0));
    expect(barrier(system, 0)).toEqual([2, 0, 0]);
    expect([proceed(first!), proceed(first!), proceed(first!)]).toEqual([
      AtomicAccess.barrierRead,
      AtomicAccess.barrierAdd,
      AtomicAccess.barrierSpin,
    ]);
    expect(barrier(system, 0)).toEqual([2, 0, 1]);
    expect([proceed(second!), proceed(second!), proceed(second!)]).toEqual([
      AtomicAccess.barrierRead,
      AtomicAccess.barrierAdd,
      AtomicAccess.barrierReset,
    ]);
    expect(barrier(system, 0)).toEqual([2, 0, 2]);
    expect(proceed(first!)).toBe(AtomicAccess.barrierSpin);
    expect(proceed(second!)).toBe(AtomicAccess.barrierRelease);
    expect(barrier(system, 0)).toEqual([2, 0, 0]);
    expect(proceed(first!)).toBe(AtomicAccess.barrierSpin);
    expect(proceed(second!)).toBe(0);
    expect(barrier(system, 0)).toEqual([2, 1, 0]);
    expect(proceed(first!)).toBe(0);
  });

  it('can be used again before a slow CPU noticed its release', () => {
    const system = twoCpus();
    const [slow, fast] = system.cpus;
    const waiting = system.kernel.ops.waitBarrier(system.kernel, slow!, 0);
    for (let access = 0; access < 3; access++) proceed(waiting);
    const last = system.kernel.ops.waitBarrier(system.kernel, fast!, 0);
    while (proceed(last) !== 0);
    const again = system.kernel.ops.waitBarrier(system.kernel, fast!, 0);
    for (let access = 0; access < 3; access++) proceed(again);
    expect(proceed(again)).toBe(AtomicAccess.barrierSpin);
    expect(proceed(waiting)).toBe(0);
    const slowAgain = system.kernel.ops.waitBarrier(system.kernel, slow!, 0);
    while (proceed(slowAgain) !== 0);
    expect(proceed(again)).toBe(0);
  });

  it('of one CPU does not wait', () => {
    const system = twoCpus();
    system.memory.writeWord(system.kernel.at.globalSlot, barrierWord(system.kernel, 0), 1);
    const alone = system.kernel.ops.waitBarrier(system.kernel, system.cpus[0]!, 0);
    const accesses: number[] = [];
    for (let access = proceed(alone); access !== 0; access = proceed(alone)) accesses.push(access);
    expect(accesses).toEqual([
      AtomicAccess.barrierRead,
      AtomicAccess.barrierAdd,
      AtomicAccess.barrierReset,
      AtomicAccess.barrierRelease,
    ]);
  });
});

describe('minor-frame barriers', () => {
  it('are set up as the major frame says', () => {
    const system = boot(
      sceneDocument({
        cpus: [
          [[['a']], [['c']]],
          [[['b']], [['d']]],
        ],
      }),
    );
    expect(barrier(system, 1)).toEqual([2, 0, 0]);
    system.memory.writeWord(system.kernel.at.globalSlot, barrierWord(system.kernel, 1) + 1, 1);
    configureBarriers(system.kernel, [1]);
    expect(barrier(system, 1)).toEqual([1, 0, 0]);
    expect(barrier(system, 0)).toEqual([2, 0, 0]);
  });

  const frames = (log: Log) => log.entries.filter(({ text }) => text.startsWith('enter'));

  it('start the frames behind them together', () => {
    const system = boot(
      sceneDocument({
        cpus: [
          [[['a']], [['c']]],
          [[['b']], [['d']]],
        ],
      }),
    );
    const log = run(system, { ticks: 4, operationsPerTick: 16 });
    expect(
      frames(log)
        .map(({ cpu, text }) => `${cpu} ${text}`)
        .sort(),
    ).toEqual(['0 enter c', '1 enter d']);
    expect(log.texts(/barrierSpin/)).toHaveLength(1);
    expect(new Set(frames(log).map(({ tsc }) => tsc)).size).toBe(1);
  });

  it('are absent where frames of different CPUs end at different times', () => {
    const system = boot(
      sceneDocument({
        cpus: [
          [[['a']], [['c']]],
          [[['b']], [['d']]],
        ],
        frames: [
          [
            [
              ['a', 2],
              ['c', 6],
            ],
            [
              ['b', 3],
              ['d', 5],
            ],
          ],
        ],
      }),
    );
    const log = run(system, { ticks: 7 });
    expect(log.texts(/barrier/)).toEqual([]);
    expect(frames(log).map(({ tsc }) => Math.floor(tsc / TICK_CYCLES))).toEqual([2, 3]);
  });
});

describe('major frames', () => {
  it('end with two meetings of all CPUs, between which the boot processor advances', () => {
    const system = twoCpus();
    const log = run(system, { ticks: 9, operationsPerTick: 16 });
    expect(log.texts(/barrier|major/, 0)).toContain('majorAdvance');
    expect(log.texts(/major/, 1)).toEqual([]);
    expect(log.texts(/barrierAdd/, 0)).toHaveLength(2);
    expect(log.texts(/barrierAdd/, 1)).toHaveLength(2);
    expect(log.texts(/barrierRelease/)).toHaveLength(2);
    expect(barrier(system, 0)).toEqual([2, 0, 0]);
  });

  it('start at the sum of the periods, not at the time of the switch', () => {
    const system = twoCpus();
    run(system, { ticks: 25, operationsPerTick: 16 });
    const { globalSlot } = system.kernel.at;
    const start = system.memory.readWord(globalSlot, 3) * 2 ** 32 + system.memory.readWord(globalSlot, 2);
    expect(start - system.time.startTsc).toBe(24 * TICK_CYCLES);
  });
});
