import { monitorEvents, monitorSubject, VM_BINARY, vmRam } from '../monitored-subject.ts';
import { nativeSubject } from '../native-subject.ts';
import { timerEvent } from '../own-events.ts';
import type { PolicyDescription, SubjectDescription } from '../policy-description.ts';

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
    VM_BINARY,
    {
      name: 'rom',
      type: 'subject',
      sizeBytes: 0x1000,
      address: 0x60_0000,
      writable: false,
      executable: false,
      fill: 0x90,
    },
    vmRam(0x8000),
  ],
  traps: { event: 'trap_to_guest_monitor', panic: false },
};

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
    monitorSubject('warden', 0, 'program'),
    nativeSubject('neighbour', 0),
    guest,
    monitorSubject('guest_monitor', 1, 'guest'),
  ],
  channels: [],
  events: [
    {
      name: 'notify_guest',
      mode: 'ipi',
      source: { subject: 'program', logical: 'notify_guest', id: 1 },
      target: { subject: 'guest', logical: 'notify_guest', action: { kind: 'inject_interrupt', vector: 48 } },
    },
    timerEvent('guest_timer', 'guest', 49),
    ...monitorEvents('program', 'warden', 'trap_to_warden'),
    ...monitorEvents('guest', 'guest_monitor', 'trap_to_guest_monitor'),
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
