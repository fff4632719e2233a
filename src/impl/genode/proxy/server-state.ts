import type { ProxyMessage } from './message.ts';
import { MAX_SESSIONS } from './opening.ts';
import type { RpcValue } from './values.ts';

/** A session of the service on behalf of the peer. */
export interface ServerSessionState {
  readonly id: number;
  /** Number that no other session of any life of the peer has. */
  readonly key: number;
  readonly status: 'opening' | 'open';
  /** Number of the latest call that was performed, and its opcode. */
  readonly request: number;
  readonly opcode: number;
  /** The latest call was not answered yet. */
  readonly isServing: boolean;
  /** Bytes that came ahead of a call or a packet. */
  readonly data: Uint8Array;
  /** Packets that the service holds. */
  readonly packets: readonly { readonly packet: number; readonly stream: number }[];
}

export interface ServerState {
  /** Epoch of the client's channel. */
  readonly peerEpoch: number;
  /** Own epoch, which the client's messages must name. */
  readonly epoch: number;
  readonly sessions: readonly ServerSessionState[];
  readonly nextKey: number;
  /** Messages that were refused, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

/** What the server side asks of the real service, by the key of the session. */
export type ServiceRequest =
  | {
      readonly kind: 'open';
      readonly key: number;
      readonly session: number;
      readonly label: string;
      readonly service: string;
      readonly args: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'close'; readonly key: number; readonly session: number }
  | {
      readonly kind: 'call';
      readonly key: number;
      readonly session: number;
      readonly opcode: number;
      readonly values: readonly RpcValue[];
      /** What the call reads from the session's dataspace. */
      readonly data: Uint8Array;
    }
  | {
      readonly kind: 'packet';
      readonly key: number;
      readonly session: number;
      readonly packet: number;
      readonly stream: number;
      readonly sizeBytes: number;
      readonly more: readonly number[];
      readonly data: Uint8Array;
    };

export interface ServerStep {
  readonly state: ServerState;
  readonly sends: readonly ProxyMessage[];
  readonly requests: readonly ServiceRequest[];
}

/** Leaf decisions of the server side; a seeded fault replaces one of them. */
export interface ProxyServerOps {
  /** True if a call was not performed before. */
  isFresh(latest: number, request: number): boolean;
  /** True if a message belongs to the present life of both sides. */
  isCurrent(generation: number, epoch: number): boolean;
  /** Sessions that remain when the client restarted. */
  afterRestart(sessions: readonly ServerSessionState[]): readonly ServerSessionState[];
  /** True if one more session may be opened. */
  admits(sessions: number): boolean;
  /** Label under which a session of the peer is opened. */
  peerLabel(peer: string, label: string): string;
  /** True if the peer is told of a signal. */
  tellsSignals(): boolean;
  /** Bytes of shared memory that go with a reply, of so many that the interface says. */
  carriedBytes(sizeBytes: number): number;
  /** True if the bytes that came with a packet are no more than it claims to have. */
  fitsPacket(dataBytes: number, sizeBytes: number): boolean;
}

export const proxyServerOps: ProxyServerOps = {
  isFresh: (latest, request) => request === latest + 1,
  isCurrent: (generation, epoch) => generation === epoch,
  afterRestart: () => [],
  admits: sessions => sessions < MAX_SESSIONS,
  peerLabel: (peer, label) => (label === '' ? peer : `${peer} -> ${label}`),
  tellsSignals: () => true,
  carriedBytes: sizeBytes => sizeBytes,
  fitsPacket: (dataBytes, sizeBytes) => dataBytes <= sizeBytes,
};

export const initialServer = (epoch: number): ServerState => ({
  peerEpoch: 0,
  epoch,
  sessions: [],
  nextKey: 0,
  refused: {},
});
