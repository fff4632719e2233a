import { runComponentScript } from '../../src/refinement/component-script.ts';
import { scriptProperty } from '../sessions/script-property.ts';

/** Stand-ins of the components that a script asks. */
const ASKED: readonly string[] = ['sl', 'sm', 'dm', 'time'];

/** What Muen's loader, device manager and time subject do for others, each by itself. */
export const componentDuties = scriptProperty({
  id: 'vmx/component-duties',
  claim:
    'The loader restores regions to their last byte and nothing beside them, and starts only what has the hashes of the policy; of a configuration space subjects change only what they may; the published time is that of the clock.',
  method: 'comparison with what each component owes',
  premise: 'Let loader, device manager and time subject of Muen be asked:',
  applicable: ({ software }) =>
    software.some(row => ASKED.includes(row.software)) ? '' : 'no loader, monitor, device manager or time subject',
  operations: { load: 1, configure: 12, publish: 4 },
  run: (context, steps) => runComponentScript(context.seams.component, steps),
  runsPerTask: 12,
  witnesses: [
    { id: 'restored', description: 'a loader starts its subject' },
    { id: 'refused', description: 'a loader refuses a region with another hash' },
    { id: 'configured', description: 'a write changes a configuration space' },
    { id: 'kept', description: 'a write changes nothing' },
    { id: 'published', description: 'a time is published' },
  ],
  killedBy: ['loader-last-page', 'loader-hash-ignored', 'manager-command-decimal', 'time-rate-thousandfold'],
});
