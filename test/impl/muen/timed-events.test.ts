import { describe, expect, it } from 'vitest';
import {
  boot,
  callEvent,
  idOf,
  nop,
  run,
  type Scene,
  SLEEP,
  sceneDocument,
  stateWord,
  sti,
  TICK_CYCLES,
  timedEvent,
  vmcall,
  YIELD,
} from './kernel-bench.ts';

/** `a` can call event 1, which injects vector 40 into itself, and event 2, a handover to `m`; `other` has the rest of the period. */
const description: Scene = {
  cpus: [[[['a', 'm']], [['other']]], [[['idle']]]],
  events: [
    callEvent('self', 'a', 1, 'a', { action: { kind: 'inject_interrupt', vector: 40 } }),
    callEvent('switch', 'a', 2, 'm'),
  ],
};
const scene = () => boot(sceneDocument(description));
const transitions = /^(exit|enter)/;

/** Trigger and event number as they stand in the page of `a`. */
function pageOf(system: ReturnType<typeof scene>): number[] {
  const slot = system.kernel.at.timedEventSlots[idOf(system, 'a')]!;
  return [0, 1, 2].map(word => system.memory.readWord(slot, word));
}
const NEVER = 0xffff_ffff;

describe('timed events', () => {
  it('are off at first', () => {
    expect(pageOf(scene())).toEqual([NEVER, NEVER, 0]);
  });

  it('fire when their frame starts, not when their time comes', () => {
    const system = scene();
    const trigger = system.time.startTsc + TICK_CYCLES;
    const log = run(system, { ticks: 9, programs: { a: [sti, timedEvent(trigger, 1)] } });
    expect(log.texts(transitions, 0)).toEqual(['exit 52 a', 'enter other', 'exit 52 other', 'enter a inject 40']);
  });

  it('are used up, but keep their number (Muen c5d7560b4)', () => {
    const system = scene();
    const trigger = system.time.startTsc + TICK_CYCLES;
    const log = run(system, { ticks: 17, programs: { a: [sti, timedEvent(trigger, 1)] } });
    expect(log.texts(/inject/, 0)).toEqual(['enter a inject 40']);
    expect(pageOf(system)).toEqual([NEVER, NEVER, 1]);
  });

  it('with trigger 0 are always due, with one in the future are kept', () => {
    const due = scene();
    expect(run(due, { ticks: 9, programs: { a: [sti, timedEvent(0, 1)] } }).texts(/inject/, 0)).toHaveLength(1);
    const future = scene();
    const trigger = future.time.startTsc + 100 * TICK_CYCLES;
    expect(run(future, { ticks: 9, programs: { a: [sti, timedEvent(trigger, 1)] } }).texts(/inject/, 0)).toEqual([]);
    expect(pageOf(future)).toEqual([trigger >>> 0, Math.floor(trigger / 2 ** 32), 1]);
  });

  it('are due at exactly their TSC', () => {
    const probe = scene();
    const exit = run(probe, { ticks: 9 }).entries.find(({ text }) => text === 'exit 52 other')!.tsc;
    for (const [offset, expected] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const system = scene();
      const trigger = system.time.startTsc + exit + offset;
      const log = run(system, { ticks: 9, programs: { a: [sti, timedEvent(trigger, 1)] } });
      expect(log.texts(/inject/, 0), `trigger ${offset} after the switch`).toHaveLength(expected);
    }
  });

  it('use only the low six bits of the number', () => {
    const system = scene();
    const log = run(system, { ticks: 9, programs: { a: [sti, timedEvent(0, 1 + 64)] } });
    expect(log.texts(/inject/, 0)).toHaveLength(1);
  });

  it('may hand over, and do not advance RIP (Muen d50dbd68d)', () => {
    const system = scene();
    const log = run(system, { ticks: 9, programs: { a: [timedEvent(0, 2), nop, nop] } });
    expect(log.texts(transitions, 0)).toEqual(['exit 52 a', 'enter other', 'exit 52 other', 'enter m']);
    const saved = stateWord(system, 'a', 'rip');
    const retired = log.texts(/^retire \w+ a$/).length;
    expect(saved).toBe(0x20_0000 + 4 * retired);
  });

  it('may put their subject to rest, and do not advance RIP then either', () => {
    const system = boot(sceneDocument({ cpus: [[[['a'], ['b']], [['other']]], [[['idle']]]] }));
    // `a` was left by a call, so that its state page has an instruction length.
    const log = run(system, { ticks: 8 + 1 / 60, programs: { a: [timedEvent(0, YIELD), vmcall(YIELD), nop] } });
    expect(log.texts(transitions, 0)).toEqual([
      'exit 18 a',
      'enter b',
      'exit 52 b',
      'enter other',
      'exit 52 other',
      'enter b',
    ]);
    expect(stateWord(system, 'a', 'instructionLength')).toBe(4);
    expect(stateWord(system, 'a', 'rip')).toBe(0x20_0000 + 8);
  });

  it('wake a subject that sleeps', () => {
    const system = scene();
    const trigger = system.time.startTsc + 3 * TICK_CYCLES;
    const program = [sti, timedEvent(trigger, 1), vmcall(SLEEP), nop];
    const log = run(system, { ticks: 9, programs: { a: program } });
    expect(log.texts(transitions, 0)).toEqual([
      'exit 18 a',
      'enter a',
      'exit 52 a',
      'enter other',
      'exit 52 other',
      'enter a inject 40',
    ]);
    expect(log.texts(/^retire \w+ a/)).toContain('retire nop a');
    expect(stateWord(system, 'a', 'activity')).toBe(0);
  });

  it('do not wake it before their time', () => {
    const system = scene();
    const trigger = system.time.startTsc + 9 * TICK_CYCLES;
    const program = [sti, timedEvent(trigger, 1), vmcall(SLEEP), nop];
    const early = run(system, { ticks: 15, programs: { a: program } });
    expect(early.texts(/^retire nop a/)).toEqual([]);
    const late = run(scene(), { ticks: 17, programs: { a: program } });
    expect(late.texts(/^retire nop a/).length).toBeGreaterThan(0);
  });
});
