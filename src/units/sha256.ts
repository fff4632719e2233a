import { invariant } from './invariant.ts';

/** SHA-256 (FIPS 180-4) by its rounds, for software that keeps the state in its own memory. */

export const SHA256_BLOCK_BYTES = 64;

/** Fractional part of a root of a small prime, 32 bits: the constants are defined so (FIPS 180-4, sections 4.2.2 and 5.3.3). */
function primesUpTo(count: number): readonly number[] {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++)
    if (primes.every(prime => candidate % prime !== 0)) primes.push(candidate);
  return primes;
}

/** Floor of the `degree`-th root of a number, by bisection. */
function root(value: bigint, degree: bigint): bigint {
  let low = 0n;
  let high = value;
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (middle ** degree <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}

const fraction = (prime: number, degree: bigint): number =>
  Number(root(BigInt(prime) << (32n * degree), degree) & 0xffff_ffffn);

/** State before the first block. */
export const SHA256_INITIAL: readonly number[] = primesUpTo(8).map(prime => fraction(prime, 2n));
const ROUND_CONSTANTS = Uint32Array.from(primesUpTo(64).map(prime => fraction(prime, 3n)));

const rotated = (word: number, count: number): number => (word >>> count) | (word << (32 - count));
const schedule = new Uint32Array(64);

/** Takes the blocks of `bytes` into the state, which is eight words; the length is a multiple of 64. */
export function compressSha256(state: Uint32Array, bytes: Uint8Array): void {
  invariant(state.length === 8 && bytes.length % SHA256_BLOCK_BYTES === 0, 'whole blocks of SHA-256');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += SHA256_BLOCK_BYTES) {
    for (let index = 0; index < 16; index++) schedule[index] = view.getUint32(at + 4 * index);
    for (let index = 16; index < 64; index++) {
      const early = schedule[index - 15]!;
      const late = schedule[index - 2]!;
      const first = rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3);
      const second = rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10);
      schedule[index] = schedule[index - 16]! + first + schedule[index - 7]! + second;
    }
    compressBlock(state);
  }
}

function compressBlock(state: Uint32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let index = 0; index < 64; index++) {
    const sum1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const choice = (e & f) ^ (~e & g);
    const first = (h + sum1 + choice + ROUND_CONSTANTS[index]! + schedule[index]!) | 0;
    const sum0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + sum0 + majority) | 0;
  }
  const words = [a, b, c, d, e, f, g, h];
  for (let index = 0; index < 8; index++) state[index] = state[index]! + words[index]!;
}

/** The block that ends a message of whole blocks: a bit, zeros, and its length in bits. */
export function paddingBlock(messageBytes: number): Uint8Array {
  const block = new Uint8Array(SHA256_BLOCK_BYTES);
  block[0] = 0x80;
  new DataView(block.buffer).setBigUint64(SHA256_BLOCK_BYTES - 8, BigInt(messageBytes) * 8n);
  return block;
}
