import { firstMemoryDifference, firstViewDifference, type SubjectView } from '../../src/refinement/noninterference.ts';
import { pairProperty, type Side } from './pair-property.ts';

/** What the low subject sees: registers, memory, interrupts and time values, operation by operation, prefix against prefix. */
export const noninterference = pairProperty({
  id: 'isolation/noninterference',
  claim: 'A subject learns nothing from what another subject does, except over a flow that the policy permits.',
  killedBy: [
    'event-to-wrong-subject',
    'registers-not-cleared',
    'interrupt-to-wrong-subject',
    'stale-translation',
    'fpu-not-restored',
    'dma-untranslated',
  ],
  effectiveRuns: 20,
  difference(low, left, right, frames) {
    const at = firstViewDifference(left.observer.low, right.observer.low);
    if (at >= 0) return describe(low, left.observer.low, right.observer.low, at);
    // Sides that end at different times leave nothing to compare; a policy may permit one to stop the system.
    const frame = isCut(left, right) ? -1 : firstMemoryDifference(left.memory, right.memory);
    return frame < 0 ? '' : `memory that ${low} can read differs at the end: ${frames.describe(frame)}`;
  },
});

const isCut = (left: Side, right: Side): boolean => left.cutShort || right.cutShort;

function describe(low: string, left: SubjectView, right: SubjectView, at: number): string {
  const a = left.details?.[at];
  const b = right.details?.[at];
  const place = `${low} sees a difference at its operation ${at}`;
  if (a === undefined || b === undefined) return place;
  if (a.vectors !== b.vectors) return `${place}: interrupts [${a.vectors}] on the left, [${b.vectors}] on the right`;
  if (a.low !== b.low || a.high !== b.high) {
    return `${place}: it reads 0x${a.high.toString(16)}_${a.low.toString(16)} on the left, 0x${b.high.toString(16)}_${b.low.toString(16)} on the right`;
  }
  if (a.exit !== b.exit) return `${place}: exit ${a.exit} on the left, ${b.exit} on the right`;
  return `${place}: its registers differ`;
}
