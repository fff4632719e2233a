import { and, setup } from 'xstate';
import * as tso from './channel-tso.ts';
import type { ChannelTsoConfig, ChannelTsoEvent, ChannelTsoState } from './channel-tso-state.ts';
import { channelTsoSchema } from './channel-tso-state.ts';
import { defineModel } from './define.ts';
import type { Schema } from './schema.ts';

const types = {} as { context: ChannelTsoState; events: ChannelTsoEvent };

/** Order in which a write stores what: the protocol's, and orders that look alike and are wrong. */
export const STORE_ORDERS = {
  protocol: ['appendStartCounter', 'appendFirst', 'appendSecond', 'appendCounter'],
  /** The start counter goes out only after the data. */
  lateStartCounter: ['appendFirst', 'appendSecond', 'appendStartCounter', 'appendCounter'],
  /** The counter announces the element before its data is stored. */
  earlyCounter: ['appendStartCounter', 'appendCounter', 'appendFirst', 'appendSecond'],
} as const;
export type StoreOrder = keyof typeof STORE_ORDERS;

/** The writer: a mode is the store that it does next. */
export function createTsoWriter(
  config: ChannelTsoConfig,
  order: StoreOrder = 'protocol',
  schema: Schema<ChannelTsoState> = channelTsoSchema(config),
) {
  const { hasSpace, bufferedEpochLeft, bufferedCounterLeft, bufferedMoreToZero } = tso;
  const { appendInactive, appendBegin, appendTransport, appendProtocol, appendSize, appendElements } = tso;
  const { appendClearedStartCounter, appendClearedCounter, appendZeroHalf, appendEpoch } = tso;
  const { appendStartCounter, appendFirst, appendSecond, appendCounter, countWrite } = tso;
  const definition = defineModel({
    schema,
    config,
    guards: { hasSpace, bufferedEpochLeft, bufferedCounterLeft, bufferedMoreToZero },
    actions: {
      appendInactive,
      appendBegin,
      appendTransport,
      appendProtocol,
      appendSize,
      appendElements,
      appendClearedStartCounter,
      appendClearedCounter,
      appendZeroHalf,
      appendEpoch,
      appendStartCounter,
      appendFirst,
      appendSecond,
      appendCounter,
      countWrite,
    },
  });
  const [store1, store2, store3, store4] = STORE_ORDERS[order];
  const begin = {
    guard: and(['hasSpace', 'bufferedEpochLeft']),
    target: '#channel-tso-writer.initialize',
    actions: 'appendBegin',
  } as const;
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'channel-tso-writer',
    context: schema.initial(),
    initial: 'inactive',
    states: {
      inactive: { on: { initialize: begin } },
      initialize: {
        initial: 'transport',
        states: {
          transport: { on: { step: { guard: 'hasSpace', target: 'protocol', actions: 'appendTransport' } } },
          protocol: { on: { step: { guard: 'hasSpace', target: 'size', actions: 'appendProtocol' } } },
          size: { on: { step: { guard: 'hasSpace', target: 'elements', actions: 'appendSize' } } },
          elements: { on: { step: { guard: 'hasSpace', target: 'wsc', actions: 'appendElements' } } },
          wsc: { on: { step: { guard: 'hasSpace', target: 'wc', actions: 'appendClearedStartCounter' } } },
          wc: { on: { step: { guard: 'hasSpace', target: 'data', actions: 'appendClearedCounter' } } },
          data: {
            on: {
              step: [
                { guard: and(['hasSpace', 'bufferedMoreToZero']), actions: 'appendZeroHalf' },
                { guard: 'hasSpace', target: 'epoch', actions: 'appendZeroHalf' },
              ],
            },
          },
          epoch: {
            on: { step: { guard: 'hasSpace', target: '#channel-tso-writer.active', actions: 'appendEpoch' } },
          },
        },
      },
      active: {
        on: {
          initialize: begin,
          write: { guard: and(['hasSpace', 'bufferedCounterLeft']), target: 'write', actions: store1 },
          deactivate: { guard: 'hasSpace', target: 'inactive', actions: 'appendInactive' },
        },
      },
      write: {
        initial: 'second',
        states: {
          second: { on: { step: { guard: 'hasSpace', target: 'third', actions: store2 } } },
          third: { on: { step: { guard: 'hasSpace', target: 'fourth', actions: store3 } } },
          fourth: {
            on: {
              step: { guard: 'hasSpace', target: '#channel-tso-writer.active', actions: [store4, 'countWrite'] },
            },
          },
        },
      },
    },
  });
  return { definition, machine };
}

/** The memory: it takes stores from the buffer at any time. */
export function createTsoMemory(config: ChannelTsoConfig, schema: Schema<ChannelTsoState> = channelTsoSchema(config)) {
  const { canFlush, flush } = tso;
  const definition = defineModel<ChannelTsoState, ChannelTsoEvent, ChannelTsoConfig, 'canFlush', 'flush'>({
    schema,
    config,
    guards: { canFlush },
    actions: { flush },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'channel-tso-memory',
    context: schema.initial(),
    initial: 'ready',
    states: { ready: { on: { flush: { guard: 'canFlush', actions: 'flush' } } } },
  });
  return { definition, machine };
}
