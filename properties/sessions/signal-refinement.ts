import { runSignalScript } from '../../src/refinement/signal-script.ts';
import { scriptProperty } from './script-property.ts';

/** Signal contexts and receiver of Genode's kernel, operation by operation beside the model. */
export const signalRefinement = scriptProperty({
  id: 'sessions/signal-refinement',
  claim:
    'Signals coalesce and are never lost: each delivery stands for all submissions since the last one, in the order in which contexts became deliverable.',
  method: 'step refinement',
  model: 'signal',
  premise: 'Let three signal contexts of one receiver be submitted to, awaited, acknowledged and killed:',
  operations: { submit: 8, await: 5, poll: 2, ack: 6, kill: 1, cancel: 1 },
  run: (context, steps) => runSignalScript(context.seams.genode.signal, steps),
  witnesses: [
    { id: 'delivered', description: 'a signal is delivered' },
    { id: 'coalesced', description: 'one signal stands for several submissions' },
    { id: 'saturated', description: 'the count of submissions reaches its bound' },
    { id: 'killed-in-flight', description: 'a context is killed while its signal is handled' },
    { id: 'ready-at-await', description: 'a signal is there when the receiver begins to wait' },
  ],
  killedBy: ['signal-lost-while-handled', 'signal-overflow-wraps', 'signal-delivered-twice', 'signal-to-dead-context'],
});
