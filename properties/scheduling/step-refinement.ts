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
    read: 100, write: 200, probe: 100, vmcall: 1000, undeclared: 200, userVmcall: 100, trap: 400, xsetbv: 60, unknownExit: 1, timedEvent: 400, hlt: 100, rdtsc: 100, load: 200, sti: 200, cli: 100, nop: 100, stop: 2,
  },
  maxOperations: 600,
  maxInterrupts: 4,
  maxInterleavings: 0,
  operationsPerFrame: 3,
  majorFrames: 6,
  stepsPerTask: 8_000,
  runsPerTask: 400,
});
