import type { Claim, PackedSystem } from '../../src/explore/packed-system.ts';

/** Counters 0 .. limit - 1 that count up one at a time, wrapping, in base `limit`: limit ** digits states. */
export function counters(digits: number, limit: number, claims: readonly Claim[] = []): PackedSystem {
  return {
    words: digits,
    bits: 32 * digits,
    initial: new Uint32Array(digits),
    maxSuccessors: digits,
    claims,
    expand(states, offset, out, labels) {
      for (let digit = 0; digit < digits; digit++) {
        for (let word = 0; word < digits; word++) out[digit * digits + word] = states[offset + word]!;
        out[digit * digits + digit] = (states[offset + digit]! + 1) % limit;
        labels[digit] = digit;
      }
      return digits;
    },
    judge(states, offset, settled, judge) {
      const sum = Array.from(states.subarray(offset, offset + digits)).reduce((a, b) => a + b, 0);
      if (claims.length > 0 && settled[0] === 0 && sum >= digits * (limit - 1)) judge(0);
    },
    describeLabel: label => `count ${label}`,
    view: (states, offset) => ({ modes: [], state: Array.from(states.subarray(offset, offset + digits)) }),
    difference: () => [],
  };
}
