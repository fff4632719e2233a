import { describe, expect, test } from 'vitest';
import { followChannels } from '../../properties/channels/muchannel-refinement.ts';
import { scriptOf } from '../../properties/channels/writer-script.ts';
import { isWorkbench, type Workbench, workbench } from '../../properties/workbench.ts';
import { description as logChannel } from '../../scenarios/log-channel/description.ts';
import type { CheckContext } from '../../src/engine/property.ts';
import type { ChannelLayout, ChannelOps } from '../../src/impl/native/muchannel.ts';
import { big64, channelOps, word64 } from '../../src/impl/native/muchannel.ts';
import type { Seams } from '../../src/impl/seams.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import { ChannelLockstep, followedChannels } from '../../src/refinement/channel-lockstep.ts';
import type { RunSpec, SubjectProgram } from '../../src/trace/trace.ts';
import { hpa } from '../../src/units/address.ts';
import type { Operation } from '../../src/units/operation.ts';
import { scenarioContext, seamsWith } from '../properties/scenario-context.ts';
import { resettable, resetter } from './resettable.ts';

type GivenParameters = Readonly<Record<string, string | number>>;

const ADDRESS = 0x1000_0000;
const SMALL: ChannelLayout = { address: ADDRESS, protocol: 1, elementBytes: 16, elements: 1 };

function bench(seams?: Seams): { readonly context: CheckContext; readonly found: Workbench } {
  const context = scenarioContext('log-channel', seams);
  const found = workbench(context);
  if (!isWorkbench(found)) throw new Error('log-channel cannot be built');
  return { context, found };
}

function timed({ bench: { system } }: Workbench, majorFrames: number, programs: readonly SubjectProgram[]): RunSpec {
  const { time, kernel } = system;
  return {
    cyclesPerInstruction: cyclesPerInstruction(time, 40),
    endTsc: time.startTsc + majorFrames * kernel.tables.majorFrames[0]!.periodCycles,
    maxKernelSteps: 20_000,
    programs,
    interrupts: [],
    interleavings: [],
  };
}

/** The scenario's own software with some parameters changed. */
const software = (context: CheckContext, writer: GivenParameters, reader: GivenParameters): readonly SubjectProgram[] =>
  context.software.map(row => ({
    ...row,
    parameters: { ...row.parameters, ...(row.subject === 'writer' ? writer : reader) },
  }));

const shape = { elements: SMALL.elements, elementBytes: SMALL.elementBytes };
const busy = { ...shape, pauses: 0, burst: 1 };

const poller = (changes: GivenParameters = {}): SubjectProgram => ({
  subject: 'reader',
  software: 'channel-reader',
  parameters: { ...SMALL, seed: 1, ...changes },
});
const scripted = (operations: readonly Operation[]): SubjectProgram => ({ subject: 'writer', operations });

/** One life of a writer: how it begins, what it writes and how it ends vary with its number. */
function life(index: number): readonly Operation[] {
  const pauses = Array.from({ length: index % 7 }, (): Operation => ({ kind: 'nop' }));
  const script = scriptOf(SMALL, 1, 1, [
    { kind: 'initialize', geometry: index % 5 === 0 ? 1 : 0 },
    ...Array.from({ length: index % 4 }, () => ({ kind: 'write' as const })),
    ...(index % 3 === 0 ? [{ kind: 'deactivate' as const }] : []),
  ]);
  return [...pauses, ...script.map(operation => renumbered(operation, index))];
}

/** Forty lives, with all phases against the reader's loads. */
const lively = (): readonly Operation[] => Array.from({ length: 40 }, (_, index) => life(index)).flat();

/** Each life has an epoch of its own. */
const renumbered = (operation: Operation, life: number): Operation =>
  operation.kind === 'write' && operation.address === ADDRESS + 8 && operation.low !== 0
    ? { ...operation, low: life + 1 }
    : operation;

const follow = (context: CheckContext, found: Workbench, spec: RunSpec): ChannelLockstep => {
  const [lockstep] = followChannels(context, found, spec);
  if (lockstep === undefined) throw new Error('no channel was followed');
  return lockstep;
};

describe('implementation and model agree', () => {
  test('on the scenario as it is', () => {
    const { context, found } = bench();
    const lockstep = follow(context, found, timed(found, 20, context.software));
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.accesses).toBeGreaterThan(1000);
    expect(lockstep.results.success).toBeGreaterThan(100);
    expect(lockstep.unspecified['has_pending is not in the model']).toBeGreaterThan(0);
  });

  test('when the writer laps the reader within its copy', () => {
    const { context, found } = bench();
    const lockstep = follow(context, found, timed(found, 10, software(context, busy, shape)));
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.results.overrun_detected).toBeGreaterThan(10);
  });

  test('when the writer starts new lives, announces other channels and deactivates', () => {
    const { context, found } = bench();
    const lockstep = follow(context, found, timed(found, 10, [scripted(lively()), poller()]));
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.unspecified).toEqual({});
    const { success, epoch_changed, incompatible_interface, inactive } = lockstep.results;
    for (const count of [success, epoch_changed, incompatible_interface, inactive]) expect(count).toBeGreaterThan(0);
  });
});

describe('a seeded defect of one decision diverges', () => {
  const faults: readonly (readonly [string, Partial<ChannelOps>, RegExp])[] = [
    ['commit before data', { writeOrder: () => ['announce', 'commit', 'data'] }, /writer stores WC, in the model/],
    ['announce after data', { writeOrder: () => ['data', 'announce', 'commit'] }, /writer stores word 0 of element 0/],
    ['no check of WSC', { isOverrun: () => false }, /RC is \d+, in the model/],
    [
      'overrun noticed one element late',
      { isOverrun: (start, count, elements) => channelOps.isOverrun(start, word64(big64(count) + 1n), elements) },
      /RC is \d+, in the model/,
    ],
    ['wrong modulus', { elementIndex: (count, elements) => channelOps.elementIndex(count, elements + 1) }, /stores/],
    ['counter by two', { nextCount: count => word64(big64(count) + 2n) }, /WSC in memory is 2, in the model 1/],
    ['data where none are', { hasData: () => true }, /goes on reading \(data\), in the model it is in mode idle/],
    ['reads on after an overrun', { countAfterOverrun: count => count }, /RC is \d+, in the model/],
  ];

  test.each(faults)('%s', (_name, channel, expected) => {
    const { context, found } = bench(seamsWith({ channel }));
    const { divergence } = follow(context, found, timed(found, 10, software(context, busy, shape)));
    expect(divergence?.what).toMatch(expected);
  });

  const lives: readonly (readonly [string, Partial<ChannelOps>, RegExp])[] = [
    ['epoch adopted from the second load', { adoptEpoch: (_seen, reread) => reread }, /the reader's epoch is 0/],
    ['changed epoch not noticed', { hasEpochChanged: () => false }, /in the model it is in mode idle/],
    ['protocol not checked', { isCompatible: () => true }, /in the model it is in mode idle/],
  ];

  test.each(lives)('%s', (_name, channel, expected) => {
    const { context, found } = bench(seamsWith({ channel }));
    const { divergence } = follow(context, found, timed(found, 10, [scripted(lively()), poller()]));
    expect(divergence?.what).toMatch(expected);
    expect(divergence?.subject).toBe('reader');
  });
});

describe('what is not the software', () => {
  test('a word of the channel that changes by itself diverges', () => {
    const { context, found } = bench();
    const spec = timed(found, 10, context.software);
    const loaded = found.bench.load(spec);
    if (!loaded.ok) throw new Error(loaded.error);
    const system = loaded.value;
    const [channel] = followedChannels(system, context.document, spec);
    const lockstep = new ChannelLockstep(system, spec, channel!);
    system.observer = lockstep;
    for (let step = 0; step < 400; step++) system.step();
    expect(lockstep.divergence).toBeUndefined();
    system.memory.writePair(hpa(channel!.header + 64 + 3 * 32), 0xdead, 0);
    while (lockstep.divergence === undefined && system.step());
    expect(lockstep.divergence?.what).toMatch(/is 57005, but .* was stored|gets|memory/);
  });

  test('a script that leaves the protocol is left open, not refuted', () => {
    const { context, found } = bench();
    const store: Operation = { kind: 'write', address: ADDRESS + 56, sizeBytes: 8, low: 5, high: 0 };
    const lockstep = follow(context, found, timed(found, 2, [scripted([store]), poller()]));
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.unspecified).toEqual({ 'the scripted writer leaves the protocol': 1 });
  });

  test.each([
    ['the reader expects another shape', { elements: 2 }],
    ['the reader looks beyond the region', { elementBytes: 4096, elements: 2 }],
    ['the reader looks elsewhere', { address: 0x1000 }],
  ])('nothing is followed if %s', (_name, changes) => {
    const { context, found } = bench();
    const spec = timed(found, 1, software(context, {}, changes));
    expect(followChannels(context, found, spec)).toEqual([]);
  });
});

describe('a subject that is reset starts anew, and so does its side of the model', () => {
  const rows = scenarioContext('log-channel').software;

  test.each(['writer', 'reader'])('%s', victim => {
    const { context, found } = resettable(logChannel, victim, rows);
    const larger = { elements: 2, elementBytes: 64 };
    const programs = [...software(context, { ...larger, burst: 1, pauses: 5 }, larger), resetter(23, 12)];
    const lockstep = follow(context, found, timed(found, 30, programs));
    expect(lockstep.divergence).toBeUndefined();
    expect(lockstep.results.success).toBeGreaterThan(10);
    const noted = victim === 'writer' ? 'the writer was reset within an operation' : 'the reader was reset';
    expect(lockstep.unspecified[noted]).toBeGreaterThan(0);
    if (victim === 'writer') expect(lockstep.results.inactive).toBeGreaterThan(0);
  });
});
