import { InvariantError } from '../../../units/invariant.ts';
import type { Operation } from '../../../units/operation.ts';

/** What software in a subject can reach: its guest-physical memory, vmcall events, its timed-event page, I/O ports. */
export interface Guest {
  /** Bytes from a guest-physical address. */
  read(address: number, sizeBytes: number): Uint8Array;
  write(address: number, bytes: Uint8Array): void;
  /** Raises a vmcall event. */
  raise(event: number): void;
  /** Writes the own timed-event page: absolute TSC and event number. */
  armTimer(tsc: number, event: number): void;
  portIn(port: number, sizeBytes: 1 | 2 | 4): number;
  portOut(port: number, sizeBytes: 1 | 2 | 4, value: number): void;
}

/** What a handler needs next: operations in order; those that read come last and yield its result. */
export interface Access {
  readonly operations: readonly Operation[];
  /** Bytes that the result has. */
  readonly resultBytes: number;
}

const NO_BYTES = new Uint8Array(0);
const TWO32 = 2 ** 32;

/** Largest naturally aligned access at `address` that fits into `rest` bytes. */
function pieceBytes(address: number, rest: number): 1 | 2 | 4 | 8 {
  if (address % 8 === 0 && rest >= 8) return 8;
  if (address % 4 === 0 && rest >= 4) return 4;
  return address % 2 === 0 && rest >= 2 ? 2 : 1;
}

function readOperations(address: number, sizeBytes: number): Operation[] {
  const operations: Operation[] = [];
  for (let done = 0; done < sizeBytes; ) {
    const size = pieceBytes(address + done, sizeBytes - done);
    operations.push({ kind: 'read', address: address + done, sizeBytes: size });
    done += size;
  }
  return operations;
}

function littleEndian(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let index = to - 1; index >= from; index--) value = value * 256 + bytes[index]!;
  return value;
}

/** Appends the operations that write bytes. */
function addWrites(operations: Operation[], address: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const size = pieceBytes(address + done, bytes.length - done);
    const low = littleEndian(bytes, done, done + Math.min(4, size));
    const high = size === 8 ? littleEndian(bytes, done + 4, done + 8) : 0;
    operations.push({ kind: 'write', address: address + done, sizeBytes: size, low, high });
    done += size;
  }
}

/** A handler needs an access that was not performed yet: not an error, but the way out of the handler. */
export class AccessNeeded {
  readonly access: Access;

  constructor(access: Access) {
    this.access = access;
  }
}

/**
 * The guest as a handler sees it while it is executed again and again: reads that were performed already return what they
 * returned, in order, and the first that was not leaves the handler. What it does before that without an answer (writes,
 * events) is collected and performed ahead of that read, or after its end. Every access thus happens exactly once, in
 * program order, one operation at a time, although the handler is written straight through.
 *
 * A handler must be a function of its state, its event and what it reads.
 */
export class ReplayedGuest implements Guest {
  readonly #results: readonly Uint8Array[];
  #next = 0;
  #due: Operation[] = [];

  /** @param results what the reads of the handler returned so far */
  constructor(results: readonly Uint8Array[]) {
    this.#results = results;
  }

  /** What the handler did since its last read. */
  get due(): readonly Operation[] {
    return this.#due;
  }

  /** True until the last read that was performed is asked for: what comes before it was done as well. */
  get #isDone(): boolean {
    return this.#next < this.#results.length;
  }

  /** @param make makes the operations, which only a new access needs */
  #read(resultBytes: number, make: () => readonly Operation[]): Uint8Array {
    const result = this.#results[this.#next];
    if (result === undefined) throw new AccessNeeded({ operations: [...this.#due, ...make()], resultBytes });
    if (result.length !== resultBytes) throw new InvariantError('a handler repeats its accesses differently');
    this.#next += 1;
    return result;
  }

  read(address: number, sizeBytes: number): Uint8Array {
    if (sizeBytes === 0) return NO_BYTES;
    return this.#read(sizeBytes, () => readOperations(address, sizeBytes));
  }

  write(address: number, bytes: Uint8Array): void {
    if (!this.#isDone) addWrites(this.#due, address, bytes);
  }

  raise(event: number): void {
    if (!this.#isDone) this.#due.push({ kind: 'vmcall', low: event, high: 0, cpl: 0 });
  }

  armTimer(tsc: number, event: number): void {
    if (this.#isDone) return;
    const high = Math.floor(tsc / TWO32) >>> 0;
    this.#due.push({ kind: 'timedEvent', low: (tsc % TWO32) >>> 0, high, event });
  }

  portIn(port: number, sizeBytes: 1 | 2 | 4): number {
    const bytes = this.#read(sizeBytes, () => [{ kind: 'in', port, sizeBytes }]);
    return littleEndian(bytes, 0, sizeBytes);
  }

  portOut(port: number, sizeBytes: 1 | 2 | 4, value: number): void {
    if (!this.#isDone) this.#due.push({ kind: 'out', port, sizeBytes, value });
  }
}

/** Bytes that an operation reads. */
export function resultBytesOf(operation: Operation): number {
  return operation.kind === 'read' || operation.kind === 'in' ? operation.sizeBytes : 0;
}

/** Unsigned little-endian number of up to 6 bytes, exact; of 8 bytes exact below 2^53. */
export const numberAt = (bytes: Uint8Array, offset: number, sizeBytes: number): number =>
  littleEndian(bytes, offset, offset + sizeBytes);

/** Little-endian bytes of an unsigned number below 2^53. */
export function bytesOfNumber(value: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let rest = value;
  for (let index = 0; index < sizeBytes; index++) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}
