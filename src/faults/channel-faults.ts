import { big64, word64 } from '../impl/native/muchannel.ts';
import type { Fault } from './fault.ts';
import { seamFaults } from './fault-parts.ts';

const REFINEMENT = 'channels/muchannel-refinement';
const scenario = 'log-channel';

/** Defects of the muchannel (SHMStream v2) protocol. */
export const CHANNEL_FAULTS: readonly Fault[] = seamFaults('channel', [
  {
    id: 'commit-before-data',
    title: 'the writer commits an element before its data are there',
    precedent: 'XSA-340: missing memory barriers around the indexes of a shared ring',
    killedBy: [REFINEMENT],
    scenario,
    replace: () => ({ writeOrder: () => ['announce', 'commit', 'data'] }),
  },
  {
    id: 'announce-after-data',
    title: 'the writer announces an element only after it has overwritten the slot',
    precedent: 'XSA-328: a live entry changed in two parts, seen half-way by the other side',
    killedBy: [REFINEMENT],
    scenario,
    replace: () => ({ writeOrder: () => ['data', 'announce', 'commit'] }),
  },
  {
    id: 'overrun-not-checked',
    title: 'the reader takes an element that was overwritten while it copied',
    precedent: 'XSA-155 (CVE-2015-8550): data of a shared ring used although the other side had changed them',
    killedBy: [REFINEMENT],
    scenario,
    replace: () => ({ isOverrun: () => false }),
  },
  {
    id: 'wrong-modulus',
    title: 'the slot of a counter is computed with one element too many',
    precedent: 'CVE-2019-14821 (KVM): ring index out of bounds',
    killedBy: [REFINEMENT, 'channels/reader-survives-hostile-writer'],
    scenario,
    replace: ops => ({ elementIndex: (count, elements) => ops.elementIndex(count, elements + 1) }),
  },
  {
    id: 'epoch-reread-adopted',
    title: 'the reader adopts the epoch that it reads after the header',
    precedent: 'CVE-2021-29657 (KVM): shared state fetched twice; the libmuchannel reader does so with the epoch',
    killedBy: [REFINEMENT],
    scenario,
    replace: () => ({ adoptEpoch: (_seen, reread) => reread }),
  },
  {
    id: 'epoch-change-missed',
    title: 'an element of a former life of the writer is delivered',
    precedent: 'Genode catalogue "wrong-epoch accept"; CVE-2013-1797: a stale address used after its memory was gone',
    killedBy: [REFINEMENT],
    scenario,
    replace: () => ({ hasEpochChanged: () => false }),
  },
  {
    id: 'overrun-resumes-too-early',
    title: 'after an overrun the reader goes on with the next element instead of skipping all unread ones',
    precedent: 'Genode b811ef4331: falling behind once means falling behind for ever',
    killedBy: [REFINEMENT],
    scenario,
    replace: () => ({ countAfterOverrun: readCount => word64(big64(readCount) + 1n) }),
  },
  {
    id: 'size-not-checked',
    title: 'the reader accepts a channel of another shape',
    precedent: 'Muen be6f70050 (2022-02): size of a shared resource unchecked',
    killedBy: [REFINEMENT],
    scenario,
    replace: () => ({ isCompatible: () => true }),
  },
]);
