import { runRpcProxyScript } from '../../src/refinement/rpc-proxy-script.ts';
import { scriptProperty } from '../sessions/script-property.ts';

/** The generic proxy of session interfaces between two Genode instances. */
export const rpcProxyRefinement = scriptProperty({
  id: 'proxies/rpc-proxy-refinement',
  claim:
    'A service behind the generic proxy answers as a local one: per session first in, first out, nothing lost, doubled or invented; what dies fails, and a hostile peer reaches neither service nor caller.',
  method: 'comparison with a local service',
  model: 'rpc-proxy',
  premise: 'Let a client proxy and a server proxy exchange messages over two channels:',
  operations: {
    open: 5,
    call: 9,
    close: 2,
    toServer: 10,
    toClient: 10,
    restartServer: 0.5,
    restartClient: 0.5,
  },
  hostile: { forgeToServer: 3, forgeToClient: 3, flood: 0.3 },
  run: (context, steps) => runRpcProxyScript(context.seams.genode, steps),
  witnesses: [
    { id: 'replied', description: 'a call gets its reply' },
    { id: 'opened', description: 'a session is opened' },
    { id: 'closed', description: 'a session is closed' },
    { id: 'failed-call', description: 'a call fails because its server restarted or its session was closed' },
    { id: 'refused', description: 'a local request is refused' },
    { id: 'discarded', description: 'a message that fits nothing is discarded' },
    { id: 'denied', description: 'a session is asked for that the service denies' },
  ],
  killedBy: [
    'proxy-late-reply-accepted',
    'proxy-stale-generation-accepted',
    'proxy-sessions-survive-restart',
    'proxy-dead-session-open',
    'proxy-request-repeated',
    'proxy-sessions-unbounded',
    'proxy-label-unprefixed',
    'proxy-request-number-reused',
  ],
});
