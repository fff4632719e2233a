import { runRpcScript } from '../../src/refinement/rpc-script.ts';
import { scriptProperty } from './script-property.ts';

/** Synchronous calls between threads. */
export const rpcOrder = scriptProperty({
  id: 'sessions/rpc-order',
  claim:
    'Calls are served first come first, each gets one reply or a failure, and a reply never reaches anyone but the caller that is served.',
  method: 'comparison with queues',
  premise: 'Let four threads call, wait for and reply to each other, cancel and end:',
  operations: { call: 8, wait: 6, reply: 6, cancel: 2, destroy: 1 },
  run: (context, steps) => runRpcScript(context.seams.genode.ipc, steps),
  witnesses: [
    { id: 'replied', description: 'a call gets its reply' },
    { id: 'queued', description: 'two callers wait for one server' },
    { id: 'failed', description: 'a call fails because its server ended' },
    { id: 'lost-client', description: 'a client is gone before its reply' },
    { id: 'caps-cut', description: 'a message arrives with as many capabilities as it may have' },
  ],
  killedBy: ['rpc-last-come-first-served', 'rpc-late-reply', 'rpc-caps-unbounded'],
});
