import fc from 'fast-check';
import { generate } from '../../src/arbitraries/run-spec.ts';
import type { CheckContext, Property, Task } from '../../src/engine/property.ts';
import type { ChannelReaderState } from '../../src/impl/native/muchannel-reader-software.ts';
import { endOf, installed, observeAll, placeOf } from '../../src/refinement/channel-access.ts';
import { ReceiverGuard } from '../../src/refinement/receiver-guard.ts';
import type { RunSpec } from '../../src/trace/trace.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { divergenceFinding, runWatched, sliceRuns } from '../follow-runs.ts';
import { runProperty } from '../run-property.ts';
import { interleavingsArbitrary, othersArbitrary, timingArbitrary } from '../software-runs.ts';
import { isWorkbench, type Workbench, workbench } from '../workbench.ts';
import { type ChannelChoice, channelChoices, noChannel } from './channel-choice.ts';
import { layoutArbitrary, partiesOf, readerProgram } from './channel-runs.ts';
import { hostileScriptArbitrary } from './hostile-script.ts';

const ID = 'channels/reader-survives-hostile-writer';
const TASKS = 8;
const RUNS_PER_TASK = 10;
const OPERATIONS = 600;
const MAX_ACTIONS = 120;

const choicesOf = (context: CheckContext): readonly ChannelChoice[] => {
  const found = workbench(context);
  return isWorkbench(found) ? channelChoices(context, found) : [];
};

function runArbitrary(
  context: CheckContext,
  found: Workbench,
  choices: readonly ChannelChoice[],
): fc.Arbitrary<RunSpec> {
  return fc
    .constantFrom(...choices)
    .chain(choice =>
      fc.record({
        choice: fc.constant(choice),
        timing: timingArbitrary(context, found, partiesOf(choice), OPERATIONS),
        shape: layoutArbitrary(choice),
      }),
    )
    .chain(({ choice, timing, shape }) => {
      const { subject, address, event } = choice.writer;
      const { readers, region } = choice;
      return fc
        .record({
          operations: hostileScriptArbitrary({ address, ...shape }, region.sizeBytes, event, MAX_ACTIONS),
          waiting: fc.array(fc.nat(2), { minLength: readers.length, maxLength: readers.length }),
          others: othersArbitrary(context, found, partiesOf(choice), timing.endTsc),
          interleavings: interleavingsArbitrary(found),
        })
        .map(({ operations, waiting, others, interleavings }): RunSpec => {
          const reading = readers.map((reader, index) => readerProgram(reader, shape, 0, waiting[index] ?? 0));
          return {
            ...timing,
            programs: [{ subject, operations }, ...reading, ...others],
            interrupts: [],
            interleavings,
          };
        });
    });
}

interface GuardedRun {
  readonly guards: readonly ReceiverGuard[];
  readonly delivered: number;
  readonly refused: number;
}

/** Runs `spec` with a guard on each channel reader. */
function guardReaders({ document }: CheckContext, { bench }: Workbench, spec: RunSpec): GuardedRun {
  const loaded = bench.load(spec);
  if (!loaded.ok) return { guards: [], delivered: 0, refused: 0 };
  const system = loaded.value;
  const readers = installed(spec, 'channel-reader').flatMap(({ subject, parameters }) => {
    const address = parameters.number('address');
    const place = placeOf(document, subject, address);
    const end = place === undefined ? undefined : endOf(system, document, subject, place.physicalAddress);
    if (end === undefined) return [];
    const calls = [parameters.event('sleepEvent'), parameters.event('yieldEvent')].filter(call => call !== undefined);
    const layout = {
      address,
      protocol: parameters.number('protocol'),
      elementBytes: parameters.number('elementBytes'),
      elements: parameters.number('elements'),
    };
    return [{ id: end.id, guard: new ReceiverGuard(system, { end, layout, own: undefined, calls }) }];
  });
  const guards = readers.map(({ guard }) => guard);
  runWatched(system, observeAll(guards), () => guards.some(guard => guard.divergence !== undefined));
  const progress = readers.map(({ id }) => (system.hosted[id]!.state as ChannelReaderState).progress);
  return {
    guards,
    delivered: progress.reduce((sum, { received }) => sum + received, 0),
    refused: progress.reduce((sum, { incompatible }) => sum + incompatible, 0),
  };
}

/** A channel reader against a writer that stores anything in the channel at any time. */
export const readerSurvivesHostileWriter: Property = runProperty({
  id: ID,
  area: 'channels',
  claim:
    'Whatever its writer stores in a channel, a reader only loads words of the channel, stores nothing, never faults, and ends every read.',
  method: 'run invariant under hostile writes',
  passes: 'tested',
  witnesses: [
    { id: 'read', description: 'a read of a channel under attack was begun' },
    { id: 'delivered', description: 'a read of a channel under attack had success' },
    { id: 'refused', description: 'a read of a channel under attack refused the header' },
  ],
  killedBy: ['wrong-modulus'],
  alsoNotApplicable: context => noChannel(context, choicesOf(context)),
  tasks: () => Array.from({ length: TASKS }, (_, index): Task => ({ property: ID, index, slice: { part: index } })),
  runSlice(context, found, task, explain) {
    const arbitrary = runArbitrary(context, found, channelChoices(context, found));
    const seed = deriveSeed(context.seed, `${ID}#${task.index}`);
    return sliceRuns(
      context,
      { tasks: TASKS, runsPerTask: RUNS_PER_TASK },
      run => generate(arbitrary, deriveSeed(seed, String(run))),
      spec => {
        const { guards, delivered, refused } = guardReaders(context, found, spec);
        return {
          steps: guards.reduce((sum, guard) => sum + guard.operations, 0),
          witnesses: { read: guards.reduce((sum, guard) => sum + guard.reads, 0), delivered, refused },
          unspecified: {},
          hasFailed: guards.some(guard => guard.divergence !== undefined),
        };
      },
      explain,
    );
  },
  judge(context, found, spec) {
    const { guards } = guardReaders(context, found, spec);
    const divergence = guards.find(guard => guard.divergence !== undefined)?.divergence;
    return divergenceFinding(context, divergence, ['Let the writer of a channel store what it likes into it.']);
  },
});
