import { runPacketStreamScript } from '../../src/refinement/packet-stream-script.ts';
import { scriptProperty } from './script-property.ts';

/** A packet queue whose shared memory the producer tampers with. */
export const packetStream = scriptProperty({
  id: 'sessions/packet-stream',
  claim:
    'A packet queue delivers in order and wakes who sleeps; from a hostile producer, who changes its memory between two reads, no packet outside of the bulk buffer is accepted.',
  method: 'comparison with a list, hostile memory',
  model: 'packet-queue',
  premise: 'Let packets be put into and taken from a queue of four slots in shared memory:',
  operations: { put: 8, take: 8 },
  hostile: { poke: 1, arm: 3 },
  run: (context, steps) => runPacketStreamScript(context.seams.genode.stream, steps),
  witnesses: [
    { id: 'taken', description: 'a packet is taken' },
    { id: 'full', description: 'the queue is full' },
    { id: 'woken', description: 'a consumer is woken' },
    { id: 'rejected', description: 'a packet outside of the bulk buffer is rejected' },
    { id: 'changed-between-reads', description: 'the memory changes between two reads of one take' },
  ],
  killedBy: [
    'packet-double-fetch',
    'packet-bounds-wrap',
    'packet-queue-overfilled',
    'packet-wakeup-lost',
    'packet-space-wakeup-lost',
  ],
});
