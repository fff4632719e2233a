import { nativeSubject } from '../native-subject.ts';
import type { EventDescription, PolicyDescription, SubjectDescription } from '../policy-description.ts';

const program: SubjectDescription = {
  ...nativeSubject('program', 0, [
    { name: 'scratch', type: 'subject', sizeBytes: 0x1000, address: 0x30_0000, writable: true, executable: false },
  ]),
  traps: { event: 'trap_to_warden', panic: false },
};

const guest: SubjectDescription = {
  name: 'guest',
  cpu: 1,
  profile: 'vm',
  regions: [
    {
      name: 'binary',
      type: 'subject_binary',
      sizeBytes: 0x1000,
      address: 0x40_0000,
      writable: true,
      executable: true,
      fill: 0x90,
    },
    {
      name: 'rom',
      type: 'subject',
      sizeBytes: 0x1000,
      address: 0x60_0000,
      writable: false,
      executable: false,
      fill: 0x90,
    },
    { name: 'ram', type: 'subject', sizeBytes: 0x8000, address: 0x100_0000, writable: true, executable: true },
  ],
  traps: { event: 'trap_to_guest_monitor', panic: false },
};

const monitor = (name: string, cpu: number, subject: string): SubjectDescription => ({
  ...nativeSubject(name, cpu),
  monitors: [
    { logical: 'monitor_state', subject, page: 'state', address: 0x1e_0000, writable: true },
    { logical: 'monitor_interrupts', subject, page: 'interrupts', address: 0x1e_2000, writable: true },
  ],
});

/** Handover of a subject to its monitor and back, and the monitor's reset of it. */
const monitorEvents = (subject: string, monitorName: string): readonly EventDescription[] => [
  { name: `trap_to_${monitorName}`, mode: 'switch', target: { subject: monitorName, logical: 'handle_trap' } },
  {
    name: `resume_${subject}`,
    mode: 'switch',
    source: { subject: monitorName, logical: `resume_${subject}`, id: 4 },
    target: { subject, logical: 'resume' },
  },
  {
    name: `reset_${subject}`,
    mode: 'switch',
    source: { subject: monitorName, logical: `reset_${subject}`, id: 5 },
    target: { subject, logical: 'reset', id: 63, action: { kind: 'reset' } },
  },
];

/**
 * Subjects that execute machine code: a native program and a virtual machine, each with a hosted monitor that skips what
 * traps, and a hosted neighbour that shares a CPU with the program and must not notice it.
 */
export const description: PolicyDescription = {
  name: 'machine-code',
  speedKhz: 2_400_000,
  tickRateHz: 10_000,
  vmxTimerRate: 5,
  subjects: [
    program,
    monitor('warden', 0, 'program'),
    nativeSubject('neighbour', 0),
    guest,
    monitor('guest_monitor', 1, 'guest'),
  ],
  channels: [],
  events: [
    {
      name: 'notify_guest',
      mode: 'ipi',
      source: { subject: 'program', logical: 'notify_guest', id: 1 },
      target: { subject: 'guest', logical: 'notify_guest', action: { kind: 'inject_interrupt', vector: 48 } },
    },
    {
      name: 'guest_timer',
      mode: 'self',
      source: { subject: 'guest', logical: 'timer', id: 31 },
      target: { subject: 'guest', logical: 'timer', action: { kind: 'inject_interrupt', vector: 49 } },
    },
    ...monitorEvents('program', 'warden'),
    ...monitorEvents('guest', 'guest_monitor'),
  ],
  partitions: [
    { name: 'program', groups: [['program', 'warden']] },
    { name: 'neighbour', groups: [['neighbour']] },
    { name: 'guest', groups: [['guest', 'guest_monitor']] },
  ],
  majorFrames: [
    [
      [
        { partition: 'program', ticks: 2 },
        { partition: 'neighbour', ticks: 2 },
      ],
      [{ partition: 'guest', ticks: 4 }],
    ],
  ],
};
