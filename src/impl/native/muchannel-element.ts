import { mix32 } from '../../units/rng.ts';
import { big64, isEqual64, isZero64, type Word64, word64 } from './muchannel.ts';

/** Word `index` of test element `sequence`: the sequence number, then words that depend on all of them. */
export function elementWord(seed: number, sequence: number, index: number): Word64 {
  if (index === 0) return { low: sequence, high: 0 };
  const low = mix32((seed ^ Math.imul(sequence, 0x9e3779b1) ^ index) >>> 0);
  return { low, high: mix32(low ^ sequence) };
}

/**
 * Epoch of a new life of a channel: the start of the current minor frame, as Muen components take it; one more than the
 * old epoch if that would not differ. Never zero.
 */
export function freshEpoch(scheduleStart: Word64, previous: Word64): Word64 {
  if (!isZero64(scheduleStart) && !isEqual64(scheduleStart, previous)) return scheduleStart;
  const next = word64(big64(previous) + 1n);
  return isZero64(next) ? { low: 1, high: 0 } : next;
}
