import type { ProxyMessage } from './message.ts';
import type { RpcValue } from './values.ts';

/** A call that waits for its reply. */
export interface OutstandingCall {
  readonly request: number;
  readonly opcode: number;
}

/** A local session whose server is in another instance. */
export interface ClientSession {
  readonly status: 'opening' | 'open' | 'closing' | 'dead';
  /** Number of the latest call. */
  readonly request: number;
  readonly outstanding: OutstandingCall | undefined;
  /** Bytes that came ahead of a reply or an acknowledgement. */
  readonly data: Uint8Array;
  /** Number of the latest packet, and of those that did not come back yet. */
  readonly packet: number;
  readonly packets: readonly number[];
}

export interface ClientState {
  /** Epoch of the own channel, which the server's messages must name. */
  readonly epoch: number;
  /** Epoch of the server's channel; 0 while there is none. */
  readonly peerEpoch: number;
  /** By session id; an id is not used again before the peer changes. */
  readonly sessions: readonly (ClientSession | undefined)[];
  /** Messages of the peer that fit nothing, counted. */
  readonly discarded: number;
}

/** What the local component learns. */
export type LocalEvent =
  | { readonly kind: 'opened' | 'closed'; readonly session: number }
  | { readonly kind: 'signal'; readonly session: number; readonly signal: number }
  | {
      readonly kind: 'reply';
      readonly session: number;
      readonly request: number;
      /** Undefined if the call failed: the session is dead. */
      readonly values: readonly RpcValue[] | undefined;
      readonly error: string;
      /** What the call wrote into the session's dataspace. */
      readonly data: Uint8Array;
    }
  /** The server submitted a packet of a stream that it is the source of. */
  | {
      readonly kind: 'packet';
      readonly session: number;
      readonly stream: number;
      readonly more: readonly number[];
      readonly data: Uint8Array;
    }
  | {
      readonly kind: 'acknowledged';
      readonly session: number;
      readonly packet: number;
      readonly more: readonly number[];
      readonly data: Uint8Array;
    };

/** Result of one step of a proxy: what it sends and what it tells its own side. */
export interface ClientStep {
  readonly state: ClientState;
  readonly sends: readonly ProxyMessage[];
  readonly events: readonly LocalEvent[];
}

/** Leaf decisions of the client side; a seeded fault replaces one of them. */
export interface ProxyClientOps {
  /** True if a reply belongs to the call that waits. */
  isReplyTo(call: OutstandingCall, reply: ProxyMessage): boolean;
  /** True if a message belongs to the present life of both sides. */
  isCurrent(generation: number, epoch: number): boolean;
  /** Status of all sessions after the peer restarted. */
  afterRestart(): ClientSession['status'];
  /** Number of the call after call `request`. */
  nextRequest(request: number): number;
  /** True if a packet that comes back was sent and did not come back before. */
  isOutstanding(packets: readonly number[], packet: number): boolean;
  /** True if packets that a peer has come back when it is gone. */
  returnsPackets(): boolean;
}

export const proxyClientOps: ProxyClientOps = {
  isReplyTo: (call, { request, opcode }) => call.request === request && call.opcode === opcode,
  isCurrent: (generation, epoch) => generation === epoch,
  afterRestart: () => 'dead',
  nextRequest: request => request + 1,
  isOutstanding: (packets, packet) => packets.includes(packet),
  returnsPackets: () => true,
};

export const initialClient = (epoch: number): ClientState => ({ epoch, peerEpoch: 0, sessions: [], discarded: 0 });
