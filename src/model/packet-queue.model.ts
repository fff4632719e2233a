import type { Model, ModelInstance } from './model.ts';
import { eraseInstance, party } from './model.ts';
import { createConsumer, createProducer } from './packet-queue.machine.ts';
import type { PacketQueueConfig, PacketQueueEvent, PacketQueueState } from './packet-queue-state.ts';
import { packetQueueSchema } from './packet-queue-state.ts';

const STEP: readonly PacketQueueEvent[] = [{ type: 'step' }];

/** One queue with its producer and its consumer, any interleaving of their accesses. */
export function createPacketQueue(config: PacketQueueConfig): ModelInstance<PacketQueueState, PacketQueueEvent> {
  const schema = packetQueueSchema(config);
  const producer = createProducer(config, schema);
  const consumer = createConsumer(config, schema);
  const parties = [
    party<PacketQueueState, PacketQueueEvent, PacketQueueConfig, string, string>(
      'producer',
      producer.machine,
      producer.definition,
      STEP,
      ['head', 'slot', 'producer', 'packetAvailable', 'spaceAvailable'],
    ),
    party<PacketQueueState, PacketQueueEvent, PacketQueueConfig, string, string>(
      'consumer',
      consumer.machine,
      consumer.definition,
      STEP,
      ['tail', 'consumer', 'packetAvailable', 'spaceAvailable'],
    ),
  ];
  return {
    schema,
    parties,
    invariants: [
      {
        id: 'fifo',
        claim: 'Packets are taken in the order in which they were put, each once.',
        holds: ({ consumer: { copy, taken } }) => copy === 0 || copy === taken + 1,
      },
      {
        id: 'no-lost-wakeup',
        claim: 'A consumer that sleeps without a signal has no packet, unless the producer is about to signal.',
        holds: ({ head, tail, packetAvailable }, [producing, consuming]) =>
          consuming !== 'asleep' || packetAvailable || head === tail || producing === 'look' || producing === 'wake',
      },
      {
        id: 'no-lost-space',
        claim: 'A producer that sleeps without a signal has no free slot, unless the consumer is about to signal.',
        holds: ({ head, tail, spaceAvailable }, [producing, consuming]) =>
          producing !== 'asleep' ||
          spaceAvailable ||
          (head - tail + config.slots) % config.slots === config.slots - 1 ||
          consuming === 'look' ||
          consuming === 'wake',
      },
    ],
    witnesses: [
      { id: 'both-slept', description: 'The consumer sleeps.', seen: (_, modes) => modes[1] === 'asleep' },
      { id: 'saturated', description: 'The producer sleeps.', seen: (_, modes) => modes[0] === 'asleep' },
      {
        id: 'all-taken',
        description: 'The last packet is taken.',
        seen: state => state.consumer.taken === config.packets,
      },
    ],
  };
}

/** One queue of Genode's packet stream (os/packet_stream.h). */
export const packetQueueModel: Model = {
  id: 'packet-queue',
  title: 'Queue of a Genode packet stream: ring, wake-ups in both directions',
  sources: ['packet-queue.ts'],
  configurations: [
    {
      name: '2 slots, 5 packets',
      exhaustive: true,
      states: 1133,
      create: () => eraseInstance(createPacketQueue({ slots: 2, packets: 5 })),
    },
    {
      name: '3 slots, 5 packets',
      exhaustive: true,
      states: 2554,
      create: () => eraseInstance(createPacketQueue({ slots: 3, packets: 5 })),
    },
  ],
};
