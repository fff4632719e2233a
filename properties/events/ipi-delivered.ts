import { IpiWatch } from '../../src/refinement/ipi-watch.ts';
import { Lockstep } from '../../src/refinement/lockstep.ts';
import { invariantProperty } from '../invariant-property.ts';

/** Inter-processor interrupts from the event to the exit on the other CPU. */
export const ipiDelivered = invariantProperty({
  id: 'events/ipi-delivered',
  area: 'events',
  claim:
    "An event of mode ipi makes its target's CPU leave whatever runs there at once; no CPU is interrupted without such an event.",
  killedBy: ['ipi-to-wrong-cpu', 'ipi-lost', 'ipi-not-requested'],
  witness: { id: 'ipi-taken', description: 'a CPU took an inter-processor interrupt' },
  premise:
    'Let subjects raise events, and each inter-processor interrupt be due from the TSC at which the kernel handles its event.',
  mix: {
    read: 0,
    write: 0,
    probe: 0,
    vmcall: 40,
    undeclared: 0,
    userVmcall: 0,
    trap: 2,
    xsetbv: 0,
    unknownExit: 0,
    timedEvent: 10,
    hlt: 2,
    rdtsc: 0,
    load: 0,
    sti: 4,
    cli: 2,
    nop: 10,
    stop: 0,
    fpu: 0,
    msr: 0,
    port: 0,
    controlRegister: 0,
  },
  alsoNotApplicable: ({ document }) =>
    document.events.some(event => event.mode === 'ipi') ? '' : 'the policy has no event of mode ipi',
  watch(_context, { bench, model }) {
    const lockstep = new Lockstep(bench.system, model);
    lockstep.begin();
    return new IpiWatch(bench.system, lockstep, model.compiled.modeIndex('access.indicate'), model.config.subjectCpu);
  },
});
