import { highOfBig, lowOfBig } from '../../units/word.ts';
import {
  CHANNEL_MARKER,
  type ChannelLayout,
  type ChannelOps,
  HEADER,
  HEADER_BYTES,
  storeAt,
  type Word64,
  ZERO64,
} from '../native/muchannel.ts';
import { beginWrite, initialWriter, writerStep } from '../native/muchannel-writer.ts';
import { readWide, type Steps } from '../native/rounds.ts';

/** Muen's debug log: a muchannel of lines, each with the start of the minor frame in which it was written. */

/** Protocol id of debug-log channels. */
export const DEBUG_LOG_PROTOCOL: Word64 = { low: 0x4b6f_70cf, high: 0xf007_8909 };
/** Bytes of an element: a timestamp of 8 bytes and up to 56 characters, zeros behind them. */
export const LOG_ELEMENT_BYTES = 64;
export const MESSAGE_BYTES = 56;
const PAGE_BYTES = 0x1000;
const LINE_FEED = 10;
const RETURN = 13;

/** Layout of the debug-log channel in a region of `sizeBytes`. */
export const logLayout = (address: number, sizeBytes: number): ChannelLayout => ({
  address,
  protocol: DEBUG_LOG_PROTOCOL.low,
  protocolHigh: DEBUG_LOG_PROTOCOL.high,
  elementBytes: LOG_ELEMENT_BYTES,
  elements: Math.floor((sizeBytes - HEADER_BYTES) / LOG_ELEMENT_BYTES),
});

/** The writing end: where the channel is, and where the timestamps come from. */
export interface LogSink {
  readonly layout: ChannelLayout;
  readonly schedulingInfo: number;
  readonly ops: ChannelOps;
}

/** Characters of a line that is not complete. */
export type LogLine = string;

/** Initialises the channel with an epoch, which must differ from the one before. */
function* initLog({ layout }: LogSink, epoch: Word64): Steps<void> {
  const number = (low: number): Word64 => ({ low, high: 0 });
  yield storeAt(layout, HEADER.epoch, ZERO64);
  yield storeAt(layout, HEADER.transport, CHANNEL_MARKER);
  yield storeAt(layout, HEADER.protocol, DEBUG_LOG_PROTOCOL);
  yield storeAt(layout, HEADER.size, number(layout.elementBytes));
  yield storeAt(layout, HEADER.elements, number(layout.elements));
  for (const field of [HEADER.reserved, HEADER.writeStart, HEADER.writeCount]) yield storeAt(layout, field, ZERO64);
  const end = layout.address + HEADER_BYTES + layout.elements * layout.elementBytes;
  for (let at = layout.address + HEADER_BYTES; at < end; ) {
    const sizeBytes = Math.min(end - at, PAGE_BYTES - (at % PAGE_BYTES));
    yield { kind: 'fill', address: at, sizeBytes, pattern: 0 };
    at += sizeBytes;
  }
  yield storeAt(layout, HEADER.epoch, epoch);
}

function* writeElement({ layout, ops }: LogSink, element: readonly Word64[]): Steps<void> {
  let state = beginWrite(initialWriter, element);
  let answer: Word64 = ZERO64;
  for (;;) {
    const step = writerStep(layout, ops, state, answer);
    if (step.operation === undefined) return;
    const { low, high } = yield step.operation;
    answer = { low, high };
    ({ state } = step);
  }
}

function* flush(sink: LogSink, line: LogLine): Steps<void> {
  const stamp = yield* readWide(sink.schedulingInfo);
  const bytes = new Uint8Array(MESSAGE_BYTES);
  for (let index = 0; index < line.length; index++) bytes[index] = line.charCodeAt(index);
  const view = new DataView(bytes.buffer);
  const words = Array.from(
    { length: MESSAGE_BYTES / 8 },
    (_, index): Word64 => ({
      low: view.getUint32(8 * index, true),
      high: view.getUint32(8 * index + 4, true),
    }),
  );
  yield* writeElement(sink, [{ low: lowOfBig(stamp), high: highOfBig(stamp) }, ...words]);
}

/** Writes a character: a line goes out when it ends or is full. Returns what is left of it. */
export function* putCharacter(sink: LogSink, line: LogLine, code: number): Steps<LogLine> {
  if (code === 0 || code === RETURN) return line;
  const longer = line + String.fromCharCode(code);
  if (code !== LINE_FEED && longer.length < MESSAGE_BYTES) return longer;
  yield* flush(sink, longer);
  return '';
}

/** Writes a text with a line feed behind it. */
export function* putLine(sink: LogSink, text: string): Steps<void> {
  let line: LogLine = '';
  for (const character of `${text}\n`) line = yield* putCharacter(sink, line, character.charCodeAt(0));
}

/** Initialises a channel that begins with a line; the epoch is the start of the minor frame, so that it is another one after each start. */
export function* startLog(log: LogSink, text: string): Steps<void> {
  const epoch = (yield* readWide(log.schedulingInfo)) | 1n;
  yield* initLog(log, { low: lowOfBig(epoch), high: highOfBig(epoch) });
  yield* putLine(log, text);
}
