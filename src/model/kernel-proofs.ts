import * as events from './event-lemmas.ts';
import * as frames from './frame-lemmas.ts';
import * as injection from './injection-lemmas.ts';
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

/** What is proved of groups, sleep and events, and what the induction needs for it. */
export const EVENT_LEMMAS: readonly Lemma[] = [
  claim(
    'no-lost-wake-up',
    'A group whose active subject runs or has an event or interrupt pending is marked active, or being marked, unless the system ends.',
    events.noLostWakeUp,
  ),
  claim(
    'unmarked-groups-wait',
    'A group that is not marked active waits for its timeout, or is being marked.',
    events.unmarkedWaits,
  ),
  claim('entered-subject-runs', 'The subject that a CPU entered runs, or its partition sleeps.', events.enteredRuns),
  claim(
    'timer-list-sorted',
    'A timer list holds groups of its partition, each at most once, by ascending timeouts.',
    events.timersSorted,
  ),
  claim('handover-in-group', 'The active subject of a group belongs to the group.', events.activeInGroup),
  claim(
    'own-extended-state',
    'A CPU that entered a subject holds the FPU registers, stored MSRs and XCR0 of that subject.',
    events.ownExtendedState,
  ),
  help('injected-runs', 'A subject into which an interrupt is being injected runs.', injection.injectedRuns),
  help(
    'injected-is-entered',
    'An injection stays until the subject leaves its CPU, or as long as its entry fails.',
    injection.injectedIsEntered,
  ),
  help('sleeper-halts', 'A subject that a CPU entered and that does not run executes nothing.', events.sleeperHalts),
  help(
    'partition-runs-or-sleeps',
    'The subject of a partition runs, or the partition sleeps with the subject in HLT.',
    events.partitionRunsOrSleeps,
  ),
  help(
    'inactive-runs',
    'Subjects that another one of their group was handed over from are in the middle of something.',
    events.inactiveRuns,
  ),
  help(
    'handled-is-marked',
    'A CPU that delivered an event is in a group that is marked or being marked.',
    events.handledIsMarked,
  ),
  help(
    'source-is-current',
    'The subject that an event came from is the one that its CPU runs.',
    events.sourceIsCurrent,
  ),
  help(
    'handover-from-runner',
    'A source event hands over within the group that its CPU runs, from a subject that runs.',
    events.handoverInGroup,
  ),
  help(
    'timed-event-known',
    'Timed events are among those that a subject has, and hand nothing over.',
    events.timedEventKnown,
  ),
  help(
    'searched-group',
    'A group under search waits where it was unmarked, and is marked where it will run.',
    events.searchedGroup,
  ),
];
