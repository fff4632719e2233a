import type { StateOfSchema } from './schema.ts';
import { array, bool, enumOf, int, record, schemaOf } from './schema.ts';

/** Parameters of a LOG proxy model. */
export interface LogProxyConfig {
  /** Labels of the local sessions that can be opened per epoch; session ids are their indices. */
  readonly labels: readonly string[];
  /** String lengths in bytes, including the NUL, that messages may have; a message holds an index into this list. */
  readonly lengthsBytes: readonly number[];
  /** Messages that the client keeps before they go into the channel. */
  readonly bufferMessages: number;
  /** Elements of the channel. */
  readonly channelElements: number;
  /** Writes per session and epoch, at most. */
  readonly maxWrites: number;
  /** Starts of the client, at most; each is a new channel epoch. */
  readonly epochs: number;
}

/** A call of a local LOG client, a restart, or one step of a party. */
export type LogProxyEvent =
  | SessionEvent
  | WriteEvent
  | InjectEvent
  | { readonly type: 'flush' }
  | { readonly type: 'restart' }
  | { readonly type: 'deliver' }
  | { readonly type: 'inject-vector' }
  | { readonly type: 'signal' }
  | { readonly type: 'step' };

/** Opens or closes local session `session`, or tries again to announce its close. */
export interface SessionEvent {
  readonly type: 'open' | 'close' | 'retry';
  readonly session: number;
}

/** LOG write of a string of `lengthsBytes[length]` bytes in session `session`. */
export interface WriteEvent {
  readonly type: 'write';
  readonly session: number;
  readonly length: number;
}

/** A hostile client publishes any message. */
export interface InjectEvent {
  readonly type: 'inject';
  readonly session: number;
  readonly sequence: number;
  readonly length: number;
  readonly kind: 'write' | 'close';
}

/**
 * Client memory, channel, the two notification bits and server memory.
 *
 * A message carries its session (and with it the label), a per-session sequence number and its length; the text itself is abstracted to these.
 * Session ids are not used twice in one epoch. Counters restart with the epoch.
 */
export function logProxySchema(config: LogProxyConfig) {
  const sessions = config.labels.length;
  const sequence = int(0, config.maxWrites + 1);
  const messages = sessions * (config.maxWrites + 1);
  const message = record({
    /** `sessions` stands for every id that does not exist. */
    session: int(0, sessions),
    sequence,
    length: int(0, config.lengthsBytes.length - 1),
    kind: enumOf('write', 'close'),
  });
  return schemaOf({
    client: record({
      sessions: array(
        sessions,
        record({
          status: enumOf('unused', 'open', 'closing', 'closed'),
          /** Sequence number of the latest message. */
          issued: sequence,
          /** Messages that found the buffer full. */
          dropped: sequence,
        }),
        config.labels,
      ),
      buffer: array(config.bufferMessages, message),
      buffered: int(0, config.bufferMessages),
    }),
    channel: record({
      epoch: int(1, config.epochs),
      wc: int(0, messages),
      elements: array(config.channelElements, message),
    }),
    /** The client has raised the source event and the kernel has not handled it yet. */
    doorbell: bool(),
    /** The server's interrupt signal is not acknowledged. */
    signal: bool(),
    server: record({
      epoch: int(0, config.epochs),
      rc: int(0, messages),
      /** Messages skipped by overruns. */
      skipped: int(0, messages),
      /** Messages that failed validation. */
      rejected: int(0, messages),
      /** The message that is being handled: copied once, then validated. */
      current: message,
      sessions: array(
        sessions,
        record({
          /** A real LOG session exists. */
          open: bool(),
          /** Sequence number of the latest message handled. */
          last: sequence,
          /** Sequence numbers that were passed over. */
          missed: sequence,
        }),
        config.labels,
      ),
    }),
  });
}

export type LogProxyState = StateOfSchema<ReturnType<typeof logProxySchema>>;
export type LogMessage = LogProxyState['server']['current'];
