import { nativeSubject } from '../native-subject.ts';
import { restEvent, timerEvent } from '../own-events.ts';
import type { PolicyDescription } from '../policy-description.ts';

/** Two Genode instances on two CPUs: a client of LOG behind Proxy:Client, and Proxy:Server with the LOG service. */
export const description: PolicyDescription = {
  name: 'genode-log',
  speedKhz: 2_400_000,
  tickRateHz: 1000,
  vmxTimerRate: 5,
  subjects: [
    nativeSubject('apps', 0),
    nativeSubject('log_server', 1, [
      {
        name: 'log',
        type: 'subject',
        sizeBytes: 0x4000,
        address: 0x2000_0000,
        writable: true,
        executable: false,
        fill: 0,
      },
    ]),
  ],
  channels: [
    {
      name: 'log_proxy',
      sizeBytes: 0x1000,
      mode: 'ipi',
      writer: { subject: 'apps', logical: 'log_proxy_out', address: 0x1000_0000, event: 1 },
      reader: { subject: 'log_server', logical: 'log_proxy_in', address: 0x1000_0000, vector: 32 },
    },
  ],
  events: [timerEvent('apps_timer', 'apps', 33), restEvent('log_server_sleep', 'log_server', 1, 'sleep')],
  partitions: [
    { name: 'apps', groups: [['apps']] },
    { name: 'log_server', groups: [['log_server']] },
  ],
  majorFrames: [
    [
      [
        { partition: 'apps', ticks: 2 },
        { partition: 'apps', ticks: 2 },
      ],
      [
        { partition: 'log_server', ticks: 1 },
        { partition: 'log_server', ticks: 1 },
        { partition: 'log_server', ticks: 2 },
      ],
    ],
  ],
};
