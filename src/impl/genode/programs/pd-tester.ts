import { clientRow } from './program-config.ts';

interface PdTesterState {
  /** Handle of a signal context, -1 before there is one. */
  readonly context: number;
  readonly source: number;
}

/** Takes RAM from a PD session and gives it back, and submits to a signal context of its own. */
export const pdTester = clientRow<never, PdTesterState>(
  'pd_tester',
  'Uses RAM, signals and accounts of a PD session',
  {},
  () => ({
    sessions: [
      { service: 'PD', label: '' },
      { service: 'PD', label: 'child' },
    ],
    initial: { context: -1, source: 0 },
    begin(state, env, [pd, child]) {
      env.call(pd!, 'alloc_ram', 0x1800n, 0);
      env.call(pd!, 'used_ram');
      env.call(pd!, 'alloc_ram', 2n ** 40n, 0);
      env.call(child!, 'ref_account', env.capabilityOf(pd!));
      env.call(pd!, 'transfer_ram_quota', env.capabilityOf(child!), 0x1000n);
      env.call(pd!, 'attach_dma', 0, 0n);
      env.call(pd!, 'signal_source');
      return state;
    },
    reply(state, { name, values, error }, env, [pd]) {
      env.log(values === undefined ? `${name} fails: ${error}` : `${name} yields ${values.map(String).join(' ')}`);
      if (values === undefined) return state;
      const first = Number(values[0]);
      switch (name) {
        case 'alloc_ram':
          env.write(first, 0, Uint8Array.from([1]));
          env.call(pd!, 'free_ram', first);
          env.call(pd!, 'used_ram');
          return state;
        case 'signal_source':
          env.call(pd!, 'alloc_context', first, 7n);
          return { ...state, source: first };
        case 'alloc_context':
          env.call(pd!, 'submit', first, 3);
          return { ...state, context: env.bind(first) };
        default:
          return state;
      }
    },
    otherSignal(state, handle, env, [pd]) {
      if (handle !== state.context) return state;
      env.log('context signalled');
      env.call(pd!, 'free_signal_source', state.source);
      env.call(pd!, 'used_caps');
      return state;
    },
  }),
);
