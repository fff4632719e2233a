import { StoreWatch } from '../../src/refinement/store-watch.ts';
import { invariantProperty } from '../invariant-property.ts';

/** Stores as they happen, through the tables and the processor that translates by them. */
export const storesConfined = invariantProperty({
  id: 'isolation/stores-confined',
  area: 'isolation',
  claim: 'What a subject stores changes only memory that the policy lets it write.',
  killedBy: ['write-as-read'],
  witness: { id: 'store', description: 'a subject changed memory' },
  premise: 'Let a subject store to whatever address it likes.',
  mix: {
    read: 2,
    write: 40,
    probe: 10,
    vmcall: 4,
    undeclared: 0,
    userVmcall: 0,
    trap: 2,
    xsetbv: 0,
    unknownExit: 0,
    timedEvent: 4,
    hlt: 0,
    rdtsc: 0,
    load: 0,
    sti: 1,
    cli: 1,
    nop: 1,
    stop: 1,
    fpu: 0,
    msr: 0,
    port: 0,
    controlRegister: 0,
  },
  watch: (context, found) => new StoreWatch(found.bench.system, context.document),
});
