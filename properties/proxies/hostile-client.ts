import fc from 'fast-check';
import { generate } from '../../src/arbitraries/run-spec.ts';
import type { CheckContext, Property, Task } from '../../src/engine/property.ts';
import { LOG_PROXY_PROTOCOL, MESSAGE_BYTES } from '../../src/impl/genode/log-message.ts';
import { endOf, installed, observeAll, placeOf } from '../../src/refinement/channel-access.ts';
import { HostileLogLockstep } from '../../src/refinement/log-hostile-lockstep.ts';
import { logLayoutOf, logMemoryOf } from '../../src/refinement/log-proxy-lockstep.ts';
import { ReceiverGuard } from '../../src/refinement/receiver-guard.ts';
import type { RunSpec } from '../../src/trace/trace.ts';
import { deriveSeed } from '../../src/units/rng.ts';
import { divergenceFinding, runWatched, sliceRuns } from '../follow-runs.ts';
import { runProperty } from '../run-property.ts';
import { interleavingsArbitrary, othersArbitrary, timingArbitrary } from '../software-runs.ts';
import type { Workbench } from '../workbench.ts';
import { forgedScriptArbitrary } from './forged-script.ts';
import { noProxies } from './log-proxy-refinement.ts';
import { type ProxyChoice, proxyChoices } from './proxy-choice.ts';
import { elementsArbitrary, serverProgram } from './proxy-runs.ts';

const ID = 'proxies/server-survives-hostile-client';
const TASKS = 8;
const RUNS_PER_TASK = 10;
const OPERATIONS = 2_400;
const MAX_ACTIONS = 40;

function runArbitrary(context: CheckContext, found: Workbench, choices: readonly ProxyChoice[]): fc.Arbitrary<RunSpec> {
  return fc
    .constantFrom(...choices)
    .chain(choice =>
      fc.record({
        choice: fc.constant(choice),
        elements: elementsArbitrary(choice),
        timing: timingArbitrary(context, found, [choice.client, choice.server], OPERATIONS),
      }),
    )
    .chain(({ choice, elements, timing }) => {
      const { client, server, address, sizeBytes, labels, clientParameters } = choice;
      const layout = { address, protocol: LOG_PROXY_PROTOCOL, elementBytes: MESSAGE_BYTES, elements };
      const event = Number(clientParameters.event ?? 0);
      return fc
        .record({
          operations: forgedScriptArbitrary(layout, sizeBytes, event, labels.length, MAX_ACTIONS),
          waiting: fc.nat(2),
          others: othersArbitrary(context, found, [client, server], timing.endTsc),
          interleavings: interleavingsArbitrary(found),
        })
        .map(
          ({ operations, waiting, others, interleavings }): RunSpec => ({
            ...timing,
            programs: [
              { subject: client, operations },
              serverProgram(choice, elements, labels.join(), waiting),
              ...others,
            ],
            interrupts: [],
            interleavings,
          }),
        );
    });
}

interface Attack {
  readonly guard: ReceiverGuard;
  readonly lockstep: HostileLogLockstep;
}

/** Runs `spec` with a guard and the model's judgement on each LOG proxy server. */
function watchServers({ document }: CheckContext, { bench }: Workbench, spec: RunSpec): readonly Attack[] {
  const loaded = bench.load(spec);
  if (!loaded.ok) return [];
  const system = loaded.value;
  const attacks = installed(spec, 'log-proxy-server').flatMap(({ subject, parameters }): Attack[] => {
    const place = placeOf(document, subject, parameters.number('address'));
    const end = place === undefined ? undefined : endOf(system, document, subject, place.physicalAddress);
    const memory = logMemoryOf(parameters);
    const log = placeOf(document, subject, memory.address);
    if (end === undefined || log === undefined) return [];
    const calls = ['sleepEvent', 'yieldEvent', 'notifyEvent']
      .map(name => parameters.event(name))
      .filter(call => call !== undefined);
    const own = { ...memory, physicalAddress: log.physicalAddress };
    return [
      {
        guard: new ReceiverGuard(system, { end, layout: logLayoutOf(parameters), own, calls }),
        lockstep: new HostileLogLockstep(system, end, parameters.list('labels'), memory),
      },
    ];
  });
  const watchers = observeAll(attacks.flatMap(({ guard, lockstep }) => [guard, lockstep]));
  runWatched(system, watchers, () => attacks.some(attack => divergenceOf(attack) !== undefined));
  return attacks;
}

const divergenceOf = ({ guard, lockstep }: Attack) => guard.divergence ?? lockstep.divergence;

/** A LOG proxy server against a client that stores anything in the channel and forges messages. */
export const serverSurvivesHostileClient: Property = runProperty({
  id: ID,
  area: 'proxies',
  claim:
    'Whatever its client stores in the channel, a LOG proxy server only loads words of it, stores only lines of valid messages into its own log, never faults, and ends every read.',
  method: 'run invariant and model judgement under hostile writes',
  passes: 'tested',
  witnesses: [
    { id: 'delivered', description: 'a message of a hostile client was valid and reached the log' },
    { id: 'refused', description: 'a message of a hostile client was refused' },
  ],
  killedBy: ['session-unchecked', 'replay-accepted', 'generation-ignored', 'sessions-survive', 'line-forgery'],
  alsoNotApplicable: noProxies,
  tasks: () => Array.from({ length: TASKS }, (_, index): Task => ({ property: ID, index, slice: { part: index } })),
  runSlice(context, found, task, explain) {
    const arbitrary = runArbitrary(context, found, proxyChoices(context, found));
    const seed = deriveSeed(context.seed, `${ID}#${task.index}`);
    return sliceRuns(
      context,
      { tasks: TASKS, runsPerTask: RUNS_PER_TASK },
      run => generate(arbitrary, deriveSeed(seed, String(run))),
      spec => {
        const attacks = watchServers(context, found, spec);
        const total = (count: (attack: Attack) => number): number =>
          attacks.reduce((sum, attack) => sum + count(attack), 0);
        return {
          steps: total(({ guard }) => guard.operations),
          witnesses: {
            delivered: total(({ lockstep }) => lockstep.delivered),
            refused: total(({ lockstep }) => lockstep.refused),
          },
          unspecified: {},
          hasFailed: attacks.some(attack => divergenceOf(attack) !== undefined),
        };
      },
      explain,
    );
  },
  judge(context, found, spec) {
    const failed = watchServers(context, found, spec).find(attack => divergenceOf(attack) !== undefined);
    const premise = 'Let the client of a LOG proxy server store what it likes into the channel.';
    return divergenceFinding(context, failed === undefined ? undefined : divergenceOf(failed), [premise]);
  },
});
