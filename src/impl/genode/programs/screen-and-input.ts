import { bytesOfNumber } from '../instance/guest.ts';
import { decodeInputEvent } from '../services/input-event.ts';
import { INPUT_EVENT_BYTES } from '../services/interfaces.ts';
import { clientRow, textOf } from './program-config.ts';

const PIXEL_BYTES = 4;
/** Largest screen that is painted. */
const MAX_SIDE = 2048;

interface PainterState {
  readonly dataspace: number;
  readonly width: number;
  readonly height: number;
  /** Next row to paint, of a frame. */
  readonly row: number;
  readonly frame: number;
}

/** Paints a picture whose colours are a function of the place, line by line, and shows it. */
export const framebufferPainter = clientRow<'frames', PainterState>(
  'fb_painter',
  'Paints a picture into a Framebuffer session',
  { frames: { fallback: 1, min: 1, max: 1_000_000 } },
  ({ frames }, config) => ({
    sessions: [{ service: 'Framebuffer', label: textOf(config, 'label', '') }],
    initial: { dataspace: 0, width: 0, height: 0, row: 0, frame: 0 },
    begin(state, env, [screen]) {
      env.call(screen!, 'dataspace');
      env.call(screen!, 'mode');
      return state;
    },
    reply(state, { name, values }, env, [screen]) {
      if (values === undefined) return state;
      const [first, second] = values.map(Number);
      if (name === 'dataspace') return { ...state, dataspace: first! };
      const { width, height } =
        name === 'mode' ? { width: Math.min(first!, MAX_SIDE), height: Math.min(second!, MAX_SIDE) } : state;
      let { row, frame } = state;
      if (name === 'refresh') {
        row += 1;
        if (row === height) {
          row = 0;
          frame += 1;
          env.log(`frame ${frame} of ${width}x${height} pixels painted`);
        }
      }
      if (frame < frames && height > 0) {
        const pixels = Array.from({ length: width }, (_, x) => [
          ...bytesOfNumber(((row + frame) << 8) | x, PIXEL_BYTES),
        ]);
        env.write(state.dataspace, row * width * PIXEL_BYTES, Uint8Array.from(pixels.flat()));
        env.call(screen!, 'refresh', 0, row, width, 1);
      }
      return { ...state, width, height, row, frame };
    },
  }),
);

/** Writes every event of an Input session to LOG. */
export const inputPrinter = clientRow<never, { readonly dataspace: number }>(
  'input_printer',
  'Writes the events of an Input session to LOG',
  {},
  (_, config) => ({
    sessions: [{ service: 'Input', label: textOf(config, 'label', '') }],
    initial: { dataspace: 0 },
    begin(state, env, [input]) {
      env.call(input!, 'dataspace');
      env.call(input!, 'sigh', 1);
      return state;
    },
    signal(state, _place, env, [input]) {
      env.call(input!, 'flush');
      return state;
    },
    reply(state, { name, values }, env) {
      if (values === undefined) return state;
      if (name === 'dataspace') return { dataspace: Number(values[0]) };
      if (name !== 'flush' || state.dataspace === 0) return state;
      // The server says how many: no more than the buffer holds.
      const count = Math.min(Number(values[0]), Math.floor(env.sizeOf(state.dataspace) / INPUT_EVENT_BYTES));
      if (count <= 0) return state;
      const bytes = env.read(state.dataspace, 0, count * INPUT_EVENT_BYTES);
      for (let index = 0; index < count; index++) {
        const { kind, values: numbers } = decodeInputEvent(bytes.subarray(index * INPUT_EVENT_BYTES));
        env.log(`input ${kind} ${numbers.slice(0, 2).join(' ')}`);
      }
      return state;
    },
  }),
);

/** Writes date and time to LOG once. */
export const rtcReader = clientRow<never, null>(
  'rtc_reader',
  'Writes date and time of an Rtc session to LOG',
  {},
  (_, config) => ({
    sessions: [{ service: 'Rtc', label: textOf(config, 'label', '') }],
    initial: null,
    begin(state, env, [rtc]) {
      env.call(rtc!, 'current_time');
      return state;
    },
    reply(state, { values }, env) {
      if (values === undefined) return state;
      const [microsecond, second, minute, hour, day, month, year] = values.map(value => String(value).padStart(2, '0'));
      env.log(`it is ${year}-${month}-${day} ${hour}:${minute}:${second}.${microsecond!.padStart(6, '0')}`);
      return state;
    },
  }),
);
