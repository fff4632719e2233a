import { type ChannelConfig, type ChannelEvent, type ChannelState, channelSchema } from './channel-state.ts';
import { array, int, record, type Schema, schemaOf } from './schema.ts';

/** A channel whose writer has a store buffer. */
export interface ChannelTsoConfig extends ChannelConfig {
  /** Stores that the buffer holds; the writer waits while it is full. */
  readonly bufferedStores: number;
}

/** The memory takes a store of the buffer: the oldest one is at 0. */
export interface FlushEvent {
  readonly type: 'flush';
  readonly at: number;
}

export type ChannelTsoEvent = ChannelEvent | FlushEvent;

/** The channel's own state, and what has not reached the memory yet. */
export type ChannelTsoState = ChannelState & {
  own: { epoch: number; wc: number };
  buffer: { location: number; value: number }[];
  buffered: number;
};

/**
 * The channel's memory and parties, with the writer's store buffer (SDM Vol. 3A, "Memory Ordering in P6 and More Recent Processor
 * Families"; Owens, Sarkar and Sewell's x86-TSO): stores wait in order, loads of the writer are served from its own copy.
 */
export function channelTsoSchema(config: ChannelTsoConfig) {
  const bare = channelSchema(config);
  const largest = (config.epochs + 1) * (config.maxCounter + 1) - 1;
  const locations = 7 + 2 * config.expected.elements;
  const schema = schemaOf({
    ...bare.root.fields,
    /** What the writer itself would load: its latest stores. */
    own: record({ epoch: int(0, config.epochs), wc: int(0, config.maxCounter) }),
    buffer: array(
      config.bufferedStores,
      record({ location: int(0, locations - 1), value: int(0, Math.max(largest, 3)) }),
    ),
    buffered: int(0, config.bufferedStores),
  });
  return schema as unknown as Schema<ChannelTsoState>;
}
