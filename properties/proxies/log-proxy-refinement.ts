import { generate } from '../../src/arbitraries/run-spec.ts';
import type { CheckContext, Property, Task } from '../../src/engine/property.ts';
import { observeAll } from '../../src/refinement/channel-access.ts';
import { followedProxies, LogProxyLockstep } from '../../src/refinement/log-proxy-lockstep.ts';
import { countEvents, countOperations, type RunSpec } from '../../src/trace/trace.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { addCounts, divergenceFinding, runWatched, sliceRuns } from '../follow-runs.ts';
import { runProperty } from '../run-property.ts';
import { isWorkbench, type Workbench, workbench } from '../workbench.ts';
import { type ProxyChoice, proxyChoices } from './proxy-choice.ts';
import { proxyRunArbitrary } from './proxy-runs.ts';

const ID = 'proxies/log-proxy-refinement';
const TASKS = 8;
const RUNS_PER_TASK = 12;

const choicesOf = (context: CheckContext): readonly ProxyChoice[] => {
  const found = workbench(context);
  return isWorkbench(found) ? proxyChoices(context, found) : [];
};

/** Reason why no pair of LOG proxies can be followed, empty if one can. */
export const noProxies = (context: CheckContext): string =>
  choicesOf(context).length > 0 ? '' : 'the scenario has no log-proxy-client and log-proxy-server on one channel';

/** Runs `spec` beside the model of each pair of LOG proxies. */
export function followProxies(
  { document }: CheckContext,
  { bench }: Workbench,
  spec: RunSpec,
): readonly LogProxyLockstep[] {
  const loaded = bench.load(spec);
  if (!loaded.ok) return [];
  const system = loaded.value;
  const followed = followedProxies(system, document, spec).map(pair => new LogProxyLockstep(system, pair));
  if (followed.length === 0) return [];
  runWatched(system, observeAll(followed), () => followed.some(lockstep => lockstep.divergence !== undefined));
  return followed;
}

/** The LOG proxies against their model, operation by operation, and end to end from the local client to the log. */
export const logProxyRefinement: Property = runProperty({
  id: ID,
  area: 'proxies',
  claim:
    'LOG proxies do what their model does, and the log holds what the local client wrote: per session in order, each message at most once, every loss counted.',
  method: 'step refinement per operation',
  passes: 'tested',
  witnesses: [
    { id: 'delivered', description: 'a message reached the log of the other side' },
    { id: 'full-buffer-drop', description: 'a write found the buffer of the client full' },
    { id: 'overrun', description: 'the server was overrun by the client' },
    { id: 'wake-up', description: 'the server looked at the channel because of an event' },
  ],
  killedBy: [
    'length-not-validated',
    'sequence-reused',
    'buffer-unbounded',
    'hint-before-publish',
    'drain-once',
    'label-lost',
  ],
  alsoNotApplicable: noProxies,
  tasks: () => Array.from({ length: TASKS }, (_, index): Task => ({ property: ID, index, slice: { part: index } })),
  runSlice(context, found, task, explain) {
    const arbitrary = proxyRunArbitrary(context, found, proxyChoices(context, found));
    const seed = deriveSeed(context.seed, `${ID}#${task.index}`);
    return sliceRuns(
      context,
      { tasks: TASKS, runsPerTask: RUNS_PER_TASK },
      run => generate(arbitrary, deriveSeed(seed, String(run))),
      spec => {
        const followed = followProxies(context, found, spec);
        const seen = (name: keyof LogProxyLockstep['seen']): number =>
          followed.reduce((sum, lockstep) => sum + lockstep.seen[name], 0);
        return {
          steps: followed.reduce((sum, lockstep) => sum + lockstep.operations, 0),
          witnesses: {
            delivered: seen('delivered'),
            'full-buffer-drop': seen('dropped'),
            overrun: seen('overrun'),
            'wake-up': seen('signals'),
            'wake-up-from-sleep': seen('wakeUps'),
          },
          unspecified: followed.reduce((sum, lockstep) => addCounts(sum, lockstep.unspecified), {}),
          hasFailed: followed.some(lockstep => lockstep.divergence !== undefined),
        };
      },
      explain,
    );
  },
  finite: {
    model: 'log-proxy',
    outside: body => (body.kind === 'run' ? '' : 'not a run'),
    // Both proxies are software with parameters: without operations or events there is nothing to remove.
    shorter: (_context, body) => ({ isComplete: countOperations(body) + countEvents(body) === 0, runs: 0 }),
  },
  judge(context, found, spec) {
    const diverged = followProxies(context, found, spec).find(lockstep => lockstep.divergence !== undefined);
    if (diverged === undefined) return divergenceFinding(context, undefined, []);
    const { client, server, labels, clientSetup } = diverged.pair;
    return divergenceFinding(context, diverged.divergence, [
      `Let ${client.subject} forward ${labels.length} LOG sessions to ${server.subject} over a channel of ${clientSetup.layout.elements} elements.`,
    ]);
  },
});
