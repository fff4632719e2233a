import type { Word64 } from '../native/muchannel.ts';

/** Longest string of a LOG write, terminating NUL included (Genode `Log_session::MAX_STRING_LEN`). */
export const LOG_STRING_BYTES = 232;
/** Longest session label, terminating NUL included. */
export const LABEL_BYTES = 160;
/** Sessions that one proxy pair carries, at most. */
export const MAX_SESSIONS = 8;
/** A message is one channel element: 24 bytes of fields and a string of at most LOG_STRING_BYTES. */
export const MESSAGE_BYTES = 256;
export const MESSAGE_WORDS = MESSAGE_BYTES / 8;
/** Protocol id of the channel. */
export const LOG_PROXY_PROTOCOL = 0x4c4f_4701;

export const MESSAGE_KINDS = { write: 1, close: 2 } as const;
export type MessageKind = keyof typeof MESSAGE_KINDS;

/** A message as the client sends it. */
export interface LogMessage {
  readonly kind: MessageKind;
  /** Low word of the channel's epoch: ties the message to one life of the client. */
  readonly generation: number;
  /** Index of the session's label in the list that both sides are configured with. */
  readonly session: number;
  /** Numbers what the session's client asked for, from 1; a dropped write uses up its number. */
  readonly sequence: number;
  /** String of a write, empty for a close; Latin-1, without NUL. */
  readonly text: string;
}

/** The fields of an element as they stand in the channel: any peer may have written anything. */
export interface RawMessage {
  readonly kind: number;
  readonly generation: number;
  readonly session: number;
  readonly sequence: number;
  readonly lengthBytes: number;
  readonly reserved: number;
  /** All LOG_STRING_BYTES payload bytes, used or not. */
  readonly payload: readonly number[];
}

/** Packs bytes into 8-byte little-endian words, the last one padded with zero. */
export function wordsOfBytes(bytes: readonly number[]): Word64[] {
  const word32 = (offset: number): number =>
    ((bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24)) >>>
    0;
  return Array.from({ length: Math.ceil(bytes.length / 8) }, (_, index) => ({
    low: word32(index * 8),
    high: word32(index * 8 + 4),
  }));
}

/** Unpacks 8-byte little-endian words. */
export function bytesOfWords(words: readonly Word64[]): number[] {
  const split = (half: number): number[] => [half & 0xff, (half >>> 8) & 0xff, (half >>> 16) & 0xff, half >>> 24];
  return words.flatMap(({ low, high }) => [...split(low), ...split(high)]);
}

/** Latin-1 bytes of a string; characters above 255 become '?'. */
export function bytesOfText(text: string): number[] {
  return Array.from(text, character => {
    const code = character.charCodeAt(0);
    return code > 0xff ? 0x3f : code;
  });
}

/** Bytes of the string with its NUL; 0 for a close, which carries none. */
export const lengthOfMessage = (message: LogMessage): number =>
  message.kind === 'close' ? 0 : message.text.length + 1;

/**
 * Marshals a message into the words of one element:
 * {kind u32, generation u32}, {session u32, sequence u32}, {length u32, reserved u32 = 0}, string, NUL, zero padding.
 */
export function encodeMessage(message: LogMessage): Word64[] {
  const payload = bytesOfText(message.text).slice(0, LOG_STRING_BYTES);
  const padded = Array.from({ length: LOG_STRING_BYTES }, (_, index) => payload[index] ?? 0);
  return [
    { low: MESSAGE_KINDS[message.kind], high: message.generation },
    { low: message.session, high: message.sequence },
    { low: lengthOfMessage(message), high: 0 },
    ...wordsOfBytes(padded),
  ];
}

/** Unmarshals the words of an element without judging them; missing words count as zero. */
export function decodeMessage(words: readonly Word64[]): RawMessage {
  const at = (index: number): Word64 => words[index] ?? { low: 0, high: 0 };
  const bytes = bytesOfWords(words.slice(3, MESSAGE_WORDS));
  return {
    kind: at(0).low,
    generation: at(0).high,
    session: at(1).low,
    sequence: at(1).high,
    lengthBytes: at(2).low,
    reserved: at(2).high,
    payload: Array.from({ length: LOG_STRING_BYTES }, (_, index) => bytes[index] ?? 0),
  };
}
