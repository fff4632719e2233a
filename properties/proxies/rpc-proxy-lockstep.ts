import { runRpcProxyLockstep } from '../../src/refinement/rpc-proxy-lockstep.ts';
import { scriptProperty } from '../sessions/script-property.ts';

/** Both generic proxies in lockstep with the model of their session. */
export const rpcProxyLockstep = scriptProperty({
  id: 'proxies/rpc-proxy-lockstep',
  claim:
    'Both sides of the generic proxy do step by step what the model rpc-proxy does: the same modes, and the same messages of the same lives under way.',
  method: 'step refinement of a model',
  model: 'rpc-proxy',
  premise: 'Let one session go through both proxies, with restarts of either side:',
  operations: {
    open: 4,
    call: 6,
    takeReply: 8,
    followServer: 4,
    restartClient: 0.6,
    takeRequest: 8,
    answer: 6,
    followClient: 4,
    restartServer: 0.6,
  },
  run: ({ seams }, steps) => runRpcProxyLockstep(seams.genode, steps),
  witnesses: [
    { id: 'opened', description: 'the session is open' },
    { id: 'answered', description: 'a call is answered' },
    { id: 'failed', description: 'a call fails because the server restarted' },
    { id: 'discarded', description: 'a message of a former life is discarded' },
    { id: 'restarted', description: 'a side restarts' },
  ],
  killedBy: ['proxy-stale-generation-accepted', 'proxy-sessions-survive-restart', 'proxy-dead-session-open'],
});
