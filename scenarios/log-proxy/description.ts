import { monitorEvents, monitorSubject, VM_BINARY, vmRam } from '../monitored-subject.ts';
import { nativeSubject, tau0Subject } from '../native-subject.ts';
import { restEvent, timerEvent } from '../own-events.ts';
import type { PolicyDescription, SubjectDescription } from '../policy-description.ts';

/** Virtual address of the log memory of the server; its size is the `logBytes` parameter of the software. */
const LOG_ADDRESS = 0x2000_0000;
const LOG_SIZE = 0x4000;

const guestVm: SubjectDescription = {
  name: 'guest_vm',
  cpu: 0,
  profile: 'vm',
  regions: [VM_BINARY, vmRam(0x4000)],
  traps: { event: 'trap_to_monitor', panic: false },
};

/**
 * Two Genode instances on two CPUs joined by a LOG proxy: local LOG sessions of the client are served in the server.
 *
 * Beside them: tau0 with two major frames, a virtual machine with its monitor in one scheduling group, and a watchdog
 * that shares the server's partition and sleeps until it is woken. Two subjects have a device: the server a PCI serial
 * controller with a level-triggered interrupt, the watchdog the real-time clock with an edge-triggered one.
 */
export const description: PolicyDescription = {
  name: 'log-proxy',
  speedKhz: 2_400_000,
  tickRateHz: 10_000,
  vmxTimerRate: 5,
  subjects: [
    tau0Subject(0),
    nativeSubject('genode_client', 0),
    nativeSubject('genode_server', 1, [
      {
        name: 'log',
        type: 'subject',
        sizeBytes: LOG_SIZE,
        address: LOG_ADDRESS,
        writable: true,
        executable: false,
        fill: 0,
      },
    ]),
    nativeSubject('log_watchdog', 1),
    guestVm,
    monitorSubject('guest_monitor', 0, 'guest_vm'),
  ],
  channels: [
    {
      name: 'log_proxy_channel',
      sizeBytes: 0x1000,
      mode: 'ipi',
      writer: { subject: 'genode_client', logical: 'log_proxy_out', address: 0x1000_0000, event: 1 },
      reader: { subject: 'genode_server', logical: 'log_proxy_in', address: 0x1000_0000, vector: 32 },
    },
  ],
  devices: [
    {
      name: 'pci_serial',
      subject: 'genode_server',
      irq: 19,
      vector: 40,
      ports: { start: 0x30b0, end: 0x30b7 },
      pci: { device: 0x16, iommuGroup: 1, unmaskEvent: 4 },
    },
    { name: 'cmos_rtc', subject: 'log_watchdog', irq: 8, vector: 41, ports: { start: 0x70, end: 0x71 } },
  ],
  events: [
    timerEvent('client_timer', 'genode_client', 33),
    restEvent('server_sleep', 'genode_server', 1, 'sleep'),
    restEvent('server_yield', 'genode_server', 2, 'yield'),
    {
      name: 'wake_watchdog',
      mode: 'async',
      source: { subject: 'genode_server', logical: 'wake_watchdog', id: 3 },
      target: { subject: 'log_watchdog', logical: 'wake', action: { kind: 'inject_interrupt', vector: 34 } },
    },
    restEvent('watchdog_sleep', 'log_watchdog', 1, 'sleep'),
    restEvent('watchdog_yield', 'log_watchdog', 2, 'yield'),
    {
      name: 'guest_interrupt',
      mode: 'async',
      source: { subject: 'guest_monitor', logical: 'guest_interrupt', id: 6 },
      target: { subject: 'guest_vm', logical: 'interrupt', action: { kind: 'inject_interrupt', vector: 48 } },
    },
    timerEvent('guest_timer', 'guest_vm', 49),
    ...monitorEvents('guest_vm', 'guest_monitor', 'trap_to_monitor', 'guest'),
  ],
  partitions: [
    { name: 'tau0', groups: [['tau0']] },
    { name: 'client', groups: [['genode_client']] },
    { name: 'server', groups: [['genode_server'], ['log_watchdog']] },
    { name: 'guest', groups: [['guest_vm', 'guest_monitor']] },
  ],
  majorFrames: [
    [
      [
        { partition: 'tau0', ticks: 1 },
        { partition: 'client', ticks: 4 },
        { partition: 'guest', ticks: 3 },
      ],
      [
        { partition: 'server', ticks: 5 },
        { partition: 'server', ticks: 3 },
      ],
    ],
    [
      [
        { partition: 'client', ticks: 2 },
        { partition: 'guest', ticks: 2 },
        { partition: 'tau0', ticks: 1 },
        { partition: 'client', ticks: 1 },
      ],
      [
        { partition: 'server', ticks: 2 },
        { partition: 'server', ticks: 2 },
        { partition: 'server', ticks: 2 },
      ],
    ],
  ],
};
