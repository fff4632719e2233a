import type { StateOfSchema } from './schema.ts';
import { array, bool, enumOf, int, record, schemaOf } from './schema.ts';

/** What the writer announces in the channel header; all values nonzero. */
export interface ChannelGeometry {
  readonly protocol: number;
  /** Element size in units of the model. */
  readonly size: number;
  readonly elements: number;
}

/** Parameters of a channel model. */
export interface ChannelConfig {
  /** What the reader was built for; the data array has this many elements. */
  readonly expected: ChannelGeometry;
  /** What the writer may announce, by the index in an `initialize` event. */
  readonly geometries: readonly ChannelGeometry[];
  /** Writes per epoch, at most. */
  readonly maxCounter: number;
  /** Initialisations, at most; each takes the next epoch value, so none is used twice. */
  readonly epochs: number;
  /**
   * Which epoch a synchronising reader adopts: `reread` loads it again after the header (SHMStream v2 as muchannel implements it), `first`
   * keeps the value that its check for an inactive channel saw, so that header and epoch belong together.
   */
  readonly adoptedEpoch: 'reread' | 'first';
}

/** One memory access of a party, or the first access of an operation. */
export type ChannelEvent =
  | InitializeEvent
  | { readonly type: 'write' }
  | { readonly type: 'deactivate' }
  | { readonly type: 'read' }
  | { readonly type: 'drain' }
  | { readonly type: 'reset' }
  | { readonly type: 'step' }
  | HostileStore;

/** Store to a header field by a writer that does not follow the protocol. */
export interface HostileStore {
  readonly type: HeaderField;
  readonly value: number;
}

/** Header fields in memory order. */
export const HEADER_FIELDS = ['transport', 'epoch', 'protocol', 'size', 'elements', 'wsc', 'wc'] as const;
export type HeaderField = (typeof HEADER_FIELDS)[number];

/** Starts an initialisation that announces `geometries[geometry]`. */
export interface InitializeEvent {
  readonly type: 'initialize';
  readonly geometry: number;
}

/** Results of a read, as Muen's muchannel names them; `none` before the first. */
export const CHANNEL_RESULTS = [
  'none',
  'inactive',
  'incompatible_interface',
  'epoch_changed',
  'no_data',
  'overrun_detected',
  'success',
] as const;

/**
 * Memory of the channel, private memory of the two parties, and counters that only the invariants use.
 *
 * An element has two halves, so that a copy takes two accesses and can be torn; a half holds a stamp: 0 when zeroed, else
 * epoch * (maxCounter + 1) + number of the write (1 ..). Reserved is never read and hence left out.
 */
export function channelSchema(config: ChannelConfig) {
  const announced = [config.expected, ...config.geometries];
  const largest = (field: keyof ChannelGeometry): number => Math.max(...announced.map(geometry => geometry[field]));
  const stamp = int(0, (config.epochs + 1) * (config.maxCounter + 1) - 1);
  return schemaOf({
    header: record({
      epoch: int(0, config.epochs),
      transport: bool(),
      protocol: int(0, largest('protocol')),
      size: int(0, largest('size')),
      elements: int(0, largest('elements')),
      wsc: int(0, config.maxCounter),
      wc: int(0, config.maxCounter),
    }),
    data: array(config.expected.elements, record({ first: stamp, second: stamp })),
    writer: record({
      /** Epoch of the latest initialisation. */
      epoch: int(0, config.epochs),
      geometry: int(0, Math.max(0, config.geometries.length - 1)),
      /** Next half to be zeroed by an initialisation. */
      cursor: int(0, 2 * config.expected.elements),
    }),
    reader: record({
      epoch: int(0, config.epochs),
      size: int(0, largest('size')),
      elements: int(0, largest('elements')),
      rc: int(0, config.maxCounter),
      /** Epoch seen at the start of a read that synchronises. */
      seenEpoch: int(0, config.epochs),
      first: stamp,
      second: stamp,
      result: enumOf(...CHANNEL_RESULTS),
    }),
    /** Only for the invariants: RC when the reader last synchronised, skipped or was reset, and what it delivered since. */
    ghost: record({ start: int(0, config.maxCounter), delivered: int(0, config.maxCounter) }),
  });
}

export type ChannelState = StateOfSchema<ReturnType<typeof channelSchema>>;
