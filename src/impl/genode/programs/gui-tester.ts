import { numberAt } from '../instance/guest.ts';
import { encodeCommands } from '../services/gui-commands.ts';
import { decodeInputEvent } from '../services/input-event.ts';
import { INPUT_EVENT_BYTES } from '../services/interfaces.ts';
import { clientRow, textOf } from './program-config.ts';

interface GuiTesterState {
  /** Objects of its session, as they become known. */
  readonly framebuffer: number;
  readonly input: number;
  readonly pixels: number;
  readonly events: number;
}

/** View that it has. */
const VIEW = 1;

/** Shows one colour in a view of a Gui session, and writes the input that it gets to LOG. */
export const guiTester = clientRow<'x' | 'y' | 'width' | 'height' | 'colour', GuiTesterState>(
  'gui_tester',
  'Shows a coloured view of a Gui session, and writes its input to LOG',
  {
    x: { fallback: 0, min: 0, max: 2047 },
    y: { fallback: 0, min: 0, max: 2047 },
    width: { fallback: 8, min: 1, max: 64 },
    height: { fallback: 4, min: 1, max: 64 },
    colour: { fallback: 1, min: 1, max: 255 },
  },
  ({ x, y, width, height, colour }, config) => ({
    sessions: [{ service: 'Gui', label: textOf(config, 'label', '') }],
    initial: { framebuffer: -1, input: -1, pixels: 0, events: 0 },
    begin(state, env, [gui]) {
      // The pixels are paid for beyond what the session costs by itself.
      env.upgrade(gui!, { ramBytes: 4 * width * height, caps: 0 });
      env.call(gui!, 'buffer', width, height, 0);
      env.call(gui!, 'framebuffer');
      env.call(gui!, 'input');
      env.call(gui!, 'command_dataspace');
      return state;
    },
    reply(state, { name, values, error }, env, [gui]) {
      if (values === undefined) {
        env.log(`${name} fails: ${error}`);
        return state;
      }
      const [first = 0] = values.map(Number);
      switch (name) {
        case 'framebuffer': {
          const framebuffer = env.bind(first);
          env.call(framebuffer, 'dataspace');
          return { ...state, framebuffer };
        }
        case 'input': {
          const input = env.bind(first);
          env.call(input, 'sigh', 1);
          env.call(input, 'dataspace');
          return { ...state, input };
        }
        case 'command_dataspace': {
          const rect = { x, y, width, height };
          env.write(first, 0, encodeCommands([{ kind: 'geometry', view: VIEW, rect }]));
          env.call(gui!, 'view', VIEW, env.name, 0, 0, 0, 0, 1);
          env.call(gui!, 'execute');
          return state;
        }
        default:
          return state;
      }
    },
    other(state, { handle, name, values }, env) {
      if (values === undefined) return state;
      const [first = 0] = values.map(Number);
      if (name === 'dataspace' && handle === state.input) return { ...state, events: first };
      if (name === 'dataspace') {
        env.write(first, 0, new Uint8Array(4 * width * height).fill(colour));
        env.call(handle, 'refresh', 0, 0, width, height);
        return { ...state, pixels: first };
      }
      if (name === 'refresh') env.log(`view of ${width}x${height} pixels shown`);
      if (name !== 'flush') return state;
      const count = Math.min(first, Math.floor(env.sizeOf(state.events) / INPUT_EVENT_BYTES));
      const bytes = env.read(state.events, 0, Math.max(0, count) * INPUT_EVENT_BYTES);
      for (let index = 0; index < count; index++) {
        const { kind, values: numbers } = decodeInputEvent(bytes.subarray(index * INPUT_EVENT_BYTES));
        env.log(
          `input ${kind} ${numbers.slice(0, 2).join(' ')}, pixel ${numberAt(env.read(state.pixels, 0, 1), 0, 1)}`,
        );
      }
      return state;
    },
    otherSignal(state, handle, env) {
      if (handle === state.input) env.call(handle, 'flush');
      return state;
    },
  }),
);
