import { NETWORK_WITNESSES, runNetworkScript } from '../../src/refinement/services/network-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof NETWORK_WITNESSES)[number], string>> = {
  unicast: 'a frame for one client arrives there',
  broadcast: 'a frame for all arrives',
  outside: 'a frame for an unknown address goes to the driver',
  'from-outside': 'a frame of the driver arrives',
  spoofed: 'a client sends with the address of another',
  refused: 'a frame is too short or too long',
  full: 'a client does not take its frames, and one is lost',
  link: 'the driver goes or comes back',
};

/** A network of clients and a driver. */
export const network = scriptProperty({
  id: 'sessions/network',
  claim:
    'Each frame reaches the sessions that it is for, whole, once and in order, and no other; a client can neither speak for another nor hear what is not for it, and only its own delay costs it frames.',
  method: 'comparison with lists of frames, hostile senders',
  premise: 'Let three clients of nic_bridge and a driver send and receive:',
  operations: { send: 12, receive: 5, toggle: 1 },
  run: (context, steps) => runNetworkScript(context.seams.genode.service, steps),
  witnesses: NETWORK_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: ['nic-address-spoofed', 'nic-frame-echoed', 'nic-unknown-flooded', 'nic-frames-not-collected'],
});
