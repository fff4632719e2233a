import { refinementProperty } from '../refinement-property.ts';

/** Programs full of FPU, vector, MSR and control-register instructions, beside the kernel model. */
export const extendedState = refinementProperty({
  id: 'isolation/extended-state',
  area: 'isolation',
  claim:
    'FPU and vector registers, XCR0, stored MSRs and control registers of each subject are saved at its exits, loaded at its entries and reset with it, and no other subject changes them.',
  killedBy: [],
  witnesses: [
    { id: 'frame-switch', description: 'a minor frame ended', exit: 52 },
    { id: 'xsetbv', description: 'a subject wrote XCR0', exit: 55 },
  ],
  mix: {
    read: 0,
    write: 2,
    probe: 0,
    vmcall: 12,
    undeclared: 0,
    userVmcall: 0,
    trap: 4,
    xsetbv: 6,
    unknownExit: 0,
    timedEvent: 1,
    hlt: 0,
    rdtsc: 0,
    load: 10,
    sti: 1,
    cli: 1,
    nop: 1,
    stop: 0,
    fpu: 30,
    msr: 20,
    port: 2,
    controlRegister: 4,
  },
  maxOperations: 400,
  maxInterrupts: 2,
  maxInterleavings: 0,
  operationsPerFrame: 12,
  majorFrames: 4,
  stepsPerTask: 2_500,
  runsPerTask: 100,
});
