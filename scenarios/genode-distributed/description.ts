import { genodeEvents, genodeSubject, type LinkDescription, linkChannels } from '../genode-subject.ts';
import type { PolicyDescription } from '../policy-description.ts';

const SUBJECTS = [
  { name: 'drivers', cpu: 0 },
  { name: 'network', cpu: 0 },
  { name: 'storage', cpu: 1 },
  { name: 'applications', cpu: 1 },
] as const;

const LINKS: readonly LinkDescription[] = [
  { name: 'apps_drivers', client: 'applications', server: 'drivers', number: 0, mode: 'ipi' },
  { name: 'apps_storage', client: 'applications', server: 'storage', number: 1, mode: 'async' },
  { name: 'apps_network', client: 'applications', server: 'network', number: 2, mode: 'ipi' },
  { name: 'storage_drivers', client: 'storage', server: 'drivers', number: 3, mode: 'ipi' },
  { name: 'network_drivers', client: 'network', server: 'drivers', number: 4, mode: 'async' },
];

/** Four Genode instances: drivers, network, storage and applications, which reach each other only by proxies. */
export const description: PolicyDescription = {
  name: 'genode-distributed',
  speedKhz: 2_400_000,
  tickRateHz: 1000,
  vmxTimerRate: 5,
  subjects: SUBJECTS.map(({ name, cpu }) => genodeSubject(name, cpu, 0x80_0000)),
  channels: LINKS.flatMap(linkChannels),
  events: SUBJECTS.flatMap(({ name }) => genodeEvents(name)),
  partitions: SUBJECTS.map(({ name }) => ({ name, groups: [[name]] })),
  majorFrames: [
    [
      [
        { partition: 'drivers', ticks: 2 },
        { partition: 'network', ticks: 2 },
      ],
      [
        { partition: 'storage', ticks: 2 },
        { partition: 'applications', ticks: 2 },
      ],
    ],
  ],
};
