/** What proxies between Genode instances must keep, whatever crosses them. */
export interface ProxyObligation {
  readonly title: string;
  /** Properties that show it. */
  readonly properties: readonly string[];
  /** Seeded faults that break it, each found by one of the properties. */
  readonly faults: readonly string[];
}

/** The obligations of Proxy:Client and Proxy:Server, by their numbers from 1. */
export const PROXY_OBLIGATIONS: readonly ProxyObligation[] = [
  {
    title:
      'One remote session for each local one, with the label behind the name of the peer; after a restart of either side calls and packets end as failed, and nobody hangs',
    properties: ['proxies/rpc-proxy-refinement', 'proxies/every-restart', 'proxies/instance-survives-hostile-peer'],
    faults: [
      'proxy-label-unprefixed',
      'proxy-sessions-survive-restart',
      'proxy-dead-session-open',
      'proxy-packets-kept',
    ],
  },
  {
    title: 'Per session calls are served first in, first out, none twice, none made up',
    properties: ['proxies/proxied-service-refinement', 'proxies/rpc-proxy-refinement', 'proxies/every-restart'],
    faults: ['proxy-request-repeated', 'vhw-ring-overwritten', 'vhw-reads-from-start'],
  },
  {
    title:
      'Buffers are bounded: a full link holds messages back, LOG alone drops its newest messages and counts them, and no component starves',
    properties: [
      'proxies/log-proxy-refinement',
      'proxies/proxied-service-refinement',
      'proxies/instance-survives-hostile-peer',
    ],
    faults: ['buffer-unbounded', 'vhw-ring-overwritten'],
  },
  {
    title: 'A call is performed at most once; replies belong to the call that waits, of the present life of both sides',
    properties: ['proxies/rpc-proxy-refinement', 'proxies/rpc-proxy-lockstep'],
    faults: ['proxy-late-reply-accepted', 'proxy-stale-generation-accepted', 'proxy-request-number-reused'],
  },
  {
    title:
      'No capability crosses: signals become notifications, dataspaces are copied, sessions become numbers; components refer only to what they got',
    properties: ['proxies/proxied-service-refinement', 'sessions/instance-books'],
    faults: ['proxy-copy-short', 'proxy-signal-lost', 'capability-named-twice', 'capability-outlives-object'],
  },
  {
    title:
      'Quota stays in its instance: buffers are paid for locally, sessions of a peer are bounded, and what is freed returns',
    properties: ['proxies/rpc-proxy-refinement', 'sessions/instance-books'],
    faults: ['proxy-sessions-unbounded', 'freed-ram-not-returned'],
  },
  {
    title:
      'What is too long is rejected, not cut: strings by the limits of the interface, payloads by that of the link',
    properties: ['proxies/log-proxy-refinement', 'proxies/instance-survives-hostile-peer'],
    faults: ['length-not-validated', 'vhw-payload-unbounded'],
  },
  {
    title: "The peer's memory is hostile: it is read once, judged, and never written",
    properties: ['proxies/instance-survives-hostile-peer', 'proxies/server-survives-hostile-client'],
    faults: ['vhw-double-fetch', 'session-unchecked', 'replay-accepted'],
  },
  {
    title: 'An event is a hint: it follows what it announces, and whoever takes it drains and looks again',
    properties: ['proxies/log-proxy-refinement', 'proxies/proxied-service-refinement'],
    faults: ['hint-before-publish', 'drain-once', 'vhw-no-event'],
  },
  {
    title: 'A channel has one writer and no way back: the reader of a one-way channel cannot tell its writer anything',
    properties: ['isolation/noninterference', 'isolation/subject-page-tables'],
    faults: ['event-to-wrong-subject', 'paging-ia32e-leaf-writable'],
  },
];
