import { lessOrEqual64 } from '../units/word.ts';
import type { KernelConfig } from './kernel-config.ts';
import type { KernelState } from './kernel-state.ts';
import type { ModelInvariant, ModelWitness } from './model.ts';
import { currentGroup, currentPartition, currentSubject } from './scheduler.ts';
import { candidateGroup, isMarkedActive, isWaiting } from './scheduler-groups.ts';

/* What the kernel keeps in every state, and what must be reachable so that this is worth something. `modes[cpu]` is where a CPU stands. */

type State = Readonly<KernelState>;
type Modes = readonly string[];

/** All group ids. */
const groupIds = (config: KernelConfig): number[] => config.groupPartition.map((_, group) => group).slice(1);

const isMarked = (state: State, group: number, config: KernelConfig): boolean =>
  isMarkedActive(state, config.groupPartition[group]!, config.groupIndex[group]!);

/** Modes between clearing the mark of the examined group and having looked again. */
const SCAN_RECHECKS = ['access.scanRecheck', 'access.scanMark'];
const REST_RECHECKS = ['access.restRecheck', 'access.restMark'];
const INDICATIONS = ['access.indicate', 'access.interruptIndicate'];

/** Modes of a CPU that does not return to a subject. */
const ENDINGS = ['access.auditSlot', 'access.auditCount', 'access.auditReset', 'stopped', 'dead'];

/** A CPU is going to mark the group: it tells it of an event, or looks once more before it leaves it unmarked. */
function isBeingMarked(state: State, modes: Modes, group: number, config: KernelConfig): boolean {
  return modes.some((mode, cpu) => {
    if (INDICATIONS.includes(mode)) return config.subjectGroup[state.cpus[cpu]!.target] === group;
    if (mode === 'access.timerMark') return state.cpus[cpu]!.chosen === group;
    if (SCAN_RECHECKS.includes(mode)) return candidateGroup(state, cpu, config) === group;
    return REST_RECHECKS.includes(mode) && currentGroup(state, cpu, config) === group;
  });
}

/** The active subject of the group runs, or an event or interrupt waits for it. */
function hasCause(state: State, group: number): boolean {
  const subject = state.subjects[state.groups[group]!.activeSubject]!;
  return (
    subject.running || subject.pendingLow !== 0 || subject.pendingHigh !== 0 || subject.irqs.some(word => word !== 0)
  );
}

function wakeUpInvariants(config: KernelConfig): ModelInvariant<KernelState>[] {
  return [
    {
      id: 'no-lost-wake-up',
      claim:
        'A group whose active subject runs or has an event or interrupt pending is marked active, or some CPU stands before the access that marks it or looks at it again.',
      holds: (state, modes) =>
        groupIds(config).every(
          group =>
            !hasCause(state, group) ||
            isMarked(state, group, config) ||
            isBeingMarked(state, modes, group, config) ||
            modes.some(mode => ENDINGS.includes(mode)),
        ),
    },
    {
      id: 'unmarked-groups-wait',
      claim: 'A group that is not marked active stands in the timer list of its partition, or is being marked.',
      holds: (state, modes) =>
        groupIds(config).every(
          group =>
            isMarked(state, group, config) ||
            isWaiting(state, config.groupPartition[group]!, group) ||
            isBeingMarked(state, modes, group, config),
        ),
    },
    {
      id: 'entered-subject-runs',
      claim: 'The subject that a CPU entered runs, or its partition sleeps.',
      holds: (state, modes) =>
        modes.every(
          (mode, cpu) =>
            mode !== 'guest' ||
            state.subjects[currentSubject(state, cpu, config)]!.running ||
            state.partitions[currentPartition(state, cpu, config)]!.sleeping,
        ),
    },
  ];
}

/** Timer lists: own groups, each once, by timeout. */
function timersSorted(config: KernelConfig): ModelInvariant<KernelState> {
  return {
    id: 'timer-list-sorted',
    claim: 'A timer list holds groups of its partition, each at most once, in ascending order of timeouts.',
    holds: state =>
      state.partitions.every(({ timers, timerCount }, partition) => {
        const listed = timers.slice(0, timerCount);
        const isOrdered = listed.every((group, slot) => {
          const before = state.groups[listed[slot - 1] ?? 0]!;
          const { timeoutLow, timeoutHigh } = state.groups[group]!;
          return slot === 0 || lessOrEqual64(before.timeoutLow, before.timeoutHigh, timeoutLow, timeoutHigh);
        });
        return (
          isOrdered &&
          new Set(listed).size === listed.length &&
          listed.every(group => config.groupPartition[group] === partition) &&
          timers.slice(timerCount).every(group => group === 0)
        );
      }),
  };
}

const BARRIER_MODES = [
  'access.barrierRead',
  'access.barrierAdd',
  'access.barrierReset',
  'access.barrierRelease',
  'access.barrierSpin',
];

/** Position of the minor frame that names `barrier` in a CPU's plan, 1-based; 0 if none does. */
const minorOf = (config: KernelConfig, cpu: number, major: number, barrier: number): number =>
  config.plans[cpu]![major]!.findIndex(minor => minor.barrier === barrier) + 1;

function barrierInvariants(config: KernelConfig): ModelInvariant<KernelState>[] {
  const arrived = ['access.barrierSpin', 'access.barrierReset'];
  return [
    {
      id: 'barrier-count',
      claim:
        'Fewer CPUs than the size of a barrier are counted at it, except that all are while the last one stands before resetting it.',
      holds: (state, modes) =>
        state.barriers.every(({ count, size }, barrier) => {
          const isResetting = modes.some(
            (mode, cpu) => mode === 'access.barrierReset' && state.cpus[cpu]!.barrier === barrier,
          );
          return isResetting ? count === size : count < size;
        }),
    },
    {
      id: 'barrier-count-is-waiters',
      claim: 'The count of a barrier is the number of CPUs that arrived at it and were not released.',
      holds: (state, modes) =>
        state.barriers.every(({ count, sense }, barrier) => {
          const isReleasing = modes.some(
            (mode, cpu) => mode === 'access.barrierRelease' && state.cpus[cpu]!.barrier === barrier,
          );
          const waiting = modes.filter((mode, cpu) => {
            const local = state.cpus[cpu]!;
            return arrived.includes(mode) && local.barrier === barrier && local.awaitedSense !== sense;
          });
          return isReleasing ? count === 0 : count === waiting.length;
        }),
    },
    {
      id: 'barrier-separates',
      claim: 'No CPU runs a subject in a frame behind a barrier while another one runs a subject before it.',
      holds: (state, modes) => {
        for (let barrier = 1; barrier <= config.barrierCount; barrier++) {
          const sides = modes.flatMap((mode, cpu) => {
            const minor = minorOf(config, cpu, state.major, barrier);
            return mode === 'guest' && minor !== 0 ? [state.cpus[cpu]!.minor > minor] : [];
          });
          if (sides.includes(true) && sides.includes(false)) return false;
        }
        return true;
      },
    },
    {
      id: 'major-advances-alone',
      claim: 'While the boot processor starts a major frame, every other CPU stands at the all-CPU barrier.',
      holds: (state, modes) =>
        !modes.includes('access.majorAdvance') ||
        modes.every(
          (mode, cpu) =>
            mode === 'access.majorAdvance' ||
            ((BARRIER_MODES.includes(mode) || mode === 'choose.released') && state.cpus[cpu]!.barrier === 0),
        ),
    },
  ];
}

/** Modes of a CPU that holds the lock of the I/O APIC. */
const LOCKED = ['access.lineSelect', 'access.lineRead', 'access.lineWrite', 'access.lockRelease'];

function frameInvariants(config: KernelConfig): ModelInvariant<KernelState>[] {
  return [
    {
      id: 'published-frame',
      claim: "The scheduling information of the partition that a CPU runs ends at the deadline of the CPU's frame.",
      holds: (state, modes) =>
        modes.every((mode, cpu) => {
          if (mode !== 'guest') return true;
          const frame = config.plans[cpu]![state.major]![state.cpus[cpu]!.minor - 1]!;
          return state.partitions[frame.partition]!.endTsc === state.majorStartTsc + frame.deadlineCycles;
        }),
    },
    {
      id: 'handover-in-group',
      claim: 'The active subject of a group belongs to the group.',
      holds: state =>
        groupIds(config).every(group => config.subjectGroup[state.groups[group]!.activeSubject] === group),
    },
    {
      id: 'own-extended-state',
      claim: 'A CPU that entered a subject holds the FPU registers, stored MSRs and XCR0 of that subject.',
      holds: (state, modes) =>
        modes.every((mode, cpu) => {
          if (mode !== 'guest') return true;
          const subject = currentSubject(state, cpu, config);
          return state.cpus[cpu]!.owner === subject && state.cpus[cpu]!.xcr0 === state.subjects[subject]!.xcr0;
        }),
    },
    {
      id: 'lock-is-held',
      claim: 'The lock of the I/O APIC is taken exactly while one CPU stands between taking and releasing it.',
      holds: (state, modes) => modes.filter(mode => LOCKED.includes(mode)).length === (state.lock ? 1 : 0),
    },
    {
      id: 'window-for-the-rest',
      claim: 'A CPU that entered a subject with an interrupt left to deliver leaves it again when it can be delivered.',
      holds: (state, modes) =>
        modes.every((mode, cpu) => {
          if (mode !== 'guest') return true;
          const subject = state.subjects[currentSubject(state, cpu, config)]!;
          return subject.windowOpen || subject.irqs.every(word => word === 0);
        }),
    },
  ];
}

/** What the kernel of a configuration keeps in every reachable state. */
export function kernelInvariants(config: KernelConfig): ModelInvariant<KernelState>[] {
  return [...wakeUpInvariants(config), timersSorted(config), ...barrierInvariants(config), ...frameInvariants(config)];
}

/** Ids of the witnesses. */
export type KernelWitness = keyof ReturnType<typeof witnessTable>;

function witnessTable(config: KernelConfig) {
  const anyCpu = (state: State, modes: Modes, test: (mode: string, cpu: number) => boolean): boolean =>
    state.cpus.some((_, cpu) => test(modes[cpu]!, cpu));
  const inMode =
    (...wanted: string[]) =>
    (_: State, modes: Modes): boolean =>
      modes.some(mode => wanted.includes(mode));
  return {
    'partition-sleeps': {
      description: 'A partition sleeps while its CPU runs on.',
      seen: (state: State, modes: Modes) =>
        anyCpu(state, modes, (mode, cpu) => mode === 'guest' && state.cpus[cpu]!.halted),
    },
    'wake-up-race': {
      description: 'An event arrives between the first look at a group and the clearing of its mark.',
      seen: inMode('access.scanMark', 'access.restMark'),
    },
    'spurious-mark': {
      description: 'A group is marked although its active subject has nothing to do.',
      seen: (state: State, modes: Modes) =>
        modes.every(mode => mode === 'guest') &&
        groupIds(config).some(group => isMarked(state, group, config) && !hasCause(state, group)),
    },
    'two-waiting': {
      description: 'Two groups wait in one timer list.',
      seen: (state: State) => state.partitions.some(({ timerCount }) => timerCount > 1),
    },
    'timeout-marks': { description: 'A timeout marks a group.', seen: inMode('access.timerMark') },
    'stale-timeout': {
      description:
        'A group waits for a later time than its active subject asked for (Muen does not refresh a timeout).',
      seen: (state: State) =>
        state.partitions.some(({ timers, timerCount }) =>
          timers.slice(0, timerCount).some(group => {
            const { timeoutLow, timeoutHigh, activeSubject } = state.groups[group]!;
            const { triggerLow, triggerHigh, running } = state.subjects[activeSubject]!;
            return !running && !lessOrEqual64(timeoutLow, timeoutHigh, triggerLow, triggerHigh);
          }),
        ),
    },
    'barrier-spin': { description: 'A CPU waits at a barrier.', seen: inMode('access.barrierSpin') },
    'lock-spin': { description: 'A CPU waits for the lock of the I/O APIC.', seen: inMode('access.lockSpin') },
    'other-major-frame': { description: 'Another major frame runs.', seen: (state: State) => state.major !== 0 },
    injected: {
      description: 'A vector is injected.',
      seen: (state: State) => state.subjects.some(({ injection }) => injection !== 0),
    },
    'line-masked': {
      description: 'A level-triggered line is masked.',
      seen: (state: State) => state.maskedIrqs.some(word => word !== 0),
    },
    'subject-reset': { description: 'A subject is reset.', seen: inMode('access.clearEvents') },
    'handed-over': {
      description: 'A group runs another subject than at first.',
      seen: (state: State) =>
        groupIds(config).some(group => state.groups[group]!.activeSubject !== config.initialSubject[group]),
    },
    dead: { description: 'A CPU stops because all dumps are taken.', seen: inMode('dead') },
    rebooted: { description: 'The system reboots.', seen: (state: State) => state.outcome === 1 },
    'powered-off': { description: 'The system powers off.', seen: (state: State) => state.outcome === 2 },
    stopped: { description: 'The system stops.', seen: (state: State) => state.outcome !== 0 },
  } as const;
}

/** The named witnesses for a configuration. */
export function kernelWitnesses(config: KernelConfig, ids: readonly KernelWitness[]): ModelWitness<KernelState>[] {
  const table = witnessTable(config);
  return ids.map(id => ({ id, ...table[id] }));
}
