import { describe, expect, it } from 'vitest';
import {
  boot,
  callEvent,
  idOf,
  nop,
  pendingEvents,
  pendingVectors,
  repeat,
  run,
  type Scene,
  SLEEP,
  sceneDocument,
  stateWord,
  sti,
  TICK_CYCLES,
  trapsTo,
  vmcall,
  withDevice,
  YIELD,
} from './kernel-bench.ts';
import { lastInjection } from './kernel-words.ts';

const transitions = /^(exit|enter)/;

/** A scene with an idle subject on the second CPU. */
const onOneCpu = (partitions: Scene['cpus'][number], more: Omit<Scene, 'cpus'> = {}): Scene => ({
  ...more,
  cpus: [partitions, [[['idle']]]],
});
const scene = (description: Scene) => boot(sceneDocument(description));

describe('minor frames', () => {
  it('follow the plan on every CPU, each ending at its absolute deadline', () => {
    const system = scene({
      cpus: [
        [[['a']], [['b']]],
        [[['x']], [['y']], [['z']]],
      ],
    });
    const log = run(system, { ticks: 17 });
    const ends = (cpu: number) =>
      log.entries
        .filter(({ text, ...entry }) => entry.cpu === cpu && text.startsWith('exit 52'))
        .map(({ text, tsc }) => [text.slice(8), (tsc - system.time.exitCostCycles) / TICK_CYCLES]);
    expect(ends(0)).toEqual([
      ['a', 2],
      ['b', 8],
      ['a', 10],
      ['b', 16],
    ]);
    expect(ends(1)).toEqual([
      ['x', 2],
      ['y', 4],
      ['z', 8],
      ['x', 10],
      ['y', 12],
      ['z', 16],
    ]);
  });

  it('do not get longer by the exits in them', () => {
    const quiet = scene(onOneCpu([[['a']], [['b']]]));
    const busy = scene(onOneCpu([[['a']], [['b']]]));
    const firstEnd = (log: ReturnType<typeof run>): number => log.entries.find(({ text }) => text === 'exit 52 a')!.tsc;
    const spin = run(quiet, { ticks: 4 });
    const calls = run(busy, { ticks: 4, programs: { a: repeat(30, vmcall(63)) } });
    expect(calls.texts(/exit 18 a/).length).toBeGreaterThan(10);
    expect(firstEnd(calls)).toBe(firstEnd(spin));
  });

  it('tell their partition when they start and end', () => {
    const system = scene(onOneCpu([[['a']], [['b']]]));
    run(system, { ticks: 3 });
    const { schedulingInfoSlots } = system.kernel.at;
    const info = (partition: number) =>
      [0, 2].map(
        word => (system.memory.readWord(schedulingInfoSlots[partition]!, word) - system.time.startTsc) / TICK_CYCLES,
      );
    expect(info(1)).toEqual([0, 2]);
    expect(info(2)).toEqual([2, 8]);
  });
});

describe('yield', () => {
  it('goes round the groups of a partition within the frame', () => {
    const system = scene(onOneCpu([[['a'], ['b'], ['c']]]));
    const program = [vmcall(YIELD), nop, vmcall(YIELD), nop];
    const log = run(system, { ticks: 4, programs: { a: program, b: program, c: program } });
    expect(log.texts(transitions, 0).slice(0, 12)).toEqual([
      'exit 18 a',
      'enter b',
      'exit 18 b',
      'enter c',
      'exit 18 c',
      'enter a',
      'exit 18 a',
      'enter b',
      'exit 18 b',
      'enter c',
      'exit 18 c',
      'enter a',
    ]);
  });

  it('of a lone group returns to it', () => {
    const system = scene(onOneCpu([[['a']]]));
    const log = run(system, { ticks: 2, programs: { a: [vmcall(YIELD), nop] } });
    expect(log.texts(/./, 0).slice(0, 2)).toEqual(['retire vmcall a', 'exit 18 a']);
    expect(log.texts(/^(enter|retire)/, 0).slice(1, 3)).toEqual(['enter a', 'retire nop a']);
  });

  it('advances RIP once', () => {
    const system = scene(onOneCpu([[['a'], ['b']]]));
    const log = run(system, { ticks: 2, programs: { a: [vmcall(YIELD), nop], b: [nop, vmcall(YIELD)] } });
    expect(log.texts(/^retire \w+ a/, 0).slice(0, 2)).toEqual(['retire vmcall a', 'retire nop a']);
  });
});

describe('sleep', () => {
  it('hands the frame to the next group with work', () => {
    const system = scene(onOneCpu([[['a'], ['b']]]));
    const log = run(system, { ticks: 7, programs: { a: [nop, vmcall(SLEEP)] } });
    expect(log.texts(transitions, 0)).toEqual(['exit 18 a', 'enter b']);
    expect(log.texts(/^retire \w+ b/).length).toBeGreaterThan(1);
    expect(stateWord(system, 'a', 'running')).toBe(0);
    expect(stateWord(system, 'b', 'running')).toBe(1);
  });

  it('of all groups halts the last one until the frame ends, and the time goes to nobody', () => {
    const system = scene(onOneCpu([[['a'], ['b']], [['other']]]));
    const log = run(system, { ticks: 12, programs: { a: [vmcall(SLEEP)], b: [nop, vmcall(SLEEP)] } });
    expect(log.texts(transitions, 0)).toEqual([
      'exit 18 a',
      'enter b',
      'exit 18 b',
      'enter b',
      'exit 52 b',
      'enter other',
      'exit 52 other',
      'enter b',
      'exit 52 b',
      'enter other',
    ]);
    expect(log.texts(/^retire \w+ [ab]/)).toEqual(['retire vmcall a', 'retire nop b', 'retire vmcall b']);
    expect(stateWord(system, 'b', 'activity')).toBe(1);
    const end = log.entries.find(({ text }) => text === 'exit 52 b')!.tsc;
    expect(end).toBe(2 * TICK_CYCLES + system.time.exitCostCycles);
  });

  it('returns at once while an event is pending', () => {
    const events = [callEvent('self', 'a', 1, 'a', { action: { kind: 'inject_interrupt', vector: 40 } })];
    const system = scene(onOneCpu([[['a']]], { events }));
    // Interrupts are disabled: the event becomes a pending interrupt that is not delivered, so there is work.
    const log = run(system, { ticks: 2, programs: { a: [vmcall(1), vmcall(SLEEP), nop] } });
    expect(log.texts(/^(enter|retire)/, 0).slice(0, 5)).toEqual([
      'retire vmcall a',
      'enter a',
      'retire vmcall a',
      'enter a',
      'retire nop a',
    ]);
    expect(stateWord(system, 'a', 'running')).toBe(1);
  });
});

describe('wake-up of a halted subject', () => {
  const waker = (mode: 'async' | 'ipi', vector?: number): Scene => ({
    cpus: [[[['a']], [['other']]], [[['remote']]]],
    events: [
      callEvent(mode, 'remote', 1, 'a', vector === undefined ? {} : { action: { kind: 'inject_interrupt', vector } }),
    ],
  });
  const sleeper = [sti, vmcall(SLEEP), nop, nop];
  const late = [...repeat(2, nop), vmcall(1)];
  const input = { programs: { a: sleeper, remote: late } };

  it('is immediate if the event comes with an IPI and injects an interrupt', () => {
    const system = scene(waker('ipi', 40));
    const log = run(system, { ...input, ticks: 2 });
    expect(log.texts(transitions, 0).slice(0, 4)).toEqual(['exit 18 a', 'enter a', 'exit 1 a', 'enter a inject 40']);
    expect(log.texts(/^retire \w+ a/)).toContain('retire nop a');
  });

  it('waits for the frame of its partition without an IPI', () => {
    const system = scene(waker('async', 40));
    const log = run(system, { ...input, ticks: 9 });
    expect(log.texts(transitions, 0).slice(0, 6)).toEqual([
      'exit 18 a',
      'enter a',
      'exit 52 a',
      'enter other',
      'exit 52 other',
      'enter a inject 40',
    ]);
  });

  it('sets an event without action running, but leaves it in HLT until its next frame', () => {
    const system = scene(waker('ipi'));
    const first = run(system, { ...input, ticks: 2 });
    expect(first.texts(transitions, 0).slice(0, 4)).toEqual(['exit 18 a', 'enter a', 'exit 1 a', 'enter a']);
    expect(first.texts(/^retire \w+ a/)).toEqual(['retire sti a', 'retire vmcall a']);
    expect(stateWord(system, 'a', 'running')).toBe(1);
    expect(stateWord(system, 'a', 'activity')).toBe(1);
    const second = run(scene(waker('ipi')), { ...input, ticks: 10 });
    const after = second.entries.filter(({ tsc }) => tsc > 8 * TICK_CYCLES);
    expect(after.map(({ text }) => text)).toContain('retire nop a');
  });

  it('with interrupts disabled keeps the vector and waits for the next frame', () => {
    const system = scene(waker('ipi', 40));
    const programs = { a: [nop, vmcall(SLEEP), nop], remote: late };
    const log = run(system, { ...input, programs, ticks: 2 });
    expect(log.texts(transitions, 0).slice(0, 4)).toEqual(['exit 18 a', 'enter a', 'exit 1 a', 'enter a']);
    expect(log.texts(/^retire \w+ a/)).toEqual(['retire nop a', 'retire vmcall a']);
    expect(pendingVectors(system, idOf(system, 'a'))).toEqual([40]);
    expect(stateWord(system, 'a', 'running')).toBe(1);
  });

  it('does not happen for an interrupt of another group of the partition', () => {
    const document = withDevice(sceneDocument(onOneCpu([[['a'], ['b']], [['other']]])), 'a', 5, 40, false);
    const system = boot(document);
    const programs = { a: [sti, vmcall(SLEEP), nop], b: [sti, vmcall(SLEEP), nop] };
    const log = run(system, { ticks: 9, programs, interrupts: [{ cpu: 0, tsc: 1 * TICK_CYCLES, vector: 37 }] });
    expect(log.texts(transitions, 0)).toEqual([
      'exit 18 a',
      'enter b',
      'exit 18 b',
      'enter b',
      'exit 1 b',
      'enter b',
      'exit 52 b',
      'enter other',
      'exit 52 other',
      'enter a inject 40',
    ]);
    expect(log.texts(/^retire nop b/)).toEqual([]);
  });
});

describe('handover', () => {
  const switchScene = onOneCpu([[['a', 'm']], [['other']]], {
    events: [
      callEvent('switch', 'a', 1, 'm'),
      callEvent('switch', 'm', 2, 'a', { action: { kind: 'inject_interrupt', vector: 50 } }),
    ],
  });

  it('runs the target in the same frame, which does not get longer', () => {
    const system = scene(switchScene);
    const log = run(system, { ticks: 9, programs: { a: [vmcall(1), nop] } });
    expect(log.texts(transitions, 0)).toEqual([
      'exit 18 a',
      'enter m',
      'exit 52 m',
      'enter other',
      'exit 52 other',
      'enter m',
    ]);
    const end = log.entries.find(({ text }) => text === 'exit 52 m')!.tsc;
    expect(end).toBe(2 * TICK_CYCLES + system.time.exitCostCycles);
    expect(log.texts(/^retire \w+ a/)).toEqual(['retire vmcall a']);
  });

  it('comes back behind the call, with the target event of the way back', () => {
    const system = scene(switchScene);
    const programs = { a: [sti, vmcall(1), nop], m: [nop, vmcall(2)] };
    const log = run(system, { ticks: 2, programs });
    expect(log.texts(/^(exit|enter|retire)/, 0).slice(0, 9)).toEqual([
      'retire sti a',
      'retire vmcall a',
      'exit 18 a',
      'enter m',
      'retire nop m',
      'retire vmcall m',
      'exit 18 m',
      'enter a inject 50',
      'retire nop a',
    ]);
    expect(lastInjection(system, 'a')).toBe(50);
  });

  it('by a trap leaves RIP at the instruction and tells the monitor why', () => {
    const { event, subject } = trapsTo('a', 'm');
    const system = scene(onOneCpu([[['a', 'm']]], { events: [event], subjects: { a: subject } }));
    const log = run(system, {
      ticks: 2,
      programs: { a: [nop, { kind: 'exit', reason: 10, qualification: 7, interruptInfo: 0 }] },
    });
    expect(log.texts(transitions, 0).slice(0, 2)).toEqual(['exit 10 a', 'enter m']);
    expect(stateWord(system, 'a', 'rip')).toBe(0x20_0000 + 4);
    expect(stateWord(system, 'a', 'exitReason')).toBe(10);
    expect(pendingEvents(system, idOf(system, 'm'))).toEqual([]);
  });

  it('to a subject that sleeps makes its group active again', () => {
    const system = scene(switchScene);
    const log = run(system, { ticks: 9, programs: { a: [vmcall(1), nop], m: [vmcall(SLEEP), nop] } });
    expect(log.texts(transitions, 0).slice(0, 4)).toEqual(['exit 18 a', 'enter m', 'exit 18 m', 'enter m']);
    expect(stateWord(system, 'm', 'activity')).toBe(1);
    expect(stateWord(system, 'a', 'running')).toBe(1);
  });
});
