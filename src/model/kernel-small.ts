import type { KernelConfig, Route, SourceEvent, TargetEvent } from './kernel-config.ts';
import {
  ACTION_NONE,
  ACTION_PANIC,
  ACTION_POWER_OFF,
  ACTION_REBOOT,
  ACTION_SLEEP,
  ACTION_UNMASK,
  ACTION_YIELD,
  TARGET_INJECT,
  TARGET_NONE,
  TARGET_RESET,
} from './kernel-config.ts';

/**
 * Kernels that are small enough to explore completely. Their major frames have period 0, so that time does not grow: every
 * major frame happens at the same TSC values, which the alphabets choose from.
 */

const nothing: SourceEvent = {
  action: ACTION_NONE,
  target: -1,
  targetEvent: -1,
  handover: false,
  ipi: false,
  irq: 0,
};
const sleep: SourceEvent = { ...nothing, action: ACTION_SLEEP };
const yields: SourceEvent = { ...nothing, action: ACTION_YIELD };
const panic: SourceEvent = { ...nothing, action: ACTION_PANIC };
const reboot: SourceEvent = { ...nothing, action: ACTION_REBOOT };
const powerOff: SourceEvent = { ...nothing, action: ACTION_POWER_OFF };
const unmask: SourceEvent = { ...nothing, action: ACTION_UNMASK, irq: 1 };
/** Sets an event pending without switching to its target. */
const tell = (target: number, targetEvent: number): SourceEvent => ({ ...nothing, target, targetEvent });
/** Switches to the target; -1 for a pure handover. */
const switchTo = (target: number, targetEvent: number): SourceEvent => ({
  ...nothing,
  target,
  targetEvent,
  handover: true,
});

const wake: TargetEvent = { action: TARGET_NONE, vector: 0 };
const inject: TargetEvent = { action: TARGET_INJECT, vector: 35 };
const reset: TargetEvent = { action: TARGET_RESET, vector: 0 };

const unrouted: Route = { subject: -1, vector: 0, level: false };
/** Host vectors 0 .. 255, one of them routed. */
const routed = (vector: number, route: Route): Route[] =>
  Array.from({ length: 256 }, (_, number) => (number === vector ? route : unrouted));

/** Host vector of the one device interrupt. */
export const DEVICE_VECTOR = 33;
/** The one trap number that the alphabets use besides unknown ones. */
export const TRAP = 0;

const common = {
  timerUnitCycles: 8,
  xcr0Features: 0b111,
  deliveriesPerExit: 2,
  lastLine: 23,
  maxDumps: 3,
  apicIds: [0, 2],
  lines: [],
  routes: routed(DEVICE_VECTOR, unrouted),
} as const;

/** Tables that depend only on how many there are. */
const entryPoints = (subjects: number) => ({
  resetRipLow: Array.from({ length: subjects }, () => 0),
  resetRipHigh: Array.from({ length: subjects }, () => 0),
  storedMsrs: Array.from({ length: subjects }, () => []),
});

/** One CPU; a guest and its monitor share a group and hand over to each other, a device interrupts the monitor. */
export const monitoredGuest: KernelConfig = {
  ...common,
  ...entryPoints(2),
  cpuCount: 1,
  plans: [[[{ partition: 1, barrier: 0, deadlineCycles: 8 }]]],
  periodsCycles: [0],
  barrierSizes: [[]],
  barrierCount: 0,
  partitionGroups: [[], [1]],
  partitionNames: ['none', 'guest'],
  groupPartition: [0, 1],
  groupIndex: [0, 0],
  initialSubject: [0, 0],
  subjectNames: ['guest', 'monitor'],
  subjectCpu: [0, 0],
  subjectGroup: [1, 1],
  vmcalls: [
    [sleep, nothing, nothing, nothing],
    [switchTo(0, 0), switchTo(0, 1), tell(0, 0), unmask],
  ],
  traps: [[switchTo(1, -1)], [panic]],
  targets: [
    [inject, reset],
    [wake, wake],
  ],
  routes: routed(DEVICE_VECTOR, { subject: 1, vector: 34, level: true }),
};

/** One CPU and one subject that sleeps, sets its timed event, and is woken by a device. */
export const sleeper: KernelConfig = {
  ...common,
  ...entryPoints(1),
  cpuCount: 1,
  plans: [
    [
      [
        { partition: 1, barrier: 0, deadlineCycles: 4 },
        { partition: 1, barrier: 0, deadlineCycles: 8 },
      ],
    ],
  ],
  periodsCycles: [0],
  barrierSizes: [[]],
  barrierCount: 0,
  partitionGroups: [[], [1]],
  partitionNames: ['none', 'sleeper'],
  groupPartition: [0, 1],
  groupIndex: [0, 0],
  initialSubject: [0, 0],
  subjectNames: ['sleeper'],
  subjectCpu: [0],
  subjectGroup: [1],
  vmcalls: [[sleep, tell(0, 0)]],
  traps: [[panic]],
  targets: [[inject]],
  routes: routed(DEVICE_VECTOR, { subject: 0, vector: 34, level: false }),
};

/** One CPU and two partitions: the first has two groups of one subject, the second one. */
export const twoPartitions: KernelConfig = {
  ...common,
  ...entryPoints(3),
  cpuCount: 1,
  plans: [
    [
      [
        { partition: 1, barrier: 0, deadlineCycles: 4 },
        { partition: 2, barrier: 0, deadlineCycles: 8 },
      ],
    ],
  ],
  periodsCycles: [0],
  barrierSizes: [[]],
  barrierCount: 0,
  partitionGroups: [[], [1, 2], [3]],
  partitionNames: ['none', 'shared', 'driver'],
  groupPartition: [0, 1, 1, 2],
  groupIndex: [0, 0, 1, 0],
  initialSubject: [0, 0, 1, 2],
  subjectNames: ['first', 'second', 'driver'],
  subjectCpu: [0, 0, 0],
  subjectGroup: [1, 2, 3],
  vmcalls: [
    [yields, sleep],
    [tell(0, 0), sleep],
    [nothing, nothing],
  ],
  traps: [[panic], [panic], [panic]],
  targets: [[wake], [wake], [wake]],
};

/** Two CPUs with one subject each; the first major frame has a minor barrier, in the second one CPU has a single minor frame. */
export const twoCpus: KernelConfig = {
  ...common,
  ...entryPoints(2),
  cpuCount: 2,
  plans: [
    [
      [
        { partition: 1, barrier: 1, deadlineCycles: 4 },
        { partition: 1, barrier: 0, deadlineCycles: 8 },
      ],
      [{ partition: 1, barrier: 0, deadlineCycles: 8 }],
    ],
    [
      [
        { partition: 2, barrier: 1, deadlineCycles: 4 },
        { partition: 2, barrier: 0, deadlineCycles: 8 },
      ],
      [
        { partition: 2, barrier: 0, deadlineCycles: 4 },
        { partition: 2, barrier: 0, deadlineCycles: 8 },
      ],
    ],
  ],
  periodsCycles: [0, 0],
  barrierSizes: [[2], [1]],
  barrierCount: 1,
  partitionGroups: [[], [1], [2]],
  partitionNames: ['none', 'left', 'right'],
  groupPartition: [0, 1, 2],
  groupIndex: [0, 0, 0],
  initialSubject: [0, 0, 1],
  subjectNames: ['left', 'right'],
  subjectCpu: [0, 1],
  subjectGroup: [1, 2],
  vmcalls: [
    [sleep, nothing, nothing],
    [sleep, nothing, nothing],
  ],
  traps: [[panic], [panic]],
  targets: [[wake], [wake]],
};

/** Two groups share a partition on CPU 0, and a subject on CPU 1 sends events to both: the wake-up races. */
export const remoteSender: KernelConfig = {
  ...common,
  ...entryPoints(3),
  cpuCount: 2,
  plans: [
    [
      [
        { partition: 1, barrier: 0, deadlineCycles: 4 },
        { partition: 1, barrier: 0, deadlineCycles: 8 },
      ],
    ],
    [[{ partition: 2, barrier: 0, deadlineCycles: 8 }]],
  ],
  periodsCycles: [0],
  barrierSizes: [[]],
  barrierCount: 0,
  partitionGroups: [[], [1, 2], [3]],
  partitionNames: ['none', 'shared', 'sender'],
  groupPartition: [0, 1, 1, 2],
  groupIndex: [0, 0, 1, 0],
  initialSubject: [0, 0, 1, 2],
  subjectNames: ['first', 'second', 'sender'],
  subjectCpu: [0, 0, 1],
  subjectGroup: [1, 2, 3],
  vmcalls: [
    [sleep, yields, nothing],
    [sleep, tell(0, 0), nothing],
    [sleep, tell(0, 0), tell(1, 0)],
  ],
  traps: [[panic], [panic], [panic]],
  targets: [[wake], [wake], [wake]],
};

/** Two CPUs with one subject each, which has a level-triggered line; both share the I/O APIC. */
export const twoLines: KernelConfig = {
  ...common,
  ...entryPoints(2),
  cpuCount: 2,
  plans: [[[{ partition: 1, barrier: 0, deadlineCycles: 8 }]], [[{ partition: 2, barrier: 0, deadlineCycles: 8 }]]],
  periodsCycles: [0],
  barrierSizes: [[]],
  barrierCount: 0,
  partitionGroups: [[], [1], [2]],
  partitionNames: ['none', 'left', 'right'],
  groupPartition: [0, 1, 2],
  groupIndex: [0, 0, 0],
  initialSubject: [0, 0, 1],
  subjectNames: ['left', 'right'],
  subjectCpu: [0, 1],
  subjectGroup: [1, 2],
  vmcalls: [
    [nothing, { ...unmask, irq: 1 }],
    [nothing, { ...unmask, irq: 2 }],
  ],
  traps: [[panic], [panic]],
  targets: [[wake], [wake]],
  routes: routed(DEVICE_VECTOR, { subject: 0, vector: 34, level: true }).with(DEVICE_VECTOR + 1, {
    subject: 1,
    vector: 34,
    level: true,
  }),
};

/** Two CPUs whose subjects can stop the system; the crash-audit page has room for one of the two crashes. */
export const twoCrashes: KernelConfig = {
  ...twoLines,
  maxDumps: 1,
  vmcalls: [
    [panic, reboot],
    [panic, powerOff],
  ],
  routes: routed(DEVICE_VECTOR, unrouted),
};

/** Devices of the watched guest: one of the guest, a level-triggered line of its monitor, one of the other group, one on the other CPU. */
const WATCHED_ROUTES: readonly Route[] = [
  { subject: 0, vector: 35, level: false },
  { subject: 1, vector: 34, level: true },
  { subject: 2, vector: 70, level: false },
  { subject: 3, vector: 35, level: false },
];
/** Their host vectors; `unmask` is about the second. */
export const WATCHED_VECTORS: readonly number[] = [32, 33, 34, 35];

/** A guest and its monitor share a group, another group shares their partition, and a subject on the other CPU sends events to all three. */
export const watchedGuest: KernelConfig = {
  ...common,
  ...entryPoints(4),
  cpuCount: 2,
  plans: [
    [
      [
        { partition: 1, barrier: 0, deadlineCycles: 4 },
        { partition: 1, barrier: 0, deadlineCycles: 8 },
      ],
    ],
    [[{ partition: 2, barrier: 0, deadlineCycles: 8 }]],
  ],
  periodsCycles: [8],
  barrierSizes: [[]],
  barrierCount: 0,
  partitionGroups: [[], [1, 2], [3]],
  partitionNames: ['none', 'shared', 'sender'],
  groupPartition: [0, 1, 1, 2],
  groupIndex: [0, 0, 1, 0],
  initialSubject: [0, 0, 2, 3],
  subjectNames: ['guest', 'monitor', 'second', 'sender'],
  subjectCpu: [0, 0, 0, 1],
  subjectGroup: [1, 1, 2, 3],
  vmcalls: [
    [sleep, yields, nothing, nothing],
    [sleep, switchTo(0, 0), tell(2, 0), unmask],
    [sleep, yields, tell(0, 0), tell(0, 2)],
    [tell(0, 0), tell(1, 0), tell(2, 0), sleep],
  ],
  traps: [[switchTo(1, -1)], [panic], [panic], [panic]],
  targets: [[wake, reset, inject], [wake], [wake], [wake]],
  routes: WATCHED_VECTORS.reduce<Route[]>(
    (routes, vector, index) => routes.with(vector, WATCHED_ROUTES[index]!),
    [...common.routes],
  ),
};
