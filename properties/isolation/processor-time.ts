import { pairProperty } from './pair-property.ts';

/** The time at which the low subject executes each of its operations, and how many it gets to. */
export const processorTime = pairProperty({
  id: 'isolation/processor-time',
  claim: 'When and how long a subject runs does not depend on what a subject of another scheduling partition does.',
  killedBy: ['deadline-relative'],
  effectiveRuns: 4,
  difference(low, left, right) {
    if (left.cutShort || right.cutShort) return '';
    const a = left.observer.low.times;
    const b = right.observer.low.times;
    const at = a.findIndex((tsc, index) => index < b.length && tsc !== b[index]);
    if (at >= 0) return `${low} executes its operation ${at} at TSC ${a[at]} on the left, ${b[at]} on the right`;
    return a.length === b.length ? '' : `${low} executes ${a.length} operations on the left, ${b.length} on the right`;
  },
});
