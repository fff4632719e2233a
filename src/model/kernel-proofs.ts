import * as frames from './frame-lemmas.ts';
import type { Lemma } from './model.ts';

const claim = (id: string, text: string, holds: Lemma['holds']): Lemma => ({
  id,
  claim: text,
  purpose: 'claim',
  holds,
});
const help = (id: string, text: string, holds: Lemma['holds']): Lemma => ({ id, claim: text, purpose: 'help', holds });

/** What is proved of minor frames and barriers, and what the induction needs for it. */
export const FRAME_LEMMAS: readonly Lemma[] = [
  claim(
    'barrier-count',
    'Fewer CPUs than its size are counted at a barrier, except while the last one resets it.',
    frames.countBelowSize,
  ),
  claim(
    'barrier-count-is-waiters',
    'The count of a barrier is the number of CPUs that wait at it.',
    frames.countIsWaiters,
  ),
  claim(
    'barrier-separates',
    'No CPU runs a subject behind a barrier while another one runs a subject before it.',
    frames.barrierSeparates,
  ),
  claim(
    'major-advances-alone',
    'While the boot processor starts a major frame, every other CPU stands at the barrier of all.',
    frames.advancesAlone,
  ),
  claim(
    'published-frame',
    "The partition that a CPU runs is told the end of the CPU's minor frame.",
    frames.publishedFrame,
  ),
  help(
    'close-together',
    'All CPUs are between the two meetings at the end of a major frame, or none is.',
    frames.closeTogether,
  ),
  help('beyond-together', 'The CPUs of a minor barrier are before it together, or beyond it.', frames.beyondTogether),
  help('barrier-sizes', 'Sizes of barriers are those of the major frame.', frames.barrierSizes),
  help(
    'awaits-other',
    'A CPU that is about to arrive waits for the sense that the barrier does not have.',
    frames.awaitsOther,
  ),
  help('others-wait', 'While the last CPU releases a barrier, all others of it wait there.', frames.othersWait),
  help(
    'barrier-of-frame',
    'The barrier that a CPU goes to is that of its minor frame, or the one at the end.',
    frames.barrierOfFrame,
  ),
  help(
    'minor-in-plan',
    'The minor frame of a CPU is one of its plan, except between the meetings.',
    frames.minorInPlan,
  ),
];
