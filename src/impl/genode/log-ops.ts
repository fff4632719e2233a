import { LOG_STRING_BYTES } from './log-message.ts';

/** A session of the LOG service as the server proxy keeps it, one per label and for one epoch. */
export interface ServerSession {
  readonly label: string;
  /** A session at the real LOG service exists. */
  readonly isOpen: boolean;
  /** Sequence number of the latest message handled; 0 before the first. */
  readonly lastSequence: number;
  /** Sequence numbers that were passed over: dropped by the client or lost to overruns. */
  readonly missed: number;
}

/** Leaf decisions of the LOG proxies; a seeded fault replaces one of them. */
export interface ProxyOps {
  /** True for a permitted string length in bytes, NUL included, 1 .. LOG_STRING_BYTES. */
  validateLength(lengthBytes: number): boolean;
  /** Number of the message after number `sequence` of a session (client). */
  nextSequence(sequence: number): number;
  /** True when the client's buffer of `capacity` messages takes one more. */
  admits(buffered: number, capacity: number): boolean;
  /** True to send the event after a message was published, false before. */
  hintsAfterPublish(): boolean;
  /** True when the server must read again instead of sleeping, given whether its last look found something. */
  drainAgain(foundSomething: boolean): boolean;
  /** Index of the session that a message with session number `id` belongs to, of `count`; undefined if there is none (server). */
  chooseSession(id: number, count: number): number | undefined;
  /** True when a message was not handled before. */
  isFresh(lastSequence: number, sequence: number): boolean;
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
  nextSequence: sequence => sequence + 1,
  admits: (buffered, capacity) => buffered < capacity,
  hintsAfterPublish: () => true,
  drainAgain: foundSomething => foundSomething,
  chooseSession: (id, count) => (id < count ? id : undefined),
  isFresh: (lastSequence, sequence) => sequence > lastSequence,
  isCurrent: (generation, epochLow) => generation === epochLow,
  keepsSessions: () => false,
  printable: byte => (byte >= 0x20 && byte < 0x7f ? byte : 0x2e),
  logLine: (label, text) => `[${label}] ${text}`,
};
