import { describe, expect, it } from 'vitest';
import { Redirection } from '../../../src/impl/platform/io-apic.ts';
import type { System } from '../../../src/impl/system.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import type { Operation } from '../../../src/units/operation.ts';
import {
  boot,
  callEvent,
  idOf,
  type Log,
  nop,
  pendingVectors,
  repeat,
  run,
  type Scene,
  sceneDocument,
  stateWord,
  sti,
  vmcall,
  withDevice,
} from './kernel-bench.ts';
import { vmcsWordOf } from './kernel-words.ts';

const transitions = /^(exit|enter)/;
const INTERRUPT_WINDOW = 4;
const lone: Scene = { cpus: [[[['a']]], [[['idle']]]] };

/** `a` can inject the vectors 40, 50 and 45 into itself by the calls 1, 2 and 3. */
const selfInjecting: Scene = {
  ...lone,
  events: [40, 50, 45].map((vector, index) =>
    callEvent('self', 'a', index + 1, 'a', { action: { kind: 'inject_interrupt', vector } }),
  ),
};
const isWindowOpen = (system: System): boolean => (vmcsWordOf(system, 'a', 'procControls') & INTERRUPT_WINDOW) !== 0;

describe('injection', () => {
  it('takes the highest vector, one at each entry, and opens the window for the rest', () => {
    const system = boot(sceneDocument(selfInjecting));
    const log = run(system, { ticks: 2, programs: { a: [vmcall(1), vmcall(2), vmcall(3), sti, nop] } });
    expect(log.texts(transitions, 0)).toEqual([
      'exit 18 a',
      'enter a',
      'exit 18 a',
      'enter a',
      'exit 18 a',
      'enter a',
      'exit 7 a',
      'enter a inject 50',
      'exit 7 a',
      'enter a inject 45',
      'exit 7 a',
      'enter a inject 40',
    ]);
    expect(isWindowOpen(system)).toBe(false);
    expect(pendingVectors(system, idOf(system, 'a'))).toEqual([]);
  });

  it('waits while interrupts are disabled, with the window open', () => {
    const system = boot(sceneDocument(selfInjecting));
    const log = run(system, { ticks: 2, programs: { a: [vmcall(1), nop, nop] } });
    expect(log.texts(/inject|exit 7/)).toEqual([]);
    expect(isWindowOpen(system)).toBe(true);
    expect(pendingVectors(system, idOf(system, 'a'))).toEqual([40]);
  });

  it('of the same vector twice happens once', () => {
    const system = boot(sceneDocument(selfInjecting));
    const log = run(system, { ticks: 2, programs: { a: [vmcall(1), vmcall(1), sti, nop] } });
    expect(log.texts(/inject/)).toEqual(['enter a inject 40']);
  });
});

describe('external interrupts', () => {
  const at = (...tscs: number[]) => tscs.map(tsc => ({ cpu: 0, tsc, vector: 37 }));

  it('go to the subject that owns the device, as its guest vector', () => {
    const system = boot(withDevice(sceneDocument(lone), 'a', 5, 49, false));
    const log = run(system, { ticks: 2, programs: { a: [sti] }, interrupts: at(100_000) });
    expect(log.texts(transitions, 0)).toEqual(['exit 1 a', 'enter a inject 49']);
  });

  it('wait for the frame of their subject', () => {
    const scene: Scene = { cpus: [[[['a']], [['other']]], [[['idle']]]] };
    const system = boot(withDevice(sceneDocument(scene), 'other', 5, 49, false));
    const log = run(system, { ticks: 3, programs: { a: [sti], other: [sti] }, interrupts: at(100_000) });
    expect(log.texts(transitions, 0).slice(0, 5)).toEqual([
      'exit 1 a',
      'enter a',
      'exit 52 a',
      'enter other',
      'exit 7 other',
    ]);
    expect(log.texts(/inject/)).toEqual(['enter other inject 49']);
  });

  it.each([
    ['without an owner', 36],
    ['for VT-d faults', 253],
    ['between processors', 254],
    ['spurious', 255],
    ['below 32', 31],
  ])('%s do nothing but exit', (_name, vector) => {
    const system = boot(withDevice(sceneDocument(lone), 'a', 5, 49, false));
    const log = run(system, { ticks: 2, programs: { a: [sti] }, interrupts: [{ cpu: 0, tsc: 100_000, vector }] });
    expect(log.texts(transitions, 0)).toEqual(['exit 1 a', 'enter a']);
    expect(pendingVectors(system, idOf(system, 'a'))).toEqual([]);
  });
});

const UNMASK = 9;

/** Gives `subject` a call that unmasks an I/O APIC line; the writer of test policies has no such action. */
function withUnmask(document: PolicyDocument, subject: string, irq: number): PolicyDocument {
  const event = {
    at: { line: 0, column: 1 },
    id: UNMASK,
    logical: 'unmask',
    physical: 'unmask',
    action: { kind: 'unmask_irq', number: irq },
  } as const;
  return {
    ...document,
    subjects: document.subjects.map(row =>
      row.name !== subject
        ? row
        : {
            ...row,
            sourceGroups: row.sourceGroups.map(group =>
              group.name === 'vmcall' ? { ...group, events: [...group.events, event] } : group,
            ),
          },
    ),
  };
}

const isMasked = (system: System, line: number): boolean =>
  (system.kernel.platform.ioApic.entries[2 * line]! & Redirection.masked) !== 0;

describe('a level-triggered line', () => {
  const system = (): System => boot(withUnmask(withDevice(sceneDocument(lone), 'a', 5, 49, true), 'a', 5));
  const runWith = (target: System, program: readonly Operation[], ...tscs: number[]): Log =>
    run(target, { ticks: 4, programs: { a: program }, interrupts: tscs.map(tsc => ({ cpu: 0, tsc, vector: 37 })) });

  it('is masked on arrival until its subject unmasks it', () => {
    const masked = system();
    runWith(masked, [sti], 100_000);
    expect(isMasked(masked, 5)).toBe(true);
    const unmasked = system();
    runWith(unmasked, [sti, ...repeat(30, nop), vmcall(UNMASK)], 100_000);
    expect(isMasked(unmasked, 5)).toBe(false);
  });

  it('that is asserted while masked does not disturb, and arrives when it is unmasked', () => {
    const storm = system();
    const quiet = runWith(storm, [sti], 100_000, 200_000, 300_000);
    expect(quiet.texts(/^exit 1 /)).toHaveLength(1);
    const held = system();
    const log = runWith(held, [sti, ...repeat(60, nop), vmcall(UNMASK), nop], 100_000, 200_000);
    expect(log.texts(transitions, 0)).toEqual([
      'exit 1 a',
      'enter a inject 49',
      'exit 18 a',
      'enter a',
      'exit 1 a',
      'enter a inject 49',
    ]);
  });

  it('stays masked over a reset of its subject', () => {
    const events = [callEvent('self', 'a', 1, 'a', { action: { kind: 'reset' } })];
    const target = boot(withUnmask(withDevice(sceneDocument({ ...lone, events }), 'a', 5, 49, true), 'a', 5));
    const log = run(target, {
      ticks: 2,
      programs: { a: [sti, ...repeat(30, nop), vmcall(1)] },
      interrupts: [{ cpu: 0, tsc: 50_000, vector: 37 }],
    });
    expect(log.texts(/exit 18/).length).toBeGreaterThan(0);
    expect(isMasked(target, 5)).toBe(true);
  });
});

describe('an edge-triggered line', () => {
  it('is not masked, and each arrival counts', () => {
    const system = boot(withDevice(sceneDocument(lone), 'a', 5, 49, false));
    const interrupts = [100_000, 200_000].map(tsc => ({ cpu: 0, tsc, vector: 37 }));
    const log = run(system, { ticks: 2, programs: { a: [sti] }, interrupts });
    expect(log.texts(/inject 49/)).toHaveLength(2);
    expect(isMasked(system, 5)).toBe(false);
  });

  it('while its subject runs with interrupts disabled sets the vector once', () => {
    const system = boot(withDevice(sceneDocument(lone), 'a', 5, 49, false));
    run(system, { ticks: 2, programs: {}, interrupts: [100_000, 200_000].map(tsc => ({ cpu: 0, tsc, vector: 37 })) });
    expect(pendingVectors(system, idOf(system, 'a'))).toEqual([49]);
    expect(stateWord(system, 'a', 'running')).toBe(1);
  });
});
