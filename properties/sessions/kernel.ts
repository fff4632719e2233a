import { KERNEL_WITNESSES, runKernelScript } from '../../src/refinement/services/kernel-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof KERNEL_WITNESSES)[number], string>> = {
  attached: 'a dataspace is attached',
  conflict: 'an attachment does not fit where it is wanted',
  circle: 'a region map is to be attached inside of itself',
  nested: 'a region map is attached to another',
  detached: 'an attachment is taken back',
  'denied-access': 'an access is not allowed where something is attached',
  ran: 'a thread executes an instruction',
  preferred: 'a thread runs while one of a lower priority could',
  faulted: 'a thread stops where nothing is attached',
  resolved: 'an attachment lets a thread go on',
  paused: 'a thread is paused',
  unpaid: 'a CPU session has not what a thread costs',
};

/** Protection domains, threads and region maps of core. */
export const kernel = scriptProperty({
  id: 'sessions/kernel',
  claim:
    'An access through region maps is possible exactly if every level grants it; a thread runs exactly if it is started, not paused, paid for, its code is attached and no other of a higher priority can, and it goes on where it was once its fault is resolved.',
  method: 'comparison with page tables and counters',
  premise: 'Let clients of PD, CPU and RM attach dataspaces and maps, and let threads run:',
  operations: { attach: 10, detach: 4, probe: 6, thread: 4, start: 4, pause: 3, kill: 1, run: 8 },
  run: (context, steps) => runKernelScript(context.seams.genode, steps),
  witnesses: KERNEL_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: [
    'region-map-read-only-ignored',
    'region-map-inside-itself',
    'thread-priority-inverted',
    'thread-unpaid',
    'thread-goes-on-unresolved',
  ],
});
