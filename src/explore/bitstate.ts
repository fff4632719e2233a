import type { PackedSystem } from './packed-system.ts';
import { hashWords } from './state-table.ts';

/** Outcome of a search that remembers states by bits only (Holzmann, "An Analysis of Bitstate Hashing"). */
export interface BitstateResult {
  /** States whose bits were new: a state whose bits all were set before is taken for a known one. */
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** Share of the bits that are set at the end; the larger, the more states were missed. */
  readonly filled: number;
  /** Probability that a state not seen before was taken for a known one at the end: `filled` to the number of hashes. */
  readonly missed: number;
  /** Invariant that some seen state violates, with the state's depth. */
  readonly violation: { readonly claim: number; readonly depth: number } | undefined;
  /** Why it ended early; empty if nothing was left. */
  readonly reason: string;
}

const HASHES = 3;
const BLOCK = 4096;

/** Bits by hash: as many states as there is room for bits, at the price of missing some. */
class Bits {
  private readonly bytes: Uint8Array;
  private readonly mask: number;
  set = 0;

  constructor(log2Bits: number) {
    this.bytes = new Uint8Array(2 ** (log2Bits - 3));
    this.mask = 2 ** log2Bits - 1;
  }

  get size(): number {
    return this.bytes.length * 8;
  }

  /** Sets the bits of a state; true if one of them was clear. */
  add(states: Uint32Array, offset: number, words: number): boolean {
    const first = hashWords(states, offset, words);
    // Two independent words give any number of hashes (Kirsch and Mitzenmacher, "Less Hashing, Same Performance").
    const second = Math.imul(first ^ (first >>> 13), 0x5bd1e995) ^ hashOther(states, offset, words);
    let isNew = false;
    for (let hash = 0; hash < HASHES; hash++) {
      const bit = (first + Math.imul(hash, second | 1)) & this.mask;
      const at = (bit >>> 3) & 0x1fff_ffff;
      const value = 1 << (bit & 7);
      if ((this.bytes[at]! & value) !== 0) continue;
      this.bytes[at] = this.bytes[at]! | value;
      this.set += 1;
      isNew = true;
    }
    return isNew;
  }
}

function hashOther(states: Uint32Array, offset: number, words: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let word = 0; word < words; word++) {
    hash = Math.imul(hash ^ states[offset + word]!, 0x01000193);
    hash ^= hash >>> 17;
  }
  return hash;
}

/** States of one level, one after the other, in an array that grows. */
class Level {
  states: Uint32Array;
  count = 0;
  private readonly words: number;

  constructor(words: number) {
    this.words = words;
    this.states = new Uint32Array(words * BLOCK);
  }

  push(from: Uint32Array, offset: number): void {
    if ((this.count + 1) * this.words > this.states.length) {
      const grown = new Uint32Array(this.states.length * 2);
      grown.set(this.states);
      this.states = grown;
    }
    for (let word = 0; word < this.words; word++) this.states[this.count * this.words + word] = from[offset + word]!;
    this.count += 1;
  }
}

/**
 * Breadth-first search with bits instead of states: memory holds two levels and the bits. It can miss states, so it never proves anything.
 *
 * @param log2Bits number of bits as a power of two, 10 .. 32.
 */
export function bitstateSearch(
  system: PackedSystem,
  log2Bits: number,
  stop: () => boolean = () => false,
): BitstateResult {
  const { words, claims } = system;
  const bits = new Bits(log2Bits);
  const out = new Uint32Array(Math.max(1, system.maxSuccessors) * words);
  const labels = new Uint32Array(Math.max(1, system.maxSuccessors));
  const settled = Uint8Array.from(claims, ({ kind }) => (kind === 'invariant' ? 0 : 1));
  let level = new Level(words);
  for (let offset = 0; offset < system.initial.length; offset += words)
    if (bits.add(system.initial, offset, words)) level.push(system.initial, offset);
  let states = level.count;
  let transitions = 0;
  let depth = 0;
  let violation: BitstateResult['violation'];
  let reason = '';
  for (; level.count > 0 && reason === '' && violation === undefined; depth++) {
    const next = new Level(words);
    for (let state = 0; state < level.count && violation === undefined; state++) {
      if (state % BLOCK === 0 && stop()) {
        reason = 'stopped';
        break;
      }
      const offset = state * words;
      system.judge(level.states, offset, settled, claim => {
        violation ??= { claim, depth };
      });
      const count = system.expand(level.states, offset, out, labels);
      if (count < 0) {
        reason = `a step leaves the bounds of the state at depth ${depth}`;
        break;
      }
      transitions += count;
      for (let index = 0; index < count; index++) {
        if (!bits.add(out, index * words, words)) continue;
        next.push(out, index * words);
        states += 1;
      }
    }
    level = next;
  }
  const filled = bits.set / bits.size;
  return { states, transitions, depth: Math.max(0, depth - 1), filled, missed: filled ** HASHES, violation, reason };
}
