import type { Fault } from './fault.ts';
import { seamFaults } from './fault-parts.ts';

const REFINEMENT = 'proxies/log-proxy-refinement';
/** What only a client that leaves the protocol can provoke. */
const HOSTILE = 'proxies/server-survives-hostile-client';

/** Defects of the LOG proxies. */
export const PROXY_FAULTS: readonly Fault[] = seamFaults('proxy', [
  {
    id: 'length-not-validated',
    title: 'a string longer than LOG allows is passed on',
    precedent: 'CVE-2018-3294 (VirtualBox): unchecked length of a message of the guest',
    killedBy: [REFINEMENT],
    replace: () => ({ validateLength: () => true }),
  },
  {
    id: 'sequence-reused',
    title: 'every message of a session has the same sequence number',
    precedent: 'Muen 33595a12f (2022-12): one name accepted for two events',
    killedBy: [REFINEMENT],
    replace: () => ({ nextSequence: sequence => Math.max(1, sequence) }),
  },
  {
    id: 'buffer-unbounded',
    title: 'the client proxy accepts messages without limit',
    precedent: 'Genode c9e8d2ca28: quota leak',
    killedBy: [REFINEMENT],
    replace: () => ({ admits: () => true }),
  },
  {
    id: 'hint-before-publish',
    title: 'the server is told before the message is there',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: [REFINEMENT],
    replace: () => ({ hintsAfterPublish: () => false }),
  },
  {
    id: 'drain-once',
    title: 'the server goes to sleep without looking at the channel again',
    precedent: 'Muen e55b1c928 (2023-01), the same race one level up: lost wake-up',
    killedBy: [REFINEMENT],
    replace: () => ({ drainAgain: () => false }),
  },
  {
    id: 'session-unchecked',
    title: 'a message for an unknown session goes to the first one',
    precedent: 'CVE-2013-1798 (KVM): index of a register taken from the guest',
    killedBy: [HOSTILE],
    replace: ops => ({ chooseSession: (id, count) => ops.chooseSession(id, count) ?? 0 }),
  },
  {
    id: 'replay-accepted',
    title: 'a message that was handled before is handled again',
    precedent: 'XSA-155 (CVE-2015-8550): the same request of a shared ring taken twice',
    killedBy: [HOSTILE],
    replace: () => ({ isFresh: () => true }),
  },
  {
    id: 'generation-ignored',
    title: 'a message of a former life of the client is accepted',
    precedent: 'CVE-2013-1797 (KVM): stale guest address used after its memory was gone',
    killedBy: [HOSTILE],
    replace: () => ({ isCurrent: () => true }),
  },
  {
    id: 'sessions-survive',
    title: 'sessions outlive the client that opened them',
    precedent: 'Genode 53a990579b: use of a session object after its end',
    killedBy: [HOSTILE],
    replace: () => ({ keepsSessions: () => true }),
  },
  {
    id: 'line-forgery',
    title: 'control characters of the client reach the log and can forge lines of others',
    precedent: 'CVE-2014-0981 (VirtualBox): content of a guest message used as it is',
    killedBy: [HOSTILE],
    replace: () => ({ printable: byte => byte }),
  },
  {
    id: 'label-lost',
    title: 'lines are logged without the label of their session',
    precedent: 'Muen 33595a12f (2022-12): a name that does not say to whom it belongs',
    killedBy: [REFINEMENT],
    replace: () => ({ logLine: (_label, text) => text }),
  },
]);
