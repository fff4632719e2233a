import type { Operation } from '../../src/units/operation.ts';
import { exhaustiveProperty } from '../exhaustive-events.ts';

const EVENTS = 64;
const call = (low: number, high: number, cpl: 0 | 3): Operation => ({ kind: 'vmcall', low, high, cpl });

/** Each event number from CPL 0, numbers beyond the table, numbers that are valid only in their low half, and calls from CPL 3. */
const CALLS: readonly Operation[] = [
  ...Array.from({ length: EVENTS }, (_, number) => call(number, 0, 0)),
  call(64, 0, 0),
  call(0xffff_ffff, 0, 0),
  call(0, 1, 0),
  call(1, 0x8000_0000, 0),
  call(0, 0, 3),
  call(1, 0, 3),
];

/** Each VMCALL number in each subject. */
export const everyVmcall = exhaustiveProperty({
  id: 'events/every-vmcall',
  area: 'events',
  claim:
    'Every VMCALL of every subject, from the first time it runs, has exactly the effect that the policy gives its number; others only advance RIP.',
  killedBy: [
    'rip-of-next-subject',

    'event-to-wrong-subject',
    'rip-not-advanced',
    'double-rip-increment',
    'hypercall-from-ring-3',
    'hypercall-number-truncated',
    'vmcs-not-switched',
    'no-activity-indication',
    'wrong-target-event',
  ],
  witness: { id: 'vmcall-handled', description: 'the call was made by the subject' },
  operations: CALLS,
  exitOf: () => 18,
});
