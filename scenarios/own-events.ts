import type { EventDescription } from './policy-description.ts';

/* Events that concern one subject only. */

/** The event by which a subject's own timer interrupts it. */
export const timerEvent = (name: string, subject: string, vector: number): EventDescription => ({
  name,
  mode: 'self',
  source: { subject, logical: 'timer', id: 31 },
  target: { subject, logical: 'timer', action: { kind: 'inject_interrupt', vector } },
});

/** An event by which a subject gives up the CPU. */
export const restEvent = (name: string, subject: string, id: number, kind: 'sleep' | 'yield'): EventDescription => ({
  name,
  mode: 'kernel',
  source: { subject, logical: kind, id, action: kind === 'sleep' ? 'subject_sleep' : 'subject_yield' },
});
