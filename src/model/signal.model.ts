import type { Model, ModelInstance } from './model.ts';
import { eraseInstance, party } from './model.ts';
import { createSignalContext } from './signal.machine.ts';
import type { SignalConfig, SignalEvent, SignalState } from './signal-state.ts';
import { signalSchema } from './signal-state.ts';

/** One signal context with whoever submits, receives, acknowledges and kills. */
export function createSignal(config: SignalConfig): ModelInstance<SignalState, SignalEvent> {
  const schema = signalSchema(config);
  const { machine, definition } = createSignalContext(config, schema);
  const submits = Array.from(
    { length: config.maxSubmits },
    (_, index): SignalEvent => ({
      type: 'submit',
      count: index + 1,
    }),
  );
  const alphabet: readonly SignalEvent[] = [...submits, { type: 'take' }, { type: 'ack' }, { type: 'kill' }];
  return {
    schema,
    parties: [party<SignalState, SignalEvent, SignalConfig, string, string>('context', machine, definition, alphabet)],
    invariants: [
      {
        id: 'waiting-is-queued',
        claim: 'A context with waiting submissions is queued, or its last delivery is not acknowledged yet.',
        holds: ({ submits: waiting }, [mode]) => waiting === 0 || mode === 'queued' || mode === 'delivered',
      },
      {
        id: 'queued-has-submits',
        claim: 'A queued context stands for at least one submission.',
        holds: ({ submits: waiting }, [mode]) => mode !== 'queued' || waiting > 0,
      },
      {
        id: 'killed-is-silent',
        claim: 'A context that was killed has nothing to deliver.',
        holds: ({ submits: waiting }, [mode]) => (mode !== 'dead' && mode !== 'dying') || waiting === 0,
      },
    ],
    witnesses: [
      {
        id: 'coalesced',
        description: 'One delivery stands for several submissions.',
        seen: ({ delivered }) => delivered > 1,
      },
      {
        id: 'submitted-while-handled',
        description: 'A submission waits for the acknowledgement of the last delivery.',
        seen: ({ submits: waiting }, [mode]) => mode === 'delivered' && waiting > 0,
      },
      {
        id: 'dying',
        description: 'A context is killed while its signal is handled.',
        seen: (_, [mode]) => mode === 'dying',
      },
    ],
  };
}

/** Genode's asynchronous notifications (base-hw kernel, signal receiver and context). */
export const signalModel: Model = {
  id: 'signal',
  title: 'Genode signal context: coalescing submissions, acknowledgement, kill',
  sources: ['signal.ts'],
  configurations: [
    {
      name: '3 submissions',
      exhaustive: true,
      states: 35,
      create: () => eraseInstance(createSignal({ maxSubmits: 3 })),
    },
  ],
};
