import { VM_BINARY, vmRam } from '../monitored-subject.ts';
import { nativeSubject, PANIC_TRAPS } from '../native-subject.ts';
import { timerEvent } from '../own-events.ts';
import type { PolicyDescription, RegionDescription, SubjectDescription } from '../policy-description.ts';

/** Memory of a virtual machine: where it starts, and some for data. */
const VM_REGIONS: readonly RegionDescription[] = [VM_BINARY, vmRam(0x1_1000)];

const monitor: SubjectDescription = {
  ...nativeSubject('linux_monitor', 0),
  monitors: [{ logical: 'monitor_state', subject: 'linux', page: 'state', address: 0x1e_0000, writable: true }],
};

/**
 * A virtual machine as Muen runs Linux, with the stand-ins of its monitor, of the time subject and of the debug-log server; a second
 * virtual machine shares the CPU with it, at the same addresses, and must not notice it.
 */
export const description: PolicyDescription = {
  name: 'linux-vm',
  speedKhz: 2_400_000,
  tickRateHz: 10_000,
  vmxTimerRate: 5,
  subjects: [
    {
      name: 'linux',
      cpu: 0,
      profile: 'vm',
      regions: VM_REGIONS,
      traps: { event: 'trap_to_monitor', panic: false },
    },
    monitor,
    { name: 'neighbour', cpu: 0, profile: 'vm', regions: VM_REGIONS, traps: PANIC_TRAPS },
    nativeSubject('time', 1),
    nativeSubject('log_server', 1),
  ],
  channels: [
    {
      name: 'time_info',
      sizeBytes: 0x1000,
      writer: { subject: 'time', logical: 'time_export1', address: 0x1_0000_0000 },
      reader: { subject: 'linux_monitor', logical: 'time_info', address: 0xf_ffd0_0000 },
    },
    {
      name: 'debuglog_monitor',
      sizeBytes: 0x2000,
      writer: { subject: 'linux_monitor', logical: 'debuglog', address: 0xf_fff0_0000 },
      reader: { subject: 'log_server', logical: 'log_monitor', address: 0xa000_0000 },
    },
  ],
  events: [
    {
      name: 'trap_to_monitor',
      mode: 'switch',
      target: { subject: 'linux_monitor', logical: 'handle_subject_trap' },
    },
    {
      name: 'resume_linux',
      mode: 'switch',
      source: { subject: 'linux_monitor', logical: 'resume_subject', id: 4 },
      target: { subject: 'linux', logical: 'resume_after_trap' },
    },
    {
      name: 'serial_irq4_linux',
      mode: 'async',
      source: { subject: 'linux_monitor', logical: 'serial_irq4', id: 0 },
      target: { subject: 'linux', logical: 'serial_irq4', action: { kind: 'inject_interrupt', vector: 52 } },
    },
    timerEvent('timer_linux', 'linux', 236),
  ],
  partitions: [
    { name: 'linux', groups: [['linux', 'linux_monitor']] },
    { name: 'neighbour', groups: [['neighbour']] },
    { name: 'time', groups: [['time']] },
    { name: 'log_server', groups: [['log_server']] },
  ],
  majorFrames: [
    [
      [
        { partition: 'linux', ticks: 4 },
        { partition: 'neighbour', ticks: 2 },
      ],
      [
        { partition: 'time', ticks: 1 },
        { partition: 'log_server', ticks: 5 },
      ],
    ],
  ],
};
