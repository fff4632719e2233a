/** Largest number of states: an index and the empty slot share 32 bits. */
const MAX_STATES = 0xffff_fffe;
const INITIAL_CAPACITY = 1 << 12;
/** A table grows when this share of its slots is used. */
const FULL = 0.6;

/** The arrays of a table, for another thread to look states up in. */
export interface TableArrays {
  readonly words: number;
  readonly states: Uint32Array;
  readonly slots: Uint32Array;
}

/** Hash of `words` words: every word is multiplied in, then the bits are mixed so that the low ones depend on all. */
export function hashWords(states: Uint32Array, offset: number, words: number): number {
  let hash = 0x9e3779b9 | 0;
  for (let word = 0; word < words; word++) {
    hash = Math.imul(hash ^ states[offset + word]!, 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** True if the state is in the table; safe while no thread inserts. */
export function tableHas({ words, states, slots }: TableArrays, from: Uint32Array, offset: number): boolean {
  const mask = slots.length - 1;
  for (let slot = hashWords(from, offset, words) & mask; ; slot = (slot + 1) & mask) {
    const found = slots[slot]!;
    if (found === 0) return false;
    const at = (found - 1) * words;
    let word = 0;
    while (word < words && states[at + word] === from[offset + word]) word += 1;
    if (word === words) return true;
  }
}

/**
 * Set of packed states in insertion order, each with the index of its parent.
 *
 * Open addressing: a slot holds an index + 1, 0 is empty. Memory stays below `limitBytes`, also while the table grows.
 */
export class StateTable implements TableArrays {
  readonly words: number;
  size = 0;
  states: Uint32Array;
  slots: Uint32Array;
  parents: Uint32Array;
  private readonly limitBytes: number;
  private readonly shared: boolean;

  constructor(words: number, limitBytes: number, shared = false) {
    this.words = words;
    this.limitBytes = limitBytes;
    this.shared = shared;
    this.states = this.allocate(INITIAL_CAPACITY * words);
    this.parents = this.allocate(INITIAL_CAPACITY);
    this.slots = this.allocate(INITIAL_CAPACITY * 2);
  }

  /** Bytes of all arrays. */
  get bytes(): number {
    return 4 * (this.states.length + this.parents.length + this.slots.length);
  }

  /** Adds a state that is not in the table yet: its index, -1 if it was there, -2 if there is no memory for it. */
  add(from: Uint32Array, offset: number, parent: number): number {
    const { words, states, slots } = this;
    const mask = slots.length - 1;
    let slot = hashWords(from, offset, words) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const found = slots[slot]!;
      if (found === 0) break;
      const at = (found - 1) * words;
      let word = 0;
      while (word < words && states[at + word] === from[offset + word]) word += 1;
      if (word === words) return -1;
    }
    const index = this.size;
    if (index >= this.parents.length || index >= this.slots.length * FULL) {
      if (!this.makeRoom()) return -2;
      return this.add(from, offset, parent);
    }
    const at = index * words;
    for (let word = 0; word < words; word++) states[at + word] = from[offset + word]!;
    this.parents[index] = parent;
    slots[slot] = index + 1;
    this.size = index + 1;
    return index;
  }

  /** Index of a state, -1 if it is not there. */
  indexOf(from: Uint32Array, offset: number): number {
    const { words, states, slots } = this;
    const mask = slots.length - 1;
    for (let slot = hashWords(from, offset, words) & mask; ; slot = (slot + 1) & mask) {
      const found = slots[slot]!;
      if (found === 0) return -1;
      const at = (found - 1) * words;
      let word = 0;
      while (word < words && states[at + word] === from[offset + word]) word += 1;
      if (word === words) return found - 1;
    }
  }

  private allocate(length: number): Uint32Array {
    return this.shared ? new Uint32Array(new SharedArrayBuffer(4 * length)) : new Uint32Array(length);
  }

  /** Room for one more state; false if that would pass the limit. */
  private makeRoom(): boolean {
    if (this.size >= MAX_STATES) return false;
    if (this.size >= this.parents.length) {
      const capacity = Math.min(MAX_STATES, Math.ceil(this.parents.length * 1.5));
      const grown = 4 * capacity * (this.words + 1);
      if (grown + this.bytes > this.limitBytes) return false;
      this.states = this.copyInto(this.states, capacity * this.words);
      this.parents = this.copyInto(this.parents, capacity);
    }
    if (this.size >= this.slots.length * FULL) {
      if (4 * 2 * this.slots.length + this.bytes > this.limitBytes) return false;
      this.rehash(this.slots.length * 2);
    }
    return true;
  }

  private copyInto(from: Uint32Array, length: number): Uint32Array {
    const to = this.allocate(length);
    to.set(from);
    return to;
  }

  private rehash(length: number): void {
    const slots = this.allocate(length);
    const mask = length - 1;
    for (let index = 0; index < this.size; index++) {
      let slot = hashWords(this.states, index * this.words, this.words) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
    this.slots = slots;
  }
}
