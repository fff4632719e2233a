import { clientRow, textOf } from './program-config.ts';

const BUFFER_BYTES = 0x1000;

interface TerminalTesterState {
  readonly dataspace: number;
  readonly rounds: number;
}

const textBytes = (text: string): Uint8Array => Uint8Array.from(text, character => character.charCodeAt(0) & 0xff);

/** Writes a text to a terminal and shows what comes back, or sends back whatever comes. */
export const terminalTester = clientRow<'count', TerminalTesterState>(
  'terminal_tester',
  'Writes to a Terminal session and shows what comes back; with echo="yes" it sends everything back',
  { count: { fallback: 3, min: 1, max: 1_000_000 } },
  ({ count }, config) => {
    const isEcho = textOf(config, 'echo', 'no') === 'yes';
    const text = textOf(config, 'text', 'hello').slice(0, 200);
    return {
      sessions: [{ service: 'Terminal', label: textOf(config, 'label', '') }],
      initial: { dataspace: 0, rounds: 0 },
      begin(state, env, [terminal]) {
        env.call(terminal!, 'dataspace');
        env.call(terminal!, 'read_avail_sigh', 1);
        return state;
      },
      signal(state, _place, env, [terminal]) {
        env.call(terminal!, 'read', BigInt(BUFFER_BYTES));
        return state;
      },
      reply(state, { name, values }, env, [terminal]) {
        if (values === undefined) return state;
        if (name === 'dataspace') return { ...state, dataspace: Number(values[0]) };
        const send = (bytes: Uint8Array): void => {
          env.write(state.dataspace, 0, bytes);
          env.call(terminal!, 'write', BigInt(bytes.length));
        };
        if (name === 'read_avail_sigh' && !isEcho) send(textBytes(text));
        const length = Math.min(Number(values[0] ?? 0), BUFFER_BYTES);
        if (name !== 'read' || length === 0) return state;
        const bytes = env.read(state.dataspace, 0, length);
        const rounds = state.rounds + 1;
        if (!isEcho) env.log(`terminal says "${String.fromCharCode(...bytes)}"`);
        if (isEcho || rounds < count) send(bytes);
        return { ...state, rounds };
      },
    };
  },
);
