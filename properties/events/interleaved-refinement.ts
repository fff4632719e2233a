import { refinementProperty } from '../refinement-property.ts';

/** Kernel steps of several CPUs interleaved at every atomic access: races around event delivery and wake-up. */
export const interleavedRefinement = refinementProperty({
  id: 'events/interleaved-refinement',
  area: 'events',
  claim:
    'Kernel steps of different CPUs, interleaved at their atomic accesses, do segment by segment what the event model does.',
  killedBy: [
    'event-to-wrong-subject',
    'lowest-event-first',
    'no-activity-indication',
    'no-recheck-before-sleep',
    'no-recheck-in-search',
    'wrong-target-event',
  ],
  witnesses: [
    { id: 'event-set', description: 'a target event was set pending', mode: 'access.setPending' },
    { id: 'event-taken', description: 'pending events were looked for at an entry', mode: 'access.takeEvent' },
  ],
  mix: {
    read: 0,
    write: 1,
    probe: 0,
    vmcall: 16,
    undeclared: 1,
    userVmcall: 0,
    trap: 3,
    xsetbv: 0,
    unknownExit: 0,
    timedEvent: 2,
    hlt: 1,
    rdtsc: 0,
    load: 0,
    sti: 3,
    cli: 1,
    nop: 1,
    stop: 0,
    fpu: 0,
    msr: 0,
    port: 0,
    controlRegister: 0,
  },
  maxOperations: 600,
  maxInterrupts: 4,
  maxInterleavings: 40,
  directsInterleavings: true,
  operationsPerFrame: 3,
  majorFrames: 6,
  stepsPerTask: 4_000,
  runsPerTask: 200,
  notApplicable: context => {
    if (context.document.kernel.cpus.length < 2) return 'the policy has one CPU, so nothing interleaves';
    const hasEvents = context.document.subjects.some(subject =>
      subject.sourceGroups.some(group => group.name === 'vmcall' && group.events.length > 0),
    );
    return hasEvents ? '' : 'no subject has an event to raise';
  },
});
