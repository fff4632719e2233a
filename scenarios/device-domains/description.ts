import { nativeSubject, PANIC_TRAPS } from '../native-subject.ts';
import type { PolicyDescription, RegionDescription } from '../policy-description.ts';

const dma = (name: string, address: number, sizeBytes: number): RegionDescription => ({
  name,
  type: 'subject',
  sizeBytes,
  address,
  writable: true,
  executable: false,
});

/** Two drivers on two CPUs, each with a PCI device, and a serial port; the devices do DMA into memory of their own driver only. */
export const description: PolicyDescription = {
  name: 'device-domains',
  speedKhz: 2_400_000,
  tickRateHz: 10_000,
  vmxTimerRate: 5,
  subjects: [
    nativeSubject('disk', 0, [dma('commands', 0x1000_0000, 0x2000), dma('buffers', 0xa000_0000, 0x4000)]),
    nativeSubject('console', 0),
    {
      name: 'net',
      cpu: 1,
      profile: 'vm',
      regions: [
        {
          name: 'ram',
          type: 'subject',
          sizeBytes: 0x1_0000,
          address: 0x40_0000,
          writable: true,
          executable: true,
        },
      ],
      traps: PANIC_TRAPS,
      // MSR_PLATFORM_INFO
      readOnlyMsrs: [0xce],
    },
  ],
  channels: [],
  devices: [
    {
      name: 'disk_controller',
      subject: 'disk',
      irq: 19,
      vector: 48,
      ports: { start: 0x1f0, end: 0x1f7 },
      registers: { physicalAddress: 0xfeb0_0000, address: 0xe000_0000 },
      pci: { device: 31, iommuGroup: 1, unmaskEvent: 1 },
    },
    {
      name: 'network_controller',
      subject: 'net',
      irq: 24,
      vector: 66,
      ports: { start: 0xc000, end: 0xc013 },
      registers: { physicalAddress: 0xfeb1_0000, address: 0xe000_0000 },
      pci: { device: 25, iommuGroup: 2 },
    },
    { name: 'com_2', subject: 'console', irq: 3, vector: 49, ports: { start: 0x2f8, end: 0x2ff } },
  ],
  domains: [
    {
      name: 'disk_domain',
      devices: ['disk_controller'],
      memory: [
        { logical: 'commands', physical: 'disk|commands', address: 0x1000_0000, writable: false },
        { logical: 'buffers', physical: 'disk|buffers', address: 0xa000_0000, writable: true },
      ],
    },
    {
      name: 'net_domain',
      devices: ['network_controller'],
      memory: [{ logical: 'ram', physical: 'net|ram', address: 0x40_0000, writable: true }],
    },
  ],
  events: [
    {
      name: 'media_changed',
      mode: 'async',
      source: { subject: 'disk', logical: 'media_changed', id: 2 },
      target: { subject: 'console', logical: 'media_changed', action: { kind: 'inject_interrupt', vector: 50 } },
    },
  ],
  partitions: [
    { name: 'disk', groups: [['disk']] },
    { name: 'console', groups: [['console']] },
    { name: 'net', groups: [['net']] },
  ],
  majorFrames: [
    [
      [
        { partition: 'disk', ticks: 2 },
        { partition: 'console', ticks: 2 },
      ],
      [
        { partition: 'net', ticks: 2 },
        { partition: 'net', ticks: 2 },
      ],
    ],
  ],
};
