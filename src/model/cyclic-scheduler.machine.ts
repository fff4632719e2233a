import { and, not, setup } from 'xstate';
import * as cyclic from './cyclic-scheduler.ts';
import {
  type CyclicSchedulerConfig,
  type CyclicSchedulerEvent,
  type CyclicSchedulerState,
  cyclicSchedulerSchema,
} from './cyclic-scheduler-state.ts';
import { defineModel } from './define.ts';
import type { Schema } from './schema.ts';

/** The scheduler of two CPUs: a mode says who has reached the end of the major frame and waits for the other. */
export function createCyclicScheduler(
  config: CyclicSchedulerConfig,
  schema: Schema<CyclicSchedulerState> = cyclicSchedulerSchema(config),
) {
  const { isFirst, isSecond, isLastTick, runsTau0, isPending, hasRoom, hasData, canForward } = cyclic;
  const { advance, startMajor, requestMajor, raise, take, send, receive, forward } = cyclic;
  const definition = defineModel<CyclicSchedulerState, CyclicSchedulerEvent, CyclicSchedulerConfig, string, string>({
    schema,
    config,
    guards: { isFirst, isSecond, isLastTick, runsTau0, isPending, hasRoom, hasData, canForward },
    actions: { advance, startMajor, requestMajor, raise, take, send, receive, forward },
  });
  const machine = setup({
    types: {} as { context: CyclicSchedulerState; events: CyclicSchedulerEvent },
    ...definition.implementations,
  }).createMachine({
    id: 'cyclic-scheduler',
    context: schema.initial(),
    initial: 'running',
    states: {
      running: {
        on: {
          tick: [
            { guard: and(['isLastTick', 'isFirst']), target: 'firstWaits' },
            { guard: 'isLastTick', target: 'secondWaits' },
            { actions: 'advance' },
          ],
          requestMajor: { guard: 'runsTau0', actions: 'requestMajor' },
          raise: { guard: not('isPending'), actions: 'raise' },
          take: { guard: 'isPending', actions: 'take' },
          send: { guard: 'hasRoom', actions: 'send' },
          receive: { guard: 'hasData', actions: 'receive' },
          forward: { guard: 'canForward', actions: 'forward' },
        },
      },
      firstWaits: {
        on: {
          tick: [
            { guard: and(['isSecond', 'isLastTick']), target: 'running', actions: 'startMajor' },
            { guard: 'isSecond', actions: 'advance' },
          ],
          raise: { guard: and(['isSecond', not('isPending')]), actions: 'raise' },
          take: { guard: and(['isSecond', 'isPending']), actions: 'take' },
          send: { guard: and(['isSecond', 'hasRoom']), actions: 'send' },
          receive: { guard: and(['isSecond', 'hasData']), actions: 'receive' },
          forward: { guard: and(['isSecond', 'canForward']), actions: 'forward' },
        },
      },
      secondWaits: {
        on: {
          tick: [
            { guard: and(['isFirst', 'isLastTick']), target: 'running', actions: 'startMajor' },
            { guard: 'isFirst', actions: 'advance' },
          ],
          requestMajor: { guard: and(['isFirst', 'runsTau0']), actions: 'requestMajor' },
          raise: { guard: and(['isFirst', not('isPending')]), actions: 'raise' },
          take: { guard: and(['isFirst', 'isPending']), actions: 'take' },
          send: { guard: and(['isFirst', 'hasRoom']), actions: 'send' },
          receive: { guard: and(['isFirst', 'hasData']), actions: 'receive' },
          forward: { guard: and(['isFirst', 'canForward']), actions: 'forward' },
        },
      },
    },
  });
  return { definition, machine };
}
