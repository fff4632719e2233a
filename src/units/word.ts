/** 2^32 as a number. */
export const TWO32 = 2 ** 32;

/** Low 32 bits of a non-negative safe integer. */
export const lowWord = (value: number): number => value >>> 0;
/** Bits 32..52 of a non-negative safe integer. */
export const highWord = (value: number): number => Math.floor(value / TWO32) >>> 0;
/** Joins two unsigned 32-bit halves; exact below 2^53. */
export const joinWords = (low: number, high: number): number => high * TWO32 + low;
/** Unsigned 64-bit value of two halves, exact. */
export const joinBig = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low);
/** Low half of an unsigned 64-bit value. */
export const lowOfBig = (value: bigint): number => Number(value & 0xffff_ffffn);
/** High half of an unsigned 64-bit value. */
export const highOfBig = (value: bigint): number => Number((value >> 32n) & 0xffff_ffffn);

/** True when the unsigned 64-bit value (lowA, highA) is at most (lowB, highB). */
export function lessOrEqual64(lowA: number, highA: number, lowB: number, highB: number): boolean {
  return highA < highB || (highA === highB && lowA <= lowB);
}

/** Index of the highest set bit of an unsigned 32-bit word, -1 for 0. */
export const highestBit32 = (word: number): number => 31 - Math.clz32(word);
