import type { StateOfSchema } from './schema.ts';
import { array, bool, int, record, schemaOf } from './schema.ts';

/** Parameters of the model of two proxies, a link between them, and one session. */
export interface RpcProxyConfig {
  /** Epochs of each side: it restarts one time less. */
  readonly epochs: number;
  /** Calls of all lives of the client. */
  readonly calls: number;
  /** Messages that each direction of the link holds. */
  readonly room: number;
  /** Messages of a former life are discarded. */
  readonly checksGeneration: boolean;
  /** A call that was performed is not performed again. */
  readonly checksRequest: boolean;
}

/** What a party does next; `step` of the environment is a restart. */
export interface RpcProxyEvent {
  readonly type: 'open' | 'call' | 'take' | 'repeat' | 'answer' | 'follow' | 'restart';
}

/** Kinds of messages in both directions. */
export const MESSAGE = { none: 0, open: 1, call: 2, opened: 1, reply: 2 } as const;

function direction({ epochs, calls, room }: RpcProxyConfig) {
  return record({
    /** Messages under way, oldest first. */
    count: int(0, room),
    kind: array(room, int(0, 2)),
    generation: array(room, int(0, epochs)),
    request: array(room, int(0, calls)),
  });
}

/** Both channels, what each side knows of the other, and what has happened to every call. */
export function rpcProxySchema(config: RpcProxyConfig) {
  const { epochs, calls } = config;
  return schemaOf({
    clientEpoch: int(1, epochs),
    serverEpoch: int(1, epochs),
    toServer: direction(config),
    toClient: direction(config),
    client: record({
      /** Epoch of the server as the client knows it, 0 for none. */
      known: int(0, epochs),
      /** Call that it made last, of all lives. */
      request: int(0, calls),
      /** Call that was answered last. */
      answered: int(0, calls),
      hasFailed: bool(),
    }),
    server: record({ known: int(0, epochs), request: int(0, calls) }),
    /** Times that each call was performed. */
    performed: array(calls, int(0, 2)),
    hasDiscarded: bool(),
  });
}

export type RpcProxyState = StateOfSchema<ReturnType<typeof rpcProxySchema>>;
