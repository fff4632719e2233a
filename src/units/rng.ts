import { TWO32 } from './word.ts';

/** Seeded generator with explicit state, so that a stream can be split, saved and resumed. */
export interface Rng {
  /** Next unsigned 32-bit word. */
  next(): number;
  /** Integer in 0 .. bound-1; `bound` is 1 .. 2^32. */
  below(bound: number): number;
}

/** Mixes a 32-bit word (the finaliser of MurmurHash3). */
export function mix32(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Seed of a named sub-stream: adding a consumer with a new name never shifts the others. */
export function deriveSeed(seed: number, name: string): number {
  let hash = seed >>> 0;
  for (let index = 0; index < name.length; index++) {
    hash = mix32((Math.imul(hash, 0x01000193) ^ name.charCodeAt(index)) >>> 0);
  }
  return hash;
}

/** sfc32 (Doty-Humphrey's "small fast counting" generator) seeded from one word. */
export function createRng(seed: number): Rng {
  let a = mix32(seed ^ 0x9e3779b9);
  let b = mix32(a + 0x243f6a88);
  let c = mix32(b + 0xb7e15162);
  let counter = 1;
  const next = (): number => {
    const out = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + out) | 0;
    return out >>> 0;
  };
  for (let warmUp = 0; warmUp < 12; warmUp++) next();
  return { next, below: bound => Math.floor((next() / TWO32) * bound) };
}
