import { PROXIED_CASES } from '../../src/refinement/genode/proxied-cases.ts';
import { runProxiedServiceScript } from '../../src/refinement/genode/proxied-service-script.ts';
import { scriptProperty } from '../sessions/script-property.ts';

/** Whole Genode instances, with the proxies of a service between a client and its server, over real muchannels. */
export const proxiedServiceRefinement = scriptProperty({
  id: 'proxies/proxied-service-refinement',
  claim:
    'A client of a service in another instance sees what it would see beside the service: the same results, errors, contents of shared memory and packets, in the same order, and the signals that come, for every service that can be proxied.',
  method: 'comparison of two instances over a link with one instance',
  premise: 'Let a client follow this script, with the service chosen by the first step:',
  operations: { call: 12, packet: 4, close: 1 },
  cases: PROXIED_CASES.length,
  runsPerTask: 3,
  run: ({ seams }, steps) => runProxiedServiceScript(seams, steps.slice(0, 12)),
  witnesses: [
    { id: 'opened', description: 'a session is opened' },
    { id: 'replied', description: 'a call returns' },
    { id: 'signal', description: 'a signal comes' },
    { id: 'data', description: 'contents of shared memory go with a call' },
  ],
  killedBy: ['vhw-no-event', 'vhw-ring-overwritten', 'proxy-copy-short', 'proxy-signal-lost'],
});
