import type { LogClientState } from '../../impl/genode/log-client-state.ts';
import { LOG_STRING_BYTES, MESSAGE_KINDS } from '../../impl/genode/log-message.ts';
import type { LogServerState } from '../../impl/genode/log-server.ts';
import { isEqual64, type Word64, ZERO64 } from '../../impl/native/muchannel.ts';
import type { LogMessage, LogProxyConfig, LogProxyState } from '../../model/log-proxy-state.ts';
import { type EpochTable, wordText } from './channel.ts';

/*
 * The relation of the LOG proxies and their model.
 *
 * A message means its session, sequence number, kind and length; the model's lengths are the byte counts themselves, longer ones than
 * LONGEST_BYTES stand for all that are too long. The model does not speak about the generation, the reserved field, kinds that do not exist
 * and the place of the NUL: a message that is wrong there is malformed and must be rejected. Text is compared end to end, not in the model.
 * The model's first epoch is the time before the client's first initialisation, when the channel is inactive.
 */

/** Longest string that the model tells apart; more than LOG permits. */
const LONGEST_BYTES = LOG_STRING_BYTES + 8;
const MAX_WRITES = 0xffff;
const MAX_EPOCHS = 0xfff;
/** Words of an element before its string. */
const FIELD_WORDS = 3;

/** Parameters of the model for one pair of proxies. */
export function logProxyConfig(labels: readonly string[], capacity: number, elements: number): LogProxyConfig {
  return {
    labels,
    lengthsBytes: Array.from({ length: LONGEST_BYTES + 1 }, (_, bytes) => bytes),
    bufferMessages: capacity,
    channelElements: elements,
    maxWrites: MAX_WRITES,
    epochs: MAX_EPOCHS,
  };
}

/** Length of a string in bytes as the model has it. */
export const modelLength = (bytes: number): number => Math.min(bytes, LONGEST_BYTES);

/** An element as words, read as a message. */
export interface ReadMessage {
  readonly message: LogMessage;
  /** Empty, or what the model does not speak about that is wrong with it. */
  readonly malformed: string;
  /** String without its NUL, as it stands in the channel; empty for a close. */
  readonly text: string;
}

/** Reads an element; `generation` is the low word of the epoch that the reader is in. */
export function readMessage(words: readonly Word64[], sessions: number, generation: number): ReadMessage {
  const at = (index: number): Word64 => words[index] ?? { low: 0, high: 0 };
  const kind = at(0).low;
  const lengthBytes = at(2).low;
  const isClose = kind === MESSAGE_KINDS.close;
  const bytes = words.slice(FIELD_WORDS).flatMap(({ low, high }) => [...bytesOf(low), ...bytesOf(high)]);
  const message: LogMessage = {
    session: Math.min(at(1).low, sessions),
    sequence: at(1).high,
    length: modelLength(lengthBytes),
    kind: isClose ? 'close' : 'write',
  };
  const text = isClose ? '' : String.fromCharCode(...bytes.slice(0, Math.min(lengthBytes, bytes.length + 1) - 1));
  const malformed = malformation(kind, at(0).high, at(2).high, lengthBytes, bytes, generation);
  return { message, malformed, text };
}

const bytesOf = (half: number): number[] => [half & 0xff, (half >>> 8) & 0xff, (half >>> 16) & 0xff, half >>> 24];

function malformation(
  kind: number,
  generation: number,
  reserved: number,
  lengthBytes: number,
  bytes: readonly number[],
  current: number,
): string {
  if (generation !== current) return 'generation';
  if (kind !== MESSAGE_KINDS.write && kind !== MESSAGE_KINDS.close) return 'kind';
  if (reserved !== 0) return 'reserved field';
  if (kind === MESSAGE_KINDS.close) return lengthBytes === 0 ? '' : 'length of a close';
  if (lengthBytes === 0) return 'string without NUL';
  if (lengthBytes > LOG_STRING_BYTES) return '';
  return bytes.indexOf(0) === lengthBytes - 1 ? '' : 'place of the NUL';
}

/** A message for a person. */
export const messageText = ({ kind, session, sequence, length }: Readonly<LogMessage>): string =>
  `${kind} ${sequence} of session ${session} (${length} bytes)`;

export const isSameMessage = (left: Readonly<LogMessage>, right: Readonly<LogMessage>): boolean =>
  left.session === right.session &&
  left.sequence === right.sequence &&
  left.length === right.length &&
  left.kind === right.kind;

/** First part of the client's private state that does not mean what the model says; empty if all do. */
export function clientDifference(found: LogClientState, model: Readonly<LogProxyState>): string {
  for (const [index, session] of found.sessions.entries()) {
    const expected = model.client.sessions[index]!;
    const part = (['status', 'issued', 'dropped'] as const).find(name => session[name] !== expected[name]);
    if (part !== undefined)
      return `${part} of the client's session ${index} is ${session[part]}, in the model ${expected[part]}`;
  }
  const { buffer, buffered } = model.client;
  if (found.buffer.length !== buffered)
    return `the client buffers ${found.buffer.length} messages, in the model ${buffered}`;
  for (const [index, { kind, session, sequence, text }] of found.buffer.entries()) {
    const length = kind === 'close' ? 0 : modelLength(text.length + 1);
    const message: LogMessage = { kind, session, sequence, length };
    if (!isSameMessage(message, buffer[index]!))
      return `message ${index} in the client's buffer is ${messageText(message)}, in the model ${messageText(buffer[index]!)}`;
  }
  return '';
}

/** First session of the server that is not as the model says; empty if all are. */
export function sessionsDifference(found: LogServerState, model: Readonly<LogProxyState>): string {
  for (const [index, { isOpen, lastSequence, missed }] of found.sessions.entries()) {
    const expected = model.server.sessions[index]!;
    const name = `the server's session ${index}`;
    if (isOpen !== expected.open)
      return `${name} is ${isOpen ? 'open' : 'closed'}, in the model ${expected.open ? 'open' : 'closed'}`;
    if (lastSequence !== expected.last)
      return `${name} is at message ${lastSequence}, in the model at ${expected.last}`;
    if (missed !== expected.missed) return `${name} counts ${missed} missed messages, in the model ${expected.missed}`;
  }
  return '';
}

/** What a server did since it started, as its model counts it. */
export interface ServerTotals {
  readonly delivered: number;
  readonly rejected: number;
  readonly overruns: number;
}

/** First part of the server's private state, between two reads, that does not mean what the model says; empty if all do. */
export function serverDifference(
  found: LogServerState,
  model: Readonly<LogProxyState>,
  epochs: EpochTable,
  totals: ServerTotals,
): string {
  const { counters, receiver } = found;
  const counted: readonly (readonly [string, number, number])[] = [
    ['delivered', counters.delivered, totals.delivered],
    ['rejected', rejections(found), totals.rejected],
    ['overruns', counters.overruns, totals.overruns],
  ];
  for (const [what, count, expected] of counted) {
    if (count !== expected) return `the server counts ${count} ${what}, the model ${expected}`;
  }
  const sessions = sessionsDifference(found, model);
  if (sessions !== '') return sessions;
  const epoch = epochs.valueOf(model.server.epoch) ?? ZERO64;
  if (!isEqual64(found.epoch, epoch))
    return `the server's epoch is ${wordText(found.epoch)}, in the model ${wordText(epoch)}`;
  const { readCount } = receiver.reader;
  return isEqual64(readCount, { low: model.server.rc, high: 0 })
    ? ''
    : `the server's RC is ${wordText(readCount)}, in the model ${model.server.rc}`;
}

/** Messages that a server refused, for whatever reason. */
export const rejections = ({ counters }: LogServerState): number =>
  counters.replayed + counters.badKind + counters.badLength + counters.badSession + counters.badGeneration;
