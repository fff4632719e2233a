import { EntryWatch } from '../../src/refinement/entry-watch.ts';
import { invariantProperty } from '../invariant-property.ts';

/** VM entries of subjects whose state page their monitor changes at will. */
export const entryChecks = invariantProperty({
  id: 'vmx/entry-checks',
  area: 'vmx',
  claim:
    'A subject is entered if and only if the guest state in its state page passes the VM-entry checks; otherwise it exits with reason 33.',
  killedBy: ['entry-check-skipped', 'entry-failure-ignored', 'state-field-not-restored'],
  witness: {
    id: 'refused-entry',
    description: 'a subject was to be entered in a state that the processor must refuse',
  },
  premise: 'Let a monitor change the state of its subject.',
  mix: {
    read: 0,
    write: 40,
    probe: 0,
    vmcall: 40,
    undeclared: 0,
    userVmcall: 0,
    trap: 20,
    xsetbv: 0,
    unknownExit: 0,
    timedEvent: 2,
    hlt: 2,
    rdtsc: 0,
    load: 0,
    sti: 6,
    cli: 2,
    nop: 4,
    stop: 0,
    fpu: 0,
    msr: 0,
    port: 0,
    controlRegister: 0,
  },
  alsoNotApplicable: ({ document }) => {
    const states = new Set(
      document.memory.filter(region => region.type === 'subject_state').map(region => region.name),
    );
    const isMonitored = document.subjects.some(subject =>
      subject.memory.some(mapping => mapping.writable && states.has(mapping.physical)),
    );
    return isMonitored ? '' : 'no subject can change the state of another one';
  },
  watch: (context, found) => new EntryWatch(found.bench.system, context.document, true),
});
