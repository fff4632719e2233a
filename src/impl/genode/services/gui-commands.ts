import { bytesOfNumber, numberAt } from '../instance/guest.ts';
import type { Rect } from './pixels.ts';

/** Commands of a Gui session by their numbers. */
export const GUI_COMMANDS = [
  'geometry',
  'offset',
  'front',
  'back',
  'front_of',
  'behind_of',
  'background',
  'title',
  'nop',
] as const;
export type GuiCommandKind = (typeof GUI_COMMANDS)[number];

/** A command as a client wrote it: what the numbers mean depends on the kind. */
export interface GuiCommand {
  readonly kind: GuiCommandKind;
  /** Client's number of the view. */
  readonly view: number;
  /** Rectangle of `geometry`, point of `offset`. */
  readonly rect: Rect;
  /** Client's number of the other view, of `front_of` and `behind_of`. */
  readonly neighbor: number;
  readonly title: string;
}

/** Most commands of one execution. */
export const MAX_COMMANDS = 64;
const TITLE_BYTES = 64;
const COMMAND_BYTES = 7 * 4 + TITLE_BYTES;
const HEADER_BYTES = 4;
/** Size of the buffer that commands are written into: their number, and the commands. */
export const COMMAND_BUFFER_BYTES = HEADER_BYTES + MAX_COMMANDS * COMMAND_BYTES;

function decodeCommand(bytes: Uint8Array): GuiCommand {
  const word = (index: number): number => numberAt(bytes, 4 * index, 4);
  const title = bytes.subarray(7 * 4, 7 * 4 + TITLE_BYTES);
  const end = title.indexOf(0);
  return {
    kind: GUI_COMMANDS[word(0)] ?? 'nop',
    view: word(1),
    rect: { x: word(2) | 0, y: word(3) | 0, width: word(4), height: word(5) },
    neighbor: word(6),
    title: String.fromCharCode(...title.subarray(0, end < 0 ? TITLE_BYTES - 1 : end)),
  };
}

/**
 * Reads the commands that a client wrote, once.
 * @param countOf how many of so many that the client names are executed
 */
export function readCommands(
  read: (offset: number, sizeBytes: number) => Uint8Array,
  countOf: (named: number) => number,
): GuiCommand[] {
  const count = countOf(numberAt(read(0, HEADER_BYTES), 0, HEADER_BYTES));
  const bytes = count === 0 ? new Uint8Array(0) : read(HEADER_BYTES, count * COMMAND_BYTES);
  return Array.from({ length: count }, (_, index) =>
    decodeCommand(bytes.subarray(index * COMMAND_BYTES, (index + 1) * COMMAND_BYTES)),
  );
}

/** Bytes of the buffer with these commands, as a client writes them. */
export function encodeCommands(commands: readonly Partial<GuiCommand>[], named = commands.length): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + commands.length * COMMAND_BYTES);
  bytes.set(bytesOfNumber(named, HEADER_BYTES));
  for (const [index, { kind = 'nop', view = 0, rect, neighbor = 0, title = '' }] of commands.entries()) {
    const { x = 0, y = 0, width = 0, height = 0 } = rect ?? {};
    const words = [GUI_COMMANDS.indexOf(kind), view, x, y, width, height, neighbor];
    const base = HEADER_BYTES + index * COMMAND_BYTES;
    for (const [place, value] of words.entries()) bytes.set(bytesOfNumber(value >>> 0, 4), base + 4 * place);
    for (let place = 0; place < Math.min(title.length, TITLE_BYTES - 1); place++)
      bytes[base + 7 * 4 + place] = title.charCodeAt(place) & 0xff;
  }
  return bytes;
}
