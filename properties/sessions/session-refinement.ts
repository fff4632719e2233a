import { sessionOpsOf } from '../../src/impl/genode/core/genode-ops.ts';
import { runSessionScript } from '../../src/refinement/session-script.ts';
import { scriptProperty } from './script-property.ts';

/** The life of one session at its parent, beside the model. */
export const sessionRefinement = scriptProperty({
  id: 'sessions/session-refinement',
  claim:
    'A session goes through the phases of its protocol, and its quota with it, whoever of client and server ends when.',
  method: 'step refinement',
  model: 'session',
  premise: 'Let a client ask its parent for a session at a server that answers whenever it likes:',
  operations: { request: 6, upgrade: 4, answer: 12, fetch: 5, close: 3, clientExit: 1, serverExit: 1 },
  run: (context, steps) => runSessionScript(sessionOpsOf(context.seams.genode), steps),
  witnesses: [
    { id: 'handed-out', description: 'a client gets its session' },
    { id: 'upgraded', description: 'an upgrade is confirmed' },
    { id: 'denied', description: 'a server denies' },
    { id: 'refunded', description: 'a closed session returns its quota' },
    { id: 'client-exit', description: 'a client ends with an open session' },
    { id: 'server-exit', description: 'a server ends with an open session' },
  ],
  killedBy: [
    'upgrade-before-cap',
    'response-out-of-phase',
    'client-exit-keeps-session',
    'refund-without-cost',
    'failed-donation-kept',
  ],
});
