import { runHostilePeerScript } from '../../src/refinement/genode/hostile-peer-script.ts';
import { VICTIMS } from '../../src/refinement/genode/hostile-victims.ts';
import { scriptProperty } from '../sessions/script-property.ts';

/** A Genode instance whose peer at a link does anything. */
export const instanceSurvivesHostilePeer = scriptProperty({
  id: 'proxies/instance-survives-hostile-peer',
  claim:
    'An instance with a proxy that serves, or that uses, a peer which writes anything at any time into its channel (also while a message is taken), answers late, twice or never, starts anew at will and raises its event without end neither fails nor leaves its own memory; its components get on, nothing of them reaches the peer, what the peer writes carries its name, and no client waits for a peer that is gone.',
  method: 'generated attacks on a whole instance, at both sides of eight services by messages and in bulk',
  premise: 'Let an instance run with a peer that does this:',
  operations: { send: 12, run: 3, restart: 0.2 },
  hostile: { poke: 3, race: 4, storm: 2, flood: 0.2 },
  cases: VICTIMS.length,
  runsPerTask: 3,
  run: ({ seams }, steps) => runHostilePeerScript(seams, steps),
  witnesses: [
    { id: 'attack', description: 'the peer does something' },
    { id: 'opened', description: 'a session of the peer is opened' },
    { id: 'written', description: 'a line of the peer reaches the LOG' },
    { id: 'answered', description: 'a local client takes an answer of the peer' },
    { id: 'packet', description: 'a local client gets a packet back' },
    { id: 'failed', description: 'a local client learns that its session is gone' },
  ],
  killedBy: ['vhw-payload-unbounded', 'vhw-double-fetch', 'proxy-label-unprefixed', 'proxy-packets-kept'],
});
