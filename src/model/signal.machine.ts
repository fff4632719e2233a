import { setup } from 'xstate';
import { defineModel } from './define.ts';
import type { Schema } from './schema.ts';
import * as signal from './signal.ts';
import type { SignalConfig, SignalEvent, SignalState } from './signal-state.ts';
import { signalSchema } from './signal-state.ts';

const types = {} as { context: SignalState; events: SignalEvent };

/** A signal context: between a delivery and its acknowledgement nothing more is delivered, and nothing is lost. */
export function createSignalContext(config: SignalConfig, schema: Schema<SignalState> = signalSchema(config)) {
  const { fits, hasSubmits, addSubmits, deliver, forget } = signal;
  const definition = defineModel<SignalState, SignalEvent, SignalConfig, string, string>({
    schema,
    config,
    guards: { fits, hasSubmits },
    actions: { addSubmits, deliver, forget },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'signal-context',
    context: schema.initial(),
    initial: 'armed',
    states: {
      armed: {
        on: {
          submit: { guard: 'fits', target: 'queued', actions: 'addSubmits' },
          kill: { target: 'dead' },
        },
      },
      queued: {
        on: {
          submit: [{ guard: 'fits', actions: 'addSubmits' }, { target: 'queued' }],
          take: { target: 'delivered', actions: 'deliver' },
          kill: { target: 'dead', actions: 'forget' },
        },
      },
      delivered: {
        on: {
          submit: [{ guard: 'fits', actions: 'addSubmits' }, { target: 'delivered' }],
          ack: [{ guard: 'hasSubmits', target: 'queued' }, { target: 'armed' }],
          kill: { target: 'dying', actions: 'forget' },
        },
      },
      dying: { on: { ack: { target: 'dead' } } },
      dead: {},
    },
  });
  return { definition, machine };
}
