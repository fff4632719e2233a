import { sessionOpsOf } from '../../src/impl/genode/core/genode-ops.ts';
import { runQuotaScript } from '../../src/refinement/quota-script.ts';
import { scriptProperty } from './script-property.ts';

/** RAM and caps of a parent, its children and their sessions. */
export const quotaConserved = scriptProperty({
  id: 'sessions/quota-conserved',
  claim:
    'RAM and caps are neither made nor lost by sessions, upgrades, failures, closes and exits of up to five children.',
  method: 'conservation after every operation',
  premise: 'Let a parent start children that open sessions at each other:',
  operations: { start: 3, request: 9, upgrade: 5, answer: 12, fetch: 4, close: 4, exit: 1 },
  run: (context, steps) => runQuotaScript(sessionOpsOf(context.seams.genode), steps),
  witnesses: [
    { id: 'session', description: 'a session is opened' },
    { id: 'upgrade', description: 'a session is upgraded' },
    { id: 'two-servers', description: 'sessions at two servers are open at once' },
    { id: 'client-exit', description: 'a client ends with an open session' },
    { id: 'all-ended', description: 'children were started and have all ended' },
  ],
  killedBy: ['quota-leak-at-end', 'initial-quota-returned-twice', 'transfer-creates-quota', 'used-quota-transferred'],
});
