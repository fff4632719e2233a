import type { Operation } from '../../src/units/operation.ts';
import { exhaustiveProperty } from '../exhaustive-events.ts';

/** Basic exit reasons 0 .. 65, without those that only the kernel's own timer and controls can cause. */
const REASONS: readonly number[] = Array.from({ length: 66 }, (_, reason) => reason).filter(
  reason => ![1, 7, 52].includes(reason),
);

/** Interruption information of an invalid-opcode exception. */
const INVALID_OPCODE = 0x8000_0306;

/** Each basic exit reason in each subject. */
export const everyExitReason = exhaustiveProperty({
  id: 'vmx/every-exit-reason',
  area: 'vmx',
  claim:
    'Every basic exit reason of every subject, from the first time it runs, is handled as its trap table says; unknown ones stop the system.',
  killedBy: ['audit-stale-subject', 'audit-not-finalised', 'traps-ignored'],
  witness: { id: 'exit-handled', description: 'the exit was raised by the subject' },
  operations: REASONS.map(
    (reason): Operation => ({
      kind: 'exit',
      reason,
      qualification: 0,
      interruptInfo: reason === 0 ? INVALID_OPCODE : 0,
    }),
  ),
  exitOf: operation => (operation.kind === 'exit' ? operation.reason : 0),
});
