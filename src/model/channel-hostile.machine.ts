import { setup } from 'xstate';
import * as hostile from './channel-hostile.ts';
import type { ChannelConfig, ChannelEvent, ChannelState } from './channel-state.ts';
import { channelSchema } from './channel-state.ts';
import { defineModel } from './define.ts';
import type { Schema } from './schema.ts';

/** A writer without any protocol: it has one mode because nothing that it did restricts what it does next. */
export function createHostileWriter(config: ChannelConfig, schema: Schema<ChannelState> = channelSchema(config)) {
  const definition = defineModel<ChannelState, ChannelEvent, ChannelConfig, never, keyof typeof hostile>({
    schema,
    config,
    guards: {},
    actions: { ...hostile },
  });
  const machine = setup({
    types: {} as { context: ChannelState; events: ChannelEvent },
    ...definition.implementations,
  }).createMachine({
    id: 'channel-hostile-writer',
    context: schema.initial(),
    initial: 'unrestricted',
    states: {
      unrestricted: {
        on: {
          epoch: { actions: 'hostileEpoch' },
          transport: { actions: 'hostileTransport' },
          protocol: { actions: 'hostileProtocol' },
          size: { actions: 'hostileSize' },
          elements: { actions: 'hostileElements' },
          wsc: { actions: 'hostileStartCounter' },
          wc: { actions: 'hostileCounter' },
        },
      },
    },
  });
  return { definition, machine };
}
