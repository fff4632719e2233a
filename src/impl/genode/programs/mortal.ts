import { clientRow, textOf } from './program-config.ts';

/** Lives for a while and then ends, in the way that its configuration says. */
export const mortal = clientRow<'after_ms' | 'code', { readonly isOver: boolean }>(
  'mortal',
  'Exits after a while, or with end="fault" touches memory that it has not',
  { after_ms: { fallback: 10, min: 1, max: 1_000_000 }, code: { fallback: 0, min: 0, max: 255 } },
  ({ after_ms, code }, config) => ({
    sessions: [{ service: 'Timer', label: '' }],
    initial: { isOver: false },
    begin(state, env, [timer]) {
      env.log('lives');
      env.call(timer!, 'sigh', 1);
      env.call(timer!, 'trigger_once', BigInt(1000 * after_ms));
      return state;
    },
    signal(_state, _place, env) {
      if (textOf(config, 'end', 'exit') === 'fault') env.fault('WRITE', 0);
      else env.exit(code);
      return { isOver: true };
    },
  }),
);
