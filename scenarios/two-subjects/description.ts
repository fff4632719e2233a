import { nativeSubject } from '../native-subject.ts';
import type { PolicyDescription } from '../policy-description.ts';

/** Two isolated subjects that share a CPU in time, and a third one on another CPU that one of them may notify. */
export const description: PolicyDescription = {
  name: 'two-subjects',
  speedKhz: 2_400_000,
  tickRateHz: 10_000,
  vmxTimerRate: 5,
  subjects: [nativeSubject('alice', 0), nativeSubject('bob', 0), nativeSubject('carol', 1)],
  channels: [],
  events: [
    {
      name: 'notify_carol',
      mode: 'async',
      source: { subject: 'alice', logical: 'notify_carol', id: 1 },
      target: { subject: 'carol', logical: 'notify_carol', action: { kind: 'inject_interrupt', vector: 32 } },
    },
  ],
  partitions: [
    { name: 'alice', groups: [['alice']] },
    { name: 'bob', groups: [['bob']] },
    { name: 'carol', groups: [['carol']] },
  ],
  majorFrames: [
    [
      [
        { partition: 'alice', ticks: 2 },
        { partition: 'bob', ticks: 2 },
      ],
      [
        { partition: 'carol', ticks: 2 },
        { partition: 'carol', ticks: 2 },
      ],
    ],
  ],
};
