import type { HostedSoftware, SoftwareInput } from '../impl/hosted.ts';
import { defined } from '../units/invariant.ts';
import type { Operation } from '../units/operation.ts';
import { compressSha256 } from '../units/sha256.ts';
import { highOfBig, lowOfBig } from '../units/word.ts';

const PAGE_BYTES = 0x1000;
const STATE_WORDS = 8;

/** Memory of one component by itself: the pages that it may use, and nothing else. */
export class ComponentMemory {
  readonly #pages = new Map<number, Uint8Array>();
  /** First access outside of all pages, as text. */
  stray = '';

  /** Adds pages that hold `content`, from `address` on. */
  add(address: number, content: Uint8Array): void {
    for (let at = 0; at < content.length; at += PAGE_BYTES) {
      const page = new Uint8Array(PAGE_BYTES);
      page.set(content.subarray(at, at + PAGE_BYTES));
      this.#pages.set((address + at) / PAGE_BYTES, page);
    }
  }

  bytes(address: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index++) {
      const page = this.#pages.get(Math.floor((address + index) / PAGE_BYTES));
      if (page === undefined) this.#note('reads', address + index);
      else bytes[index] = page[(address + index) % PAGE_BYTES]!;
    }
    return bytes;
  }

  store(address: number, bytes: Uint8Array): void {
    for (const [index, byte] of bytes.entries()) {
      const page = this.#pages.get(Math.floor((address + index) / PAGE_BYTES));
      if (page === undefined) this.#note('writes', address + index);
      else page[(address + index) % PAGE_BYTES] = byte;
    }
  }

  wide(address: number): bigint {
    return new DataView(this.bytes(address, 8).buffer).getBigUint64(0, true);
  }

  setWide(address: number, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.store(address, bytes);
  }

  #note(what: string, address: number): void {
    if (this.stray === '') this.stray = `the component ${what} 0x${address.toString(16)}, which is not its own`;
  }
}

/** A component that is led operation by operation. */
export class ComponentDesk<State> {
  readonly memory = new ComponentMemory();
  tsc = 0n;
  readonly #software: HostedSoftware<State>;
  #state: State;
  #input: SoftwareInput = { retired: 0, low: 0, high: 0, vectors: [] };

  constructor(software: HostedSoftware<State>) {
    this.#software = software;
    this.#state = software.initial;
  }

  /** Executes the next operation and returns it. */
  step(): Operation {
    const { state, operation } = this.#software.next(this.#state, this.#input);
    this.#state = state;
    const answer = this.#execute(operation);
    const retired = this.#input.retired + 1;
    this.#input = { retired, low: lowOfBig(answer), high: highOfBig(answer), vectors: [] };
    return operation;
  }

  #execute(operation: Operation): bigint {
    const { memory } = this;
    switch (operation.kind) {
      case 'read': {
        const bytes = new Uint8Array(8);
        bytes.set(memory.bytes(operation.address, operation.sizeBytes));
        return new DataView(bytes.buffer).getBigUint64(0, true);
      }
      case 'write': {
        const bytes = new Uint8Array(8);
        const view = new DataView(bytes.buffer);
        view.setUint32(0, operation.low, true);
        view.setUint32(4, operation.high, true);
        memory.store(operation.address, bytes.subarray(0, operation.sizeBytes));
        return 0n;
      }
      case 'copy':
        memory.store(operation.to, memory.bytes(operation.from, operation.sizeBytes));
        return 0n;
      case 'fill':
        memory.store(operation.address, new Uint8Array(operation.sizeBytes).fill(operation.pattern));
        return 0n;
      case 'hash':
        this.#hash(operation);
        return 0n;
      case 'rdtsc':
        return this.tsc;
      default:
        return 0n;
    }
  }

  #hash({ address, sizeBytes, state }: Extract<Operation, { kind: 'hash' }>): void {
    const bytes = this.memory.bytes(state, 4 * STATE_WORDS);
    const view = new DataView(bytes.buffer);
    const words = Uint32Array.from({ length: STATE_WORDS }, (_, index) => view.getUint32(4 * index, true));
    compressSha256(words, this.memory.bytes(address, sizeBytes));
    for (let index = 0; index < STATE_WORDS; index++) view.setUint32(4 * index, defined(words[index], 'word'), true);
    this.memory.store(state, bytes);
  }
}
