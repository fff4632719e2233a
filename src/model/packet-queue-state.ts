import type { StateOfSchema } from './schema.ts';
import { array, bool, int, record, schemaOf } from './schema.ts';

/** Parameters of the model of one queue of a Genode packet stream. */
export interface PacketQueueConfig {
  /** Slots of the ring; one stays free. */
  readonly slots: number;
  /** Packets that the producer sends. */
  readonly packets: number;
}

/** One memory access of a party, or the signal that wakes it. */
export interface PacketQueueEvent {
  readonly type: 'step';
}

/** Shared indices and descriptors, the private memory of both sides, and the two signals. */
export function packetQueueSchema({ slots, packets }: PacketQueueConfig) {
  return schemaOf({
    head: int(0, slots - 1),
    tail: int(0, slots - 1),
    slot: array(slots, int(0, packets)),
    producer: record({
      /** Packets put so far. */
      put: int(0, packets),
      /** Tail as last read. */
      tail: int(0, slots - 1),
    }),
    consumer: record({
      /** Number of the latest packet taken. */
      taken: int(0, packets),
      head: int(0, slots - 1),
      copy: int(0, packets),
    }),
    /** A signal that was submitted and not yet taken. */
    packetAvailable: bool(),
    spaceAvailable: bool(),
  });
}

export type PacketQueueState = StateOfSchema<ReturnType<typeof packetQueueSchema>>;
