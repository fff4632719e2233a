import { mix32 } from './rng.ts';

/** 64-bit content hash as two 32-bit lanes; not cryptographic (tamper evidence uses SHA-256 in src/host). */
export interface Digest {
  readonly high: number;
  readonly low: number;
}

/** Formats a digest as 16 hex digits. */
export function formatDigest(digest: Digest): string {
  return digest.high.toString(16).padStart(8, '0') + digest.low.toString(16).padStart(8, '0');
}

/** Hashes `count` 32-bit words of `words` from `start`. */
export function digestWords(words: Uint32Array, start: number, count: number, seed: number): Digest {
  let high = (seed ^ 0x9e3779b9) | 0;
  let low = (seed ^ 0x85ebca6b) | 0;
  for (let index = start; index < start + count; index++) {
    const word = words[index]!;
    high = Math.imul(high ^ word, 0x01000193);
    high ^= high >>> 15;
    low = Math.imul(low + word, 0xcc9e2d51);
    low ^= low >>> 13;
  }
  return { high: mix32(high ^ count), low: mix32(low + count) };
}

/** Hashes a string, for example canonical JSON. */
export function digestText(text: string): Digest {
  const words = new Uint32Array(text.length);
  for (let index = 0; index < text.length; index++) words[index] = text.charCodeAt(index);
  return digestWords(words, 0, words.length, text.length);
}
