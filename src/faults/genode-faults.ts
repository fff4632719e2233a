import type { GenodeOps } from '../impl/genode/core/genode-ops.ts';
import { MAX_SUBMITS } from '../impl/genode/core/signals.ts';
import { PAYLOAD_BYTES } from '../impl/genode/proxy/message.ts';
import type { Fault } from './fault.ts';
import { seamFaults } from './fault-parts.ts';

/** Replaces entries of one concern of Genode's base. */
const replaceIn =
  <Concern extends keyof GenodeOps>(
    concern: Concern,
    replace: (ops: GenodeOps[Concern]) => Partial<GenodeOps[Concern]>,
  ): ((ops: GenodeOps) => Partial<GenodeOps>) =>
  ops => ({ [concern]: { ...ops[concern], ...replace(ops[concern]) } });

const SIGNALS = ['sessions/signal-refinement'];
const SESSIONS = ['sessions/session-refinement'];
const QUOTA = ['sessions/quota-conserved'];
const STREAM = ['sessions/packet-stream'];
const RPC = ['sessions/rpc-order'];
const BOOKS = ['sessions/instance-books'];
const INIT = ['sessions/init'];
const PROXY = ['proxies/rpc-proxy-refinement'];

/** Defects of Genode's signals, sessions, quota accounting, packet streams and calls. */
export const GENODE_FAULTS: readonly Fault[] = seamFaults('genode', [
  {
    id: 'signal-lost-while-handled',
    title: 'what is submitted while a signal is handled is not delivered after the acknowledgement',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: SIGNALS,
    replace: replaceIn('signal', () => ({ isPendingAfterAck: () => false })),
  },
  {
    id: 'signal-overflow-wraps',
    title: 'the count of submissions wraps instead of staying at its bound',
    precedent: 'CVE-2017-10235 (VirtualBox e1000): overflow of a counter that a peer drives',
    killedBy: SIGNALS,
    replace: replaceIn('signal', () => ({ addSubmits: (submits, count) => (submits + count) % (MAX_SUBMITS + 1) })),
  },
  {
    id: 'signal-delivered-twice',
    title: 'a signal is delivered again before the last one is acknowledged',
    precedent: 'Genode 149f199735: logic of injection and acknowledgement reworked',
    killedBy: SIGNALS,
    replace: replaceIn('signal', () => ({ deliversUnacknowledged: () => true })),
  },
  {
    id: 'signal-to-dead-context',
    title: 'a context that was killed takes submissions',
    precedent: 'Genode 2a698ffd5f: submit to a context without receiver',
    killedBy: SIGNALS,
    replace: replaceIn('signal', () => ({ acceptsSubmit: () => true })),
  },
  {
    id: 'upgrade-before-cap',
    title: 'a session is upgraded although its client does not have it yet',
    precedent: 'Genode 924e5c54eb: upgrade that went elsewhere',
    killedBy: SESSIONS,
    replace: replaceIn('session', () => ({ mayUpgrade: phase => phase === 'CAP_HANDED_OUT' || phase === 'AVAILABLE' })),
  },
  {
    id: 'response-out-of-phase',
    title: "a server's late answer changes a session that has moved on",
    precedent: 'Genode 935bb36fe4: session state unreachable while an asynchronous close is pending',
    killedBy: SESSIONS,
    replace: replaceIn('session', ops => ({
      fits: (response, phase) => ops.fits(response, phase) || (response === 'DELIVER' && phase === 'CLOSE_REQUESTED'),
    })),
  },
  {
    id: 'client-exit-keeps-session',
    title: 'the sessions of a client that ended stay open for ever',
    precedent: 'Genode 935bb36fe4: child destroyed while a close is pending',
    killedBy: SESSIONS,
    replace: replaceIn('session', () => ({ endsWithClient: () => false })),
  },
  {
    id: 'quota-leak-at-end',
    title: 'the quota of an account that ends goes nowhere',
    precedent: 'Genode c9e8d2ca28: budget not replenished',
    killedBy: QUOTA,
    replace: replaceIn('account', () => ({ returnedAtEnd: () => 0 })),
  },
  {
    id: 'initial-quota-returned-twice',
    title: 'an account that ends also returns the part that its donation returns',
    precedent: 'Genode 0c465fbb4d: double accounting',
    killedBy: QUOTA,
    replace: replaceIn('account', () => ({ returnedAtEnd: ({ limit }) => limit })),
  },
  {
    id: 'refund-without-cost',
    title: "a closed session returns what the server had, without the parent's cost",
    precedent: 'Genode c9e8d2ca28: quota leak',
    killedBy: SESSIONS,
    replace: replaceIn('session', ops => ({ refund: donated => ops.forServer(donated) })),
  },
  {
    id: 'failed-donation-kept',
    title: 'a donation that cannot be passed on to the server is not given back',
    precedent: 'Genode 99bdfbe36f: donation of a failed session',
    killedBy: SESSIONS,
    replace: replaceIn('session', ops => ({
      forServer: donated =>
        donated.ramBytes > 0x4000 ? { ...ops.forServer(donated), ramBytes: 2 ** 40 } : ops.forServer(donated),
      undoesFailedDonation: () => false,
    })),
  },
  {
    id: 'transfer-creates-quota',
    title: 'a transfer of quota leaves it where it was as well',
    precedent: 'Genode 0c465fbb4d: double accounting',
    killedBy: QUOTA,
    replace: replaceIn('account', () => ({ afterGiving: limit => limit })),
  },
  {
    id: 'used-quota-transferred',
    title: 'quota that is in use can be given away',
    precedent: 'Genode 53a990579b: account destroyed before its users',
    killedBy: QUOTA,
    replace: replaceIn('account', () => ({ available: ({ limit }) => limit })),
  },
  {
    id: 'packet-double-fetch',
    title: 'a descriptor is read again from shared memory after it was judged',
    precedent: 'XSA-155 (CVE-2015-8550): double fetch from a shared ring',
    killedBy: STREAM,
    replace: replaceIn('stream', () => ({ descriptorReads: () => 2 })),
  },
  {
    id: 'packet-bounds-wrap',
    title: 'offset and size of a packet are added in 32 bits before they are compared',
    precedent: 'CVE-2018-2698 (VirtualBox VDMA): unchecked offsets; stock check of Genode without overflow guard',
    killedBy: STREAM,
    replace: replaceIn('stream', () => ({
      isInsideBulk: (layout, offset, sizeBytes) =>
        sizeBytes === 0 || (offset >= 64 && (offset + sizeBytes) >>> 0 <= layout.totalBytes),
    })),
  },
  {
    id: 'packet-queue-overfilled',
    title: 'the slot that must stay free is used, so that a full queue looks empty',
    precedent: 'Genode c02aa759e6: full stream stuck; wrap at capacity',
    killedBy: STREAM,
    replace: replaceIn('stream', () => ({ isFull: () => false })),
  },
  {
    id: 'packet-wakeup-lost',
    title: 'the first packet in an empty queue wakes nobody',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: STREAM,
    replace: replaceIn('stream', () => ({ wakesConsumer: count => count === 2 })),
  },
  {
    id: 'packet-space-wakeup-lost',
    title: 'a producer that waits for space is not woken',
    precedent: 'Genode 8ddd93ec27: network stuck on unacknowledged packets',
    killedBy: STREAM,
    replace: replaceIn('stream', () => ({ wakesProducer: () => false })),
  },
  {
    id: 'rpc-last-come-first-served',
    title: 'the latest caller is served first',
    precedent: 'Genode b811ef4331: starvation by the order of service',
    killedBy: RPC,
    replace: replaceIn('ipc', () => ({ nextSender: senders => senders.at(-1)! })),
  },
  {
    id: 'rpc-late-reply',
    title: 'the reply to a client that is gone reaches the next caller',
    precedent: 'Genode d31492040c: race of a pager with its dissolved client',
    killedBy: RPC,
    replace: replaceIn('ipc', () => ({ afterLostClient: () => 'REPLY' })),
  },
  {
    id: 'rpc-caps-unbounded',
    title: 'a message may carry any number of capabilities',
    precedent: 'CVE-2019-6225 (Mach voucher): references beyond what was accounted',
    killedBy: RPC,
    replace: replaceIn('ipc', () => ({ deliveredCaps: caps => caps })),
  },
  {
    id: 'proxy-late-reply-accepted',
    title: 'a reply is given to whatever call its session waits for',
    precedent: 'Genode 935bb36fe4: late answer to a session that has moved on',
    killedBy: PROXY,
    replace: replaceIn('proxyClient', () => ({ isReplyTo: () => true })),
  },
  {
    id: 'proxy-stale-generation-accepted',
    title: 'a message of a former life of the client is served',
    precedent: 'XSA-343: event channels used across a reset',
    killedBy: [...PROXY, 'proxies/rpc-proxy-lockstep'],
    replace: replaceIn('proxyServer', () => ({ isCurrent: () => true })),
  },
  {
    id: 'proxy-sessions-survive-restart',
    title: 'sessions outlive the restart of their client',
    precedent: 'Genode 53a990579b: use after the user was destroyed',
    killedBy: [...PROXY, 'proxies/rpc-proxy-lockstep'],
    replace: replaceIn('proxyServer', () => ({ afterRestart: sessions => sessions })),
  },
  {
    id: 'proxy-dead-session-open',
    title: 'sessions go on after the restart of their server, which does not know them',
    precedent: 'Genode 935bb36fe4: session state out of step with its server',
    killedBy: [...PROXY, 'proxies/rpc-proxy-lockstep'],
    replace: replaceIn('proxyClient', () => ({ afterRestart: () => 'open' })),
  },
  {
    id: 'proxy-request-repeated',
    title: 'a call that was performed before is performed again',
    precedent: 'XSA-155 (CVE-2015-8550): the same request of a shared ring taken twice',
    killedBy: PROXY,
    replace: replaceIn('proxyServer', () => ({ isFresh: () => true })),
  },
  {
    id: 'proxy-sessions-unbounded',
    title: 'a peer may open any number of sessions',
    precedent: 'Genode c9e8d2ca28: budget of a client not bounded',
    killedBy: PROXY,
    replace: replaceIn('proxyServer', () => ({ admits: () => true })),
  },
  {
    id: 'proxy-label-unprefixed',
    title: "a peer's session has the label that the peer chose, without the peer's name",
    precedent: 'CVE-2010-0419 (KVM): identity taken from the guest',
    killedBy: [...PROXY, 'proxies/instance-survives-hostile-peer'],
    replace: replaceIn('proxyServer', () => ({ peerLabel: (_, label) => label })),
  },
  {
    id: 'proxy-copy-short',
    title: 'of shared memory that goes with a reply only what fits into one message crosses',
    precedent:
      'CWE-131: incorrect calculation of buffer size; remote_rom of Genode, too, had to learn to carry large ROMs',
    killedBy: ['proxies/proxied-service-refinement'],
    replace: replaceIn('proxyServer', () => ({ carriedBytes: sizeBytes => Math.min(sizeBytes, PAYLOAD_BYTES) })),
  },
  {
    id: 'proxy-signal-lost',
    title: 'signals of a service end at the proxy',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: ['proxies/proxied-service-refinement'],
    replace: replaceIn('proxyServer', () => ({ tellsSignals: () => false })),
  },
  {
    id: 'proxy-packets-kept',
    title: 'packets that a peer has when it is gone never come back',
    precedent: 'Genode 8ddd93ec27: network stuck on unacknowledged packets',
    killedBy: ['proxies/instance-survives-hostile-peer', 'proxies/every-restart'],
    replace: replaceIn('proxyClient', () => ({ returnsPackets: () => false })),
  },
  {
    id: 'freed-ram-not-returned',
    title: 'an account does not get back what memory cost that is freed',
    precedent: 'Genode c9e8d2ca28: budget not replenished',
    killedBy: BOOKS,
    replace: replaceIn('instance', () => ({ freedBytes: () => 0 })),
  },
  {
    id: 'freed-memory-attached',
    title: 'memory that its owner freed stays in the address spaces of others',
    precedent: 'CVE-2018-18281 (Linux mremap): mapping that outlives its page',
    killedBy: BOOKS,
    replace: replaceIn('instance', () => ({ revokesFreed: () => false })),
  },
  {
    id: 'label-unscoped',
    title: "a session carries the label that its client chose, without the client's name",
    precedent: 'CVE-2010-0419 (KVM): identity taken from the guest',
    killedBy: BOOKS,
    replace: replaceIn('instance', () => ({ serverLabel: (_, asked) => asked })),
  },
  {
    id: 'init-version-ignored',
    title: 'a child lives on when its node has another version',
    precedent:
      'CWE-672: use after expiration; a child of Genode is known by name and version, so that an update restarts it',
    killedBy: INIT,
    replace: replaceIn('instance', () => ({ isSameChild: () => true })),
  },
  {
    id: 'init-route-change-ignored',
    title: 'sessions stay where they are when their routes change',
    precedent: 'CWE-613: a right lives longer than what grants it',
    killedBy: INIT,
    replace: replaceIn('instance', () => ({ mayNotGoOn: () => false })),
  },
  {
    id: 'init-stuck-child-started',
    title: 'a child that waits for a route starts at the next change of the configuration, whatever it says',
    precedent: 'Genode 924e5c54eb: a change that concerns another one is taken for the own',
    killedBy: INIT,
    replace: replaceIn('instance', () => ({ staysStuck: () => false })),
  },
  {
    id: 'capability-named-twice',
    title: 'a capability that a component has already arrives under another name',
    precedent: 'CVE-2019-6225 (Mach voucher): references beyond what was accounted',
    killedBy: BOOKS,
    replace: replaceIn('capability', () => ({ knownReference: () => undefined })),
  },
  {
    id: 'capability-outlives-object',
    title: 'a capability is good for its object after the object was destroyed',
    precedent: 'Genode 53a990579b: use after the user was destroyed',
    killedBy: BOOKS,
    replace: replaceIn('capability', () => ({ isReachable: () => true })),
  },
  {
    id: 'proxy-request-number-reused',
    title: 'all calls of a session have the same number',
    precedent: 'Muen 33595a12f (2022-12): one name for two events',
    killedBy: PROXY,
    replace: replaceIn('proxyClient', () => ({ nextRequest: request => Math.max(1, request) })),
  },
]);
