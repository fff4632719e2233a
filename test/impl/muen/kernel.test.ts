import { describe, expect, it } from 'vitest';
import { FRAME_WORDS } from '../../../src/impl/memory.ts';
import { isValidHypercall, isValidXcr0 } from '../../../src/impl/muen/kernel.ts';
import type { System } from '../../../src/impl/system.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import type { Operation } from '../../../src/units/operation.ts';
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
  timedEvent,
  trapsTo,
  vmcall,
  xsetbv,
} from './kernel-bench.ts';
import { vmcsWordOf } from './kernel-words.ts';

const ENTRY_POINT = 0x20_0000;
const transitions = /^(exit|enter)/;

describe('the state of a subject', () => {
  const scene: Scene = {
    cpus: [[[['a', 'm']]], [[['idle']]]],
    events: [callEvent('switch', 'a', 1, 'm'), callEvent('switch', 'm', 1, 'a')],
    subjects: {
      m: { monitors: [{ logical: 'state', subject: 'a', page: 'state', address: 0xf_0000_0000, writable: true }] },
    },
  };
  const R8 = 8;

  it('is saved at the exit, and nothing of it stays in the CPU for the next subject', () => {
    const system = boot(sceneDocument(scene));
    const load: Operation = { kind: 'load', register: R8, low: 5, high: 6 };
    run(system, { ticks: 2, maxKernelSteps: 1, programs: { a: [load, vmcall(1)] } });
    const slot = system.kernel.at.stateSlots[idOf(system, 'a')]!;
    expect([2 * R8, 2 * R8 + 1].map(word => system.memory.readWord(slot, word))).toEqual([5, 6]);
    expect([...system.cpus[0]!.registers].every(word => word === 0)).toBe(true);
    expect(system.subjectOn(system.cpus[0]!)).toBe(idOf(system, 'm'));
  });

  it('is loaded from its page, as a monitor left it', () => {
    const system = boot(sceneDocument(scene));
    const write = (offset: number, low: number): Operation => ({
      kind: 'write',
      address: 0xf_0000_0000 + offset,
      sizeBytes: 4,
      low,
      high: 0,
    });
    const monitor = [write(8 * R8, 77), write(164, 0x20_0010), write(204, 0x2620), vmcall(1)];
    run(system, { ticks: 2, maxKernelSteps: 2, programs: { a: [vmcall(1)], m: monitor } });
    expect(system.cpus[0]!.registers[2 * R8]).toBe(77);
    expect(vmcsWordOf(system, 'a', 'rip')).toBe(0x20_0010);
    // Machine checks stay enabled whatever the page says.
    expect(vmcsWordOf(system, 'a', 'cr4')).toBe(0x2620 | 0x40);
  });
});

describe('VMCALL', () => {
  const scene: Scene = {
    cpus: [[[['a']], [['b']]], [[['idle']]]],
    events: [callEvent('async', 'a', 1, 'b', { id: 5 }), callEvent('async', 'a', 0, 'b', { id: 6 })],
  };
  const called = (call: Operation): System => {
    const system = boot(sceneDocument(scene));
    run(system, { ticks: 1, programs: { a: [call, ...repeat(5, nop)] } });
    return system;
  };
  const pending = (system: System): number[] => pendingEvents(system, idOf(system, 'b'));

  it('raises the event that RAX names, and RIP moves on', () => {
    const system = called(vmcall(1));
    expect(pending(system)).toEqual([5]);
    expect(stateWord(system, 'a', 'rip')).toBe(ENTRY_POINT + 4);
  });

  it.each([
    ['a number of 64 and more', vmcall(64)],
    ['one that equals an event only in its low six bits', vmcall(65)],
    ['one that equals an event only in its low word', vmcall(1, 1)],
    ['one that has only its highest bit set', vmcall(0, 0x8000_0000)],
    ['a number without event', vmcall(2)],
  ])('with %s does nothing but move RIP', (_name, call) => {
    const system = called(call);
    expect(pending(system)).toEqual([]);
    expect(stateWord(system, 'a', 'rip')).toBe(ENTRY_POINT + 4);
    expect(system.kernel.platform.power).toBe('running');
  });

  it('from ring 3 is a trap', () => {
    const system = called({ kind: 'vmcall', low: 1, high: 0, cpl: 3 });
    expect(pending(system)).toEqual([]);
    expect(stateWord(system, 'a', 'rip')).toBe(ENTRY_POINT);
    expect(system.kernel.platform).toMatchObject({ power: 'panic', stopReason: 'system_panic by a' });
  });

  it.each([
    [0, 0, true],
    [63, 0, true],
    [64, 0, false],
    [0xffff_ffff, 0, false],
    [0, 1, false],
    [63, 0x4000_0000, false],
  ])('number %i, high word %i: %s', (low, high, valid) => {
    expect(isValidHypercall(low, high)).toBe(valid);
  });
});

describe('traps', () => {
  it('without a monitor stop the system, and nothing runs afterwards', () => {
    const system = boot(sceneDocument({ cpus: [[[['a']]], [[['b']]]] }));
    const cpuid: Operation = { kind: 'exit', reason: 10, qualification: 0, interruptInfo: 0 };
    const log = run(system, { programs: { a: [nop, cpuid] } });
    expect(system.kernel.platform.power).toBe('panic');
    expect(log.texts(/^enter/)).toEqual([]);
    expect(log.entries.at(-1)!.text).toBe('auditReset');
  });

  it('with reasons above the table stop the system', () => {
    const system = boot(sceneDocument({ cpus: [[[['a']]], [[['b']]]] }));
    run(system, { programs: { a: [{ kind: 'exit', reason: 60, qualification: 0, interruptInfo: 0 }] } });
    expect(system.kernel.platform).toMatchObject({ power: 'panic', stopReason: 'unknown trap 60 by a' });
  });

  it('that are NMIs and machine checks stop the system although the subject has a monitor', () => {
    const { event, subject } = trapsTo('a', 'm');
    const document = sceneDocument({
      cpus: [[[['a', 'm']]], [[['idle']]]],
      events: [event],
      subjects: { a: subject },
    });
    for (const [interruptInfo, power] of [
      [0x8000_0202, 'panic'],
      [0x8000_0312, 'panic'],
      [0x8000_0300, 'running'],
    ] as const) {
      const system = boot(document);
      run(system, { ticks: 1, programs: { a: [{ kind: 'exit', reason: 0, qualification: 0, interruptInfo }] } });
      expect(system.kernel.platform.power).toBe(power);
    }
  });
});

describe('XSETBV', () => {
  const scene: Scene = { cpus: [[[['a']]], [[['idle']]]] };
  const executed = (program: readonly Operation[]): System => {
    const system = boot(sceneDocument(scene));
    run(system, { ticks: 1, operationsPerTick: 16, programs: { a: program } });
    return system;
  };
  const xcr0 = (system: System): number =>
    system.memory.words[system.kernel.at.fpuSlots[idOf(system, 'a')]! * FRAME_WORDS]!;
  const features = boot(sceneDocument(scene)).kernel.tables.xcr0Features;

  it('starts with all features of the processor that the kernel knows', () => {
    expect(xcr0(boot(sceneDocument(scene)))).toBe(features);
    expect(features & 3).toBe(3);
  });

  it('takes over a valid value and moves RIP', () => {
    const system = executed([...xsetbv(1), nop]);
    expect(xcr0(system)).toBe(1);
    expect(stateWord(system, 'a', 'rip')).toBe(ENTRY_POINT + 16);
    expect(pendingVectors(system, idOf(system, 'a'))).toEqual([]);
  });

  it.each([
    ['without x87', xsetbv(2)],
    ['with a feature that the processor lacks', xsetbv(1 | (1 << 9))],
    ['for another register than XCR0', xsetbv(1, 1)],
    ['with a high word', xsetbv(1, 0, 1)],
  ])('%s queues general protection and leaves RIP', (_name, program) => {
    const system = executed([...program, nop]);
    expect(xcr0(system)).toBe(features);
    expect(stateWord(system, 'a', 'rip')).toBe(ENTRY_POINT + 12);
    expect(pendingVectors(system, idOf(system, 'a'))).toEqual([13]);
  });

  const all = 0b1110_0111;
  it.each([
    [0b001, true],
    [0b011, true],
    [0b111, true],
    [0b101, false],
    [0b000, false],
    [0b110, false],
    [0b1110_0111, true],
    [0b1110_0011, false],
    [0b0110_0111, false],
    [0b1100_0111, false],
    [0b1010_0111, false],
    [0b1_0000_0001, false],
    [0x8000_0001, false],
  ])('rules: value %i is valid: %s', (value, valid) => {
    expect(isValidXcr0(value, all)).toBe(valid);
  });

  it('rules: no feature beyond those of the processor', () => {
    expect(isValidXcr0(0b111, 0b011)).toBe(false);
  });
});

describe('the reset event', () => {
  /** `r` on the other CPU resets `a` by event `resetId` and sends it an interrupt by event `otherId`. */
  const scene = (resetId: number, otherId: number): Scene => ({
    cpus: [[[['a']], [['b']]], [[['r']]]],
    events: [
      callEvent('async', 'r', 1, 'a', { id: resetId, action: { kind: 'reset' } }),
      callEvent('async', 'r', 2, 'a', { id: otherId, action: { kind: 'inject_interrupt', vector: 40 } }),
      callEvent('async', 'r', 3, 'a', { id: 1 }),
    ],
  });
  const program = [
    sti,
    timedEvent(0x7fff_ffff, 2),
    { kind: 'load', register: 2, low: 77, high: 0 },
    ...repeat(8, nop),
  ] as const;

  it.each([
    ['lower', 63, 3],
    ['higher', 62, 63],
  ])('drops events with %s numbers that are pending with it', (_name, resetId, otherId) => {
    const system = boot(sceneDocument(scene(resetId, otherId)));
    const log = run(system, { ticks: 9, programs: { a: program, r: [nop, vmcall(2), vmcall(3), vmcall(1)] } });
    expect(log.texts(/pendingClear/, 0)).toHaveLength(1);
    // What is higher than the reset is taken before it; what is lower is gone before it could be.
    const atDispatch = log.entries.filter(({ tsc }) => tsc > 8 * TICK_CYCLES).filter(({ cpu }) => cpu === 0);
    expect(atDispatch.filter(({ text }) => text === 'pendingConsume')).toHaveLength(otherId > resetId ? 3 : 2);
    expect(log.texts(/inject/, 0)).toEqual([]);
    expect(pendingEvents(system, idOf(system, 'a'))).toEqual([]);
    expect(pendingVectors(system, idOf(system, 'a'))).toEqual([]);
  });

  it('starts the subject anew: registers, RIP, timed event, FPU, interrupt flag', () => {
    const system = boot(sceneDocument(scene(63, 3)));
    const log = run(system, {
      // Just behind the start of the second major frame, before the subject executes anything.
      ticks: 8 + 1 / 60,
      programs: { a: [...program, ...xsetbv(1)], r: [...repeat(60, nop), vmcall(1)] },
    });
    expect(log.texts(transitions, 0).at(-1)).toBe('enter a');
    const slot = system.kernel.at.stateSlots[idOf(system, 'a')]!;
    const page = system.memory.words.slice(slot * FRAME_WORDS, slot * FRAME_WORDS + 124);
    expect([...page]).toEqual([...system.kernel.tables.subjects[idOf(system, 'a')]!.initialState]);
    const timed = system.kernel.at.timedEventSlots[idOf(system, 'a')]!;
    expect([0, 1, 2].map(word => system.memory.readWord(timed, word))).toEqual([0xffff_ffff, 0xffff_ffff, 0]);
    const fpu = system.memory.readWord(system.kernel.at.fpuSlots[idOf(system, 'a')]!, 0);
    expect(fpu).toBe(system.kernel.tables.xcr0Features);
  });

  it('leaves the memory of the subject as it is', () => {
    const system = boot(sceneDocument(scene(63, 3)));
    const write: Operation = { kind: 'write', address: 0x1000, sizeBytes: 8, low: 0x1234, high: 0x5678 };
    const region = sceneDocument(scene(63, 3)).memory.find(({ name }) => name === 'a|stack')!;
    const log = run(system, { ticks: 9, programs: { a: [write, nop], r: [nop, vmcall(1)] } });
    expect(log.texts(/pendingClear/, 0)).toHaveLength(1);
    expect(system.memory.readWordAt(region.physicalAddress as never)).toBe(0x1234);
  });

  it('wakes a subject that sleeps', () => {
    const system = boot(sceneDocument(scene(63, 3)));
    const log = run(system, { ticks: 11, programs: { a: [vmcall(SLEEP), nop], r: [...repeat(10, nop), vmcall(1)] } });
    expect(log.texts(/^retire vmcall a/)).toHaveLength(2);
    expect(log.texts(/^retire nop a/)).toEqual([]);
  });
});

/** Every trap of `subject` yields instead of stopping the system. */
function yieldingTraps(document: PolicyDocument, subject: string): PolicyDocument {
  return {
    ...document,
    subjects: document.subjects.map(row =>
      row.name !== subject
        ? row
        : {
            ...row,
            sourceGroups: row.sourceGroups.map(group =>
              group.name === 'vmx_exit'
                ? {
                    ...group,
                    events: group.events.map(event => ({ ...event, action: { kind: 'subject_yield' as const } })),
                  }
                : group,
            ),
          },
    ),
  };
}

describe('a VM entry that fails', () => {
  const STATE_PAGE = 0xf_0000_0000;
  /** `m` clears the reserved-one bit of RFLAGS in the state page of `a` and switches to it. */
  const scene: Scene = {
    cpus: [[[['m', 'a']]], [[['idle']]]],
    events: [callEvent('switch', 'm', 1, 'a'), callEvent('switch', 'a', 1, 'm')],
    subjects: {
      m: { monitors: [{ logical: 'state', subject: 'a', page: 'state', address: STATE_PAGE, writable: true }] },
    },
  };
  const breakRflags: Operation = { kind: 'write', address: STATE_PAGE + 220, sizeBytes: 8, low: 0, high: 0 };

  it('is a trap with exit reason 33 and bit 31', () => {
    const system = boot(sceneDocument(scene));
    const log = run(system, { ticks: 2, programs: { m: [breakRflags, vmcall(1)] } });
    expect(log.texts(transitions, 0)).toEqual(['exit 18 m', 'enter a', 'exit 33 a']);
    expect(stateWord(system, 'a', 'exitReason')).toBe(0x8000_0021);
    expect(system.kernel.platform).toMatchObject({ power: 'panic', stopReason: 'system_panic by a' });
  });

  it('again and again costs time, and the run ends', () => {
    const system = boot(yieldingTraps(sceneDocument(scene), 'a'));
    const log = run(system, { ticks: 2, programs: { m: [breakRflags, vmcall(1)] } });
    const failures = log.texts(/^exit 33 a/, 0).length;
    expect(failures).toBeGreaterThan(200);
    expect(failures).toBeLessThan(300);
    expect(log.texts(/^retire \w+ a/)).toEqual([]);
  });

  it('again and again ends with the number of kernel steps', () => {
    const system = boot(yieldingTraps(sceneDocument(scene), 'a'));
    run(system, { ticks: 10_000, maxKernelSteps: 20_000, programs: { m: [breakRflags, vmcall(1)] } });
    expect(system.kernelSteps).toBe(20_000);
  });
});
