import { nativeSubject } from '../native-subject.ts';
import { restEvent } from '../own-events.ts';
import type { PolicyDescription } from '../policy-description.ts';

/** A writer and a reader on two CPUs, joined by one muchannel whose event reaches the other CPU by an IPI. */
export const description: PolicyDescription = {
  name: 'log-channel',
  speedKhz: 2_400_000,
  tickRateHz: 10_000,
  vmxTimerRate: 5,
  subjects: [nativeSubject('writer', 0), nativeSubject('reader', 1)],
  channels: [
    {
      name: 'log_channel',
      sizeBytes: 0x1000,
      mode: 'ipi',
      writer: { subject: 'writer', logical: 'log_out', address: 0x1000_0000, event: 1 },
      reader: { subject: 'reader', logical: 'log_in', address: 0x1000_0000, vector: 32 },
    },
  ],
  events: [restEvent('reader_sleep', 'reader', 1, 'sleep')],
  partitions: [
    { name: 'writer', groups: [['writer']] },
    { name: 'reader', groups: [['reader']] },
  ],
  majorFrames: [
    [
      [
        { partition: 'writer', ticks: 2 },
        { partition: 'writer', ticks: 2 },
      ],
      [
        { partition: 'reader', ticks: 1 },
        { partition: 'reader', ticks: 1 },
        { partition: 'reader', ticks: 2 },
      ],
    ],
  ],
};
