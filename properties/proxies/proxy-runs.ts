import fc from 'fast-check';
import type { CheckContext } from '../../src/engine/property.ts';
import { MESSAGE_BYTES } from '../../src/impl/genode/log-message.ts';
import { HEADER_BYTES } from '../../src/impl/native/muchannel.ts';
import type { RunSpec, SubjectProgram } from '../../src/trace/trace.ts';
import { interleavingsArbitrary, othersArbitrary, timingArbitrary } from '../software-runs.ts';
import type { Workbench } from '../workbench.ts';
import { type ProxyChoice, without } from './proxy-choice.ts';

/** Operations per CPU of a run: a message takes about forty at each end. */
const OPERATIONS = 1_600;
const MAX_ELEMENTS = 5;

/** Elements that fit the region, few enough to be overrun. */
export const elementsArbitrary = ({ sizeBytes }: ProxyChoice): fc.Arbitrary<number> =>
  fc.integer({ min: 1, max: Math.min(MAX_ELEMENTS, Math.floor((sizeBytes - HEADER_BYTES) / MESSAGE_BYTES)) });

/** The server with another shape of channel; `waiting`: 0 polls, 1 yields between polls, 2 sleeps, as far as its policy offers it. */
export function serverProgram(choice: ProxyChoice, elements: number, labels: string, waiting: number): SubjectProgram {
  const { sleepEvent, yieldEvent } = choice;
  const parameters = {
    ...without(choice.serverParameters, ['sleepEvent', 'yieldEvent']),
    elements,
    labels,
    ...(waiting === 2 && sleepEvent !== undefined ? { sleepEvent } : {}),
    ...(waiting === 1 && yieldEvent !== undefined ? { yieldEvent } : {}),
  };
  return { subject: choice.server, software: 'log-proxy-server', parameters };
}

function clientArbitrary(choice: ProxyChoice, elements: number, labels: string): fc.Arbitrary<SubjectProgram> {
  return fc
    .record({
      hasTimer: fc.boolean(),
      chosen: fc.record({
        capacity: fc.integer({ min: 1, max: 5 }),
        burst: fc.integer({ min: 1, max: 8 }),
        sendBurst: fc.integer({ min: 1, max: 6 }),
        pauses: fc.oneof(fc.constant(0), fc.nat(60)),
        messages: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 12 })),
        oversizedEvery: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 6 })),
        seed: fc.nat(0xffff),
      }),
    })
    .map(({ hasTimer, chosen }): SubjectProgram => {
      const kept = without(choice.clientParameters, hasTimer ? [] : ['timerEvent']);
      return {
        subject: choice.client,
        software: 'log-proxy-client',
        parameters: { ...kept, ...chosen, elements, labels },
      };
    });
}

/** Runs of one pair of LOG proxies with other loads, buffers, channels and clocks than the scenario's, whatever the others do. */
export function proxyRunArbitrary(
  context: CheckContext,
  found: Workbench,
  choices: readonly ProxyChoice[],
): fc.Arbitrary<RunSpec> {
  return fc
    .constantFrom(...choices)
    .chain(choice =>
      fc.record({
        choice: fc.constant(choice),
        elements: elementsArbitrary(choice),
        sessions: fc.integer({ min: 1, max: choice.labels.length }),
        timing: timingArbitrary(context, found, [choice.client, choice.server], OPERATIONS),
      }),
    )
    .chain(({ choice, elements, sessions, timing }) => {
      const labels = choice.labels.slice(0, sessions).join();
      return fc
        .record({
          client: clientArbitrary(choice, elements, labels),
          waiting: fc.constantFrom(0, 1, 2, 2, 2),
          others: othersArbitrary(context, found, [choice.client, choice.server], timing.endTsc),
          interleavings: interleavingsArbitrary(found),
        })
        .map(
          ({ client, waiting, others, interleavings }): RunSpec => ({
            ...timing,
            programs: [client, serverProgram(choice, elements, labels, waiting), ...others],
            interrupts: [],
            interleavings,
          }),
        );
    });
}
