import type { DeliveredMessage } from '../impl/genode/log-server.ts';
import type { Word64 } from '../impl/native/muchannel.ts';
import { isEqual64 } from '../impl/native/muchannel.ts';
import { TWO32 } from '../units/word.ts';
import type { LogProxyWorld } from './log-proxy-world.ts';
import { wordText } from './relation/channel.ts';

/** Private log memory of a LOG server. */
export interface LogMemory {
  /** Address in the server's address space. */
  readonly address: number;
  readonly sizeBytes: number;
  /** First part of the labels of the peer's sessions. */
  readonly peer: string;
}

interface ExpectedStore {
  readonly offset: number;
  readonly value: Word64;
}

/** What LOG shows for a byte of a client's string: anything but printable ASCII could forge lines of others. */
const shown = (text: string): string =>
  Array.from(text, character => (character >= ' ' && character < '\u007f' ? character : '.')).join('');

/**
 * From what the local client wrote to what stands in the log: each session's deliveries are a subsequence of its writes, in order, each at
 * most once, and every line goes to the log memory as `[peer -> label] text`.
 */
export class LogDelivery {
  /** Messages delivered. */
  delivered = 0;
  readonly #world: LogProxyWorld;
  readonly #memory: LogMemory;
  /** True if what is delivered was written by the local client that is followed; a hostile client forges what it likes. */
  readonly #hasWriter: boolean;
  readonly #written = new Map<string, string>();
  readonly #latest: number[] = [];
  #expected: ExpectedStore[] = [];
  #loggedBytes = 0;
  /** The latest message that the model forwards, until the server has handled it. */
  #forwarded: DeliveredMessage | undefined;

  constructor(world: LogProxyWorld, memory: LogMemory, hasWriter: boolean) {
    this.#world = world;
    this.#memory = memory;
    this.#hasWriter = hasWriter;
  }

  /** The local client wrote `text` as message `sequence` of a session. */
  wrote(session: number, sequence: number, text: string): void {
    this.#written.set(`${session} ${sequence}`, text);
  }

  /** A new life of the client: session and sequence numbers begin anew. */
  restart(): void {
    this.#written.clear();
    this.#latest.length = 0;
  }

  /** The server started: it logs from the beginning of its memory. */
  restartServer(): void {
    this.#expected = [];
    this.#loggedBytes = 0;
    this.#forwarded = undefined;
  }

  /** A message that the model forwards, with the text that stood in the channel. */
  forwards(session: number, sequence: number, text: string): void {
    this.delivered += 1;
    if (sequence <= (this.#latest[session] ?? 0))
      this.#world.differ(`message ${sequence} of session ${session} is delivered again or out of order`);
    this.#latest[session] = sequence;
    this.#forwarded = { session, sequence, text: shown(text) };
    if (this.#hasWriter) this.#compareWritten(session, sequence, text);
    this.#append(`[${this.#memory.peer} -> ${this.#world.labels[session]}] ${shown(text)}\n`);
  }

  /** What stood in the channel is what the local client wrote. */
  #compareWritten(session: number, sequence: number, text: string): void {
    const written = this.#written.get(`${session} ${sequence}`);
    if (written === undefined)
      this.#world.differ(`message ${sequence} of session ${session} is delivered, but nobody wrote it`);
    else if (written !== text)
      this.#world.differ(`message ${sequence} of session ${session} is delivered with another text than was written`);
  }

  /** The server handled what it read: its latest delivery is the message that the model forwarded. */
  compareLatest(latest: DeliveredMessage | undefined): void {
    const due = this.#forwarded;
    this.#forwarded = undefined;
    if (due === undefined) return;
    const isSame = latest?.session === due.session && latest.sequence === due.sequence && latest.text === due.text;
    if (!isSame)
      this.#world.differ(
        `the server did not deliver message ${due.sequence} of session ${due.session} as it stood in the channel`,
      );
  }

  #append(line: string): void {
    const words = Math.ceil(line.length / 8);
    const ringBytes = this.#memory.sizeBytes - 8;
    for (let word = 0; word < words; word++) {
      const value = { low: packed(line, word * 8), high: packed(line, word * 8 + 4) };
      this.#expected.push({ offset: 8 + ((this.#loggedBytes + word * 8) % ringBytes), value });
    }
    this.#loggedBytes += words * 8;
    const total = { low: this.#loggedBytes % TWO32, high: Math.floor(this.#loggedBytes / TWO32) };
    this.#expected.push({ offset: 0, value: total });
  }

  /** The server stored a word: it must be the next one of the lines that are due. */
  store(address: number, sizeBytes: number, value: Word64): void {
    const next = this.#expected.shift();
    const offset = address - this.#memory.address;
    if (next === undefined) {
      this.#world.differ(`the server stores at offset ${offset} of its log without a delivery`);
      return;
    }
    if (offset !== next.offset || sizeBytes !== 8 || !isEqual64(value, next.value))
      this.#world.differ(
        `the server stores ${wordText(value)} at offset ${offset} of its log, due is ${wordText(next.value)} at offset ${next.offset}`,
      );
  }

  /** The server goes on to something else: all lines that are due must be in the log. */
  compareDone(): void {
    if (this.#expected.length > 0)
      this.#world.differ(
        `the server goes on, but ${this.#expected.length} words of a delivered line are not in its log`,
      );
  }
}

/** Four characters as a little-endian word, NUL behind the end. */
function packed(line: string, start: number): number {
  const byte = (index: number): number => (index < line.length ? line.charCodeAt(index) & 0xff : 0);
  return (byte(start) | (byte(start + 1) << 8) | (byte(start + 2) << 16) | (byte(start + 3) << 24)) >>> 0;
}
