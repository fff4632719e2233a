import { NONE } from '../impl/muen/tables.ts';
import type { Fault } from './fault.ts';
import { seamFaults } from './fault-parts.ts';

const STEPS = 'scheduling/step-refinement';

/** Defects of the compiler from policy to kernel tables. */
export const COMPILE_FAULTS: readonly Fault[] = seamFaults('compile', [
  {
    id: 'interrupt-to-wrong-subject',
    title: 'the vector routing table names the subject after the owner of each interrupt',
    precedent: 'Muen 2f936526e (2018-08): interrupts taken from the physical instead of the assigned device',
    killedBy: ['isolation/noninterference', 'interrupts/step-refinement'],
    replace: ops => ({
      compileInterrupts: document =>
        ops
          .compileInterrupts(document)
          .map(route => route && { ...route, subject: (route.subject + 1) % document.subjects.length }),
    }),
  },
  {
    id: 'wrong-target-event',
    title: 'source events trigger the target event with the next number',
    precedent: 'Muen 33595a12f (2022-12): a logical name that stood for two events',
    killedBy: ['events/every-vmcall', 'events/interleaved-refinement'],
    replace: ops => ({
      compileSourceEvent(document, physical, action) {
        const event = ops.compileSourceEvent(document, physical, action);
        return event.targetEvent === NONE ? event : { ...event, targetEvent: (event.targetEvent + 1) % 64 };
      },
    }),
  },
  {
    id: 'ipi-not-requested',
    title: 'events of mode ipi are compiled like events of mode async',
    precedent: 'Genode 2a698ffd5f: a signal was submitted that nobody received in time',
    killedBy: ['events/ipi-delivered'],
    replace: ops => ({
      compileSourceEvent: (document, physical, action) => ({
        ...ops.compileSourceEvent(document, physical, action),
        sendIpi: false,
      }),
    }),
  },
  {
    id: 'deadline-of-frame',
    title: 'deadlines count from the start of the minor instead of the major frame',
    precedent: 'Muen ba0a22de7 (2015-09): published frame end from the wrong frame',
    killedBy: [STEPS, 'scheduling/plan-followed'],
    replace: ops => ({
      compileScheduling(document, findings) {
        const tables = ops.compileScheduling(document, findings);
        const plans = tables.plans.map(plan =>
          plan.map(minors =>
            minors.map((minor, index) => ({
              ...minor,
              deadlineCycles: minor.deadlineCycles - (minors[index - 1]?.deadlineCycles ?? 0),
            })),
          ),
        );
        return { ...tables, plans };
      },
    }),
  },
  {
    id: 'traps-ignored',
    title: 'an exit without an event of the policy is ignored instead of stopping the system',
    precedent: 'Muen b6c2f7980: an error of VMRESUME was ignored',
    killedBy: ['vmx/every-exit-reason', STEPS],
    replace: ops => ({
      compileSourceEvent(document, physical, action) {
        const event = ops.compileSourceEvent(document, physical, action);
        return event.action === 'system_panic' ? { ...event, action: 'none' } : event;
      },
    }),
  },
  {
    id: 'entry-point-lost',
    title: 'subjects start with RIP 0 after a reset',
    precedent: 'Muen 3e21acf59 (2023-01): an initial register value was 0 instead of the value of the policy',
    killedBy: [STEPS],
    replace: ops => ({
      compileInitialState(subject) {
        const words = ops.compileInitialState(subject).slice();
        words[41] = 0;
        words[42] = 0;
        return words;
      },
    }),
  },
]);
