import { firstMemoryDifference, firstViewDifference } from '../../src/refinement/noninterference.ts';
import { pairProperty } from './pair-property.ts';

/** The high subject runs machine code of its own on the processor; what the low one sees must not depend on it. */
export const machineCodeNoninterference = pairProperty({
  id: 'isolation/machine-code',
  claim: 'A subject learns nothing from the machine code that another subject runs, except over a permitted flow.',
  killedBy: ['deadline-relative', 'registers-not-cleared', 'guest-translations-shared'],
  effectiveRuns: 2,
  effectiveRunsOfFew: 6,
  runsMachineCode: true,
  operationsPerFrame: 24,
  difference(low, left, right, frames) {
    const at = firstViewDifference(left.observer.low, right.observer.low);
    if (at >= 0) return `${low} sees a difference at its operation ${at}`;
    if (left.cutShort || right.cutShort) return '';
    const frame = firstMemoryDifference(left.memory, right.memory);
    if (frame >= 0) return `memory that ${low} can read differs at the end: ${frames.describe(frame)}`;
    const times = left.observer.low.times;
    const late = times.findIndex((tsc, index) => tsc !== right.observer.low.times[index]);
    return late < 0 ? '' : `${low} executes its operation ${late} at another time`;
  },
});
