import { clientRow, textOf } from './program-config.ts';

/** Reports a counter, once for each timeout of its Timer session. */
export const reportWriter = clientRow<'period_ms' | 'count', { readonly dataspace: number; readonly reported: number }>(
  'report_writer',
  'Reports a counter, period_ms apart',
  { period_ms: { fallback: 10, min: 1, max: 1_000_000 }, count: { fallback: 0, min: 0, max: 1_000_000 } },
  ({ period_ms, count }, config) => ({
    sessions: [
      { service: 'Report', label: textOf(config, 'label', 'state') },
      { service: 'Timer', label: '' },
    ],
    initial: { dataspace: 0, reported: 0 },
    begin(state, env, [report, timer]) {
      env.call(report!, 'dataspace');
      env.call(timer!, 'sigh', 1);
      env.call(timer!, 'trigger_periodic', BigInt(period_ms * 1000));
      return state;
    },
    reply: (state, { name, values }) =>
      name === 'dataspace' && values !== undefined ? { ...state, dataspace: Number(values[0]) } : state,
    signal(state, place, env, [report]) {
      const isDue = place === 1 && state.dataspace > 0 && (count === 0 || state.reported < count);
      if (!isDue) return state;
      const reported = state.reported + 1;
      const text = `<state count="${reported}"/>`;
      env.write(
        state.dataspace,
        0,
        Uint8Array.from(text, character => character.charCodeAt(0)),
      );
      env.call(report!, 'submit', BigInt(text.length));
      return { ...state, reported };
    },
  }),
);

/** Longest piece of a module that is shown. */
const SHOWN_BYTES = 200;

/** Shows a ROM module, and each change of it. */
export const romReader = clientRow<never, { readonly dataspace: number }>(
  'rom_reader',
  'Writes a ROM module to LOG whenever it changes',
  {},
  (_, config) => ({
    sessions: [{ service: 'ROM', label: textOf(config, 'rom', 'state') }],
    initial: { dataspace: 0 },
    begin(state, env, [rom]) {
      env.call(rom!, 'sigh', 1);
      env.call(rom!, 'dataspace');
      return state;
    },
    signal(state, _place, env, [rom]) {
      env.call(rom!, 'update');
      return state;
    },
    reply(state, { name, values }, env, [rom]) {
      if (values === undefined) return state;
      const isRefused = name === 'update' && Number(values[0]) === 0;
      if (isRefused) env.call(rom!, 'dataspace');
      if (isRefused || name === 'sigh') return state;
      const dataspace = name === 'dataspace' ? Number(values[0]) : state.dataspace;
      if (dataspace === 0) return { dataspace };
      const bytes = env.read(dataspace, 0, Math.min(SHOWN_BYTES, env.sizeOf(dataspace)));
      const end = bytes.indexOf(0);
      env.log(`module says ${String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end))}`);
      return { dataspace };
    },
  }),
);
