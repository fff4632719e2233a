import { LOG_STRING_BYTES } from './log-message.ts';

/** A session of the LOG service as the server proxy keeps it. */
export interface ServerSession {
  /** Session slot of the peer. */
  readonly id: number;
  readonly label: string;
  /** Sequence number that the next message must have at least. */
  readonly nextSequence: number;
}

/** Leaf decisions of the LOG proxies; a seeded fault replaces one of them. */
export interface ProxyOps {
  /** True for a permitted string length in bytes, NUL included, 1 .. LOG_STRING_BYTES. */
  validateLength(lengthBytes: number): boolean;
  /** Sequence number after `sequence` (client). */
  nextSequence(sequence: number): number;
  /** True when the client's buffer of `capacity` messages takes one more. */
  admits(buffered: number, capacity: number): boolean;
  /** True to send the event after the messages were published, false before. */
  hintsAfterPublish(): boolean;
  /** True when the server must read again instead of sleeping, given whether its last look found something. */
  drainAgain(foundSomething: boolean): boolean;
  /** Session that a message with session slot `id` belongs to (server). */
  chooseSession(sessions: readonly ServerSession[], id: number): ServerSession | undefined;
  /** True when a message may be delivered: not one that was delivered already. */
  isFresh(expectedSequence: number, sequence: number): boolean;
  /** True when a message belongs to the life of the client that the channel is in. */
  isCurrent(generation: number, epochLow: number): boolean;
  /** True when sessions outlive a change of the channel's epoch. */
  keepsSessions(): boolean;
  /** Byte to show for a byte of a client's string: what is not printable ASCII could forge lines of others. */
  printable(byte: number): number;
  /** Line of the log for a client's text. */
  logLine(label: string, text: string): string;
}

export const proxyOps: ProxyOps = {
  validateLength: lengthBytes => lengthBytes >= 1 && lengthBytes <= LOG_STRING_BYTES,
  nextSequence: sequence => (sequence + 1) >>> 0,
  admits: (buffered, capacity) => buffered < capacity,
  hintsAfterPublish: () => true,
  drainAgain: foundSomething => foundSomething,
  chooseSession: (sessions, id) => sessions.find(session => session.id === id),
  isFresh: (expectedSequence, sequence) => sequence >= expectedSequence,
  isCurrent: (generation, epochLow) => generation === epochLow,
  keepsSessions: () => false,
  printable: byte => (byte >= 0x20 && byte < 0x7f ? byte : 0x2e),
  logLine: (label, text) => `[${label}] ${text}`,
};
