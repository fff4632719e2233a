import { refinementProperty } from '../refinement-property.ts';

/** Kernel steps under many device interrupts: routing, injection, interrupt window, masking of level-triggered lines. */
export const interruptStepRefinement = refinementProperty({
  id: 'interrupts/step-refinement',
  area: 'interrupts',
  claim:
    'Interrupts reach exactly the subject and vector that the policy routes them to, one injection per entry, highest first.',
  killedBy: [
    'irq-no-activity-indication',
    'level-irq-not-masked',
    'injection-ignores-if',
    'window-not-opened',
    'interrupt-to-wrong-subject',
  ],
  witnesses: [{ id: 'external-interrupt', description: 'an external interrupt was taken', exit: 1 }],
  mix: {
    read: 0,
    write: 1,
    probe: 0,
    vmcall: 6,
    undeclared: 0,
    userVmcall: 0,
    trap: 1,
    xsetbv: 2,
    unknownExit: 0,
    timedEvent: 1,
    hlt: 3,
    rdtsc: 0,
    load: 2,
    sti: 8,
    cli: 3,
    nop: 4,
    stop: 0,
  },
  maxOperations: 400,
  maxInterrupts: 80,
  maxInterleavings: 4,
  operationsPerFrame: 3,
  majorFrames: 4,
  stepsPerTask: 4_000,
  runsPerTask: 200,
});
