import type { GenodeOps } from '../impl/genode/core/genode-ops.ts';
import type { VhwOps } from '../impl/genode/proxy/vhw-muchannel.ts';
import type { Fault } from './fault.ts';
import { seamFaults } from './fault-parts.ts';

const vhw =
  (replace: (ops: VhwOps) => Partial<VhwOps>): ((ops: GenodeOps) => Partial<GenodeOps>) =>
  ops => ({ vhw: { ...ops.vhw, ...replace(ops.vhw) } });

const PROXIED = 'proxies/proxied-service-refinement';
const RESTART = 'proxies/every-restart';

/** More than any region of a link has. */
const MOST_BYTES = 0x1_0000;

/** Defects of the virtual hardware between proxies. */
export const VHW_FAULTS: readonly Fault[] = seamFaults('genode', [
  {
    id: 'vhw-ring-overwritten',
    title: 'a message is written although the peer has not taken the one in its place',
    precedent: 'Genode #3305: messages lost in a channel that its writer does not wait for',
    killedBy: [PROXIED],
    replace: vhw(() => ({ hasRoom: () => true })),
  },
  {
    id: 'vhw-no-event',
    title: 'the peer is not told of messages',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: [PROXIED, RESTART],
    replace: vhw(() => ({ rings: () => false })),
  },
  {
    id: 'vhw-payload-unbounded',
    title: 'the length that a message claims is taken for true',
    precedent: 'CVE-2018-2698 (VirtualBox VDMA): unchecked offsets and lengths of a guest',
    killedBy: ['proxies/instance-survives-hostile-peer'],
    replace: vhw(() => ({ payloadBytes: claimed => Math.min(claimed, MOST_BYTES) })),
  },
  {
    id: 'vhw-double-fetch',
    title: 'the header of a message is read again from shared memory after its length was judged',
    precedent: 'XSA-155 (CVE-2015-8550): double fetch from a shared ring',
    killedBy: ['proxies/instance-survives-hostile-peer'],
    replace: vhw(() => ({ headerReads: () => 2 })),
  },
  {
    id: 'vhw-reads-from-start',
    title: 'a side that starts anew reads a channel from its first message',
    precedent: 'XSA-343: event channels used across a reset',
    killedBy: [RESTART],
    replace: vhw(() => ({ resumeAt: () => 0 })),
  },
]);
