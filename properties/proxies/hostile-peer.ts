import { runHostilePeerScript } from '../../src/refinement/genode/hostile-peer-script.ts';
import { scriptProperty } from '../sessions/script-property.ts';

/** A Genode instance whose peer at a link does anything. */
export const instanceSurvivesHostilePeer = scriptProperty({
  id: 'proxies/instance-survives-hostile-peer',
  claim:
    'An instance with a proxy for a peer that writes anything at any time into its channel and raises its event at will neither fails nor leaves its own memory; its components get on, nothing of them reaches the peer, and what the peer writes carries its name.',
  method: 'generated attacks on a whole instance',
  premise: 'Let an instance run with a peer that does this:',
  operations: { send: 10, run: 3, restart: 0.5 },
  hostile: { poke: 6, storm: 3 },
  runsPerTask: 20,
  run: ({ seams }, steps) => runHostilePeerScript(seams, steps),
  witnesses: [
    { id: 'attack', description: 'the peer does something' },
    { id: 'opened', description: 'a session of the peer is opened' },
    { id: 'written', description: 'a line of the peer reaches the LOG' },
    { id: 'local-service', description: 'a local component gets on' },
  ],
  killedBy: ['vhw-payload-unbounded', 'proxy-label-unprefixed'],
});
