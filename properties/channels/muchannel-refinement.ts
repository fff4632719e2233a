import { generate } from '../../src/arbitraries/run-spec.ts';
import type { CheckContext, Property, Task } from '../../src/engine/property.ts';
import type { ReadResult } from '../../src/impl/native/muchannel-reader.ts';
import { observeAll } from '../../src/refinement/channel-access.ts';
import { ChannelLockstep, followedChannels } from '../../src/refinement/channel-lockstep.ts';
import type { RunSpec } from '../../src/trace/trace.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { addCounts, divergenceFinding, runWatched, sliceRuns } from '../follow-runs.ts';
import { runProperty } from '../run-property.ts';
import { isWorkbench, type Workbench, workbench } from '../workbench.ts';
import { type ChannelChoice, channelChoices, noChannel } from './channel-choice.ts';
import { channelRunArbitrary } from './channel-runs.ts';
import { finiteChannel } from './finite-channel.ts';

const ID = 'channels/muchannel-refinement';
const TASKS = 8;
const RUNS_PER_TASK = 20;

const choicesOf = (context: CheckContext): readonly ChannelChoice[] => {
  const found = workbench(context);
  return isWorkbench(found) ? channelChoices(context, found) : [];
};

/** Runs `spec` beside the model of each channel that it uses. */
export function followChannels(
  { document }: CheckContext,
  { bench }: Workbench,
  spec: RunSpec,
): readonly ChannelLockstep[] {
  const loaded = bench.load(spec);
  if (!loaded.ok) return [];
  const system = loaded.value;
  const followed = followedChannels(system, document, spec).map(channel => new ChannelLockstep(system, spec, channel));
  if (followed.length === 0) return [];
  runWatched(system, observeAll(followed), () => followed.some(lockstep => lockstep.divergence !== undefined));
  return followed;
}

/** The muchannel implementation against the model of SHMStream v2, access by access, on the running system. */
export const muchannelRefinement: Property = runProperty({
  id: ID,
  area: 'channels',
  claim:
    'Every access of a channel writer and its readers does to the channel and to their private memory what the model of SHMStream v2 does, and every read has its result.',
  method: 'step refinement per memory access',
  passes: 'tested',
  witnesses: [
    { id: 'delivered', description: 'a read delivered an element' },
    { id: 'no-data', description: 'a read found nothing new' },
    { id: 'overrun', description: 'a read was overrun by the writer' },
  ],
  killedBy: [
    'commit-before-data',
    'announce-after-data',
    'overrun-not-checked',
    'wrong-modulus',
    'epoch-reread-adopted',
    'epoch-change-missed',
    'overrun-resumes-too-early',
    'size-not-checked',
  ],
  alsoNotApplicable: context => noChannel(context, choicesOf(context)),
  tasks: () => Array.from({ length: TASKS }, (_, index): Task => ({ property: ID, index, slice: { part: index } })),
  runSlice(context, found, task, explain) {
    const arbitrary = channelRunArbitrary(context, found, channelChoices(context, found));
    const seed = deriveSeed(context.seed, `${ID}#${task.index}`);
    return sliceRuns(
      context,
      { tasks: TASKS, runsPerTask: RUNS_PER_TASK },
      run => generate(arbitrary, deriveSeed(seed, String(run))),
      spec => {
        const followed = followChannels(context, found, spec);
        const results = (name: ReadResult): number =>
          followed.reduce((sum, lockstep) => sum + lockstep.results[name], 0);
        return {
          steps: followed.reduce((sum, lockstep) => sum + lockstep.accesses, 0),
          witnesses: {
            delivered: results('success'),
            'no-data': results('no_data'),
            overrun: results('overrun_detected'),
            'epoch-changed': results('epoch_changed'),
            incompatible: results('incompatible_interface'),
          },
          unspecified: followed.reduce((sum, lockstep) => addCounts(sum, lockstep.unspecified), {}),
          hasFailed: followed.some(lockstep => lockstep.divergence !== undefined),
        };
      },
      explain,
    );
  },
  finite: finiteChannel((context, found, spec) =>
    followChannels(context, found, spec).some(({ divergence }) => divergence !== undefined),
  ),
  judge(context, found, spec) {
    const diverged = followChannels(context, found, spec).find(lockstep => lockstep.divergence !== undefined);
    if (diverged?.divergence === undefined) return divergenceFinding(context, undefined, []);
    const { writer, reader, layout } = diverged.channel;
    return divergenceFinding(context, diverged.divergence, [
      `Let ${writer.subject} write and ${reader.subject} read a channel of ${layout.elements} elements of ${layout.elementBytes} bytes.`,
    ]);
  },
});
