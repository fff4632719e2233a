import { refinementProperty } from '../refinement-property.ts';

/** Kernel steps in the default order: frames, groups, handover, sleep and yield, timed events, barriers. */
export const schedulingStepRefinement = refinementProperty({
  id: 'scheduling/step-refinement',
  area: 'scheduling',
  claim: 'Every kernel step, from exit to entry, does what the scheduler model does and writes nothing outside of its footprint.',
  killedBy: ['rip-not-advanced', 'timed-event-not-cleared', 'deadline-relative', 'state-field-not-restored'],
  witnesses: [
    { id: 'frame-switch', description: 'a minor frame ended', exit: 52 },
    { id: 'major-frame', description: 'all CPUs met at the end of a major frame', mode: 'access.barrierRead' },
    { id: 'source-event', description: 'a source event was handled', mode: 'choose.action' },
  ],
  mix: {
    read: 1, write: 2, probe: 1, vmcall: 10, undeclared: 2, userVmcall: 1, trap: 4, xsetbv: 1, unknownExit: 0, timedEvent: 4, hlt: 1, rdtsc: 1, load: 2, sti: 2, cli: 1, nop: 1,
  },
  maxOperations: 600,
  maxInterrupts: 4,
  maxInterleavings: 0,
  operationsPerFrame: 3,
  majorFrames: 6,
  stepsPerTask: 8_000,
  runsPerTask: 400,
});
