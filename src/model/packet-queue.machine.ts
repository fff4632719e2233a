import { setup } from 'xstate';
import { defineModel } from './define.ts';
import * as queue from './packet-queue.ts';
import type { PacketQueueConfig, PacketQueueEvent, PacketQueueState } from './packet-queue-state.ts';
import { packetQueueSchema } from './packet-queue-state.ts';
import type { Schema } from './schema.ts';

const types = {} as { context: PacketQueueState; events: PacketQueueEvent };

/** The side that puts packets; a mode is the access that it does next. */
export function createProducer(
  config: PacketQueueConfig,
  schema: Schema<PacketQueueState> = packetQueueSchema(config),
) {
  const { packetLeft, isFull, isFirstPacket, spaceSignalled } = queue;
  const { readTail, writeDescriptor, advanceHead, signalPacket, takeSpaceSignal } = queue;
  const definition = defineModel<PacketQueueState, PacketQueueEvent, PacketQueueConfig, string, string>({
    schema,
    config,
    guards: { packetLeft, isFull, isFirstPacket, spaceSignalled },
    actions: { readTail, writeDescriptor, advanceHead, signalPacket, takeSpaceSignal },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'packet-producer',
    context: schema.initial(),
    initial: 'idle',
    states: {
      idle: { on: { step: { guard: 'packetLeft', target: 'judge', actions: 'readTail' } } },
      judge: {
        on: {
          step: [
            { guard: 'isFull', target: 'asleep' },
            { target: 'publish', actions: 'writeDescriptor' },
          ],
        },
      },
      publish: { on: { step: { target: 'look', actions: 'advanceHead' } } },
      look: { on: { step: { target: 'wake', actions: 'readTail' } } },
      wake: {
        on: { step: [{ guard: 'isFirstPacket', target: 'idle', actions: 'signalPacket' }, { target: 'idle' }] },
      },
      asleep: { on: { step: { guard: 'spaceSignalled', target: 'idle', actions: 'takeSpaceSignal' } } },
    },
  });
  return { definition, machine };
}

/** The side that takes packets. */
export function createConsumer(
  config: PacketQueueConfig,
  schema: Schema<PacketQueueState> = packetQueueSchema(config),
) {
  const { isEmpty, isFirstSpace, packetSignalled } = queue;
  const { readHead, copyDescriptor, advanceTail, signalSpace, takePacketSignal } = queue;
  const definition = defineModel<PacketQueueState, PacketQueueEvent, PacketQueueConfig, string, string>({
    schema,
    config,
    guards: { isEmpty, isFirstSpace, packetSignalled },
    actions: { readHead, copyDescriptor, advanceTail, signalSpace, takePacketSignal },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'packet-consumer',
    context: schema.initial(),
    initial: 'idle',
    states: {
      idle: { on: { step: { target: 'judge', actions: 'readHead' } } },
      judge: {
        on: {
          step: [
            { guard: 'isEmpty', target: 'asleep' },
            { target: 'release', actions: 'copyDescriptor' },
          ],
        },
      },
      release: { on: { step: { target: 'look', actions: 'advanceTail' } } },
      look: { on: { step: { target: 'wake', actions: 'readHead' } } },
      wake: {
        on: { step: [{ guard: 'isFirstSpace', target: 'idle', actions: 'signalSpace' }, { target: 'idle' }] },
      },
      asleep: { on: { step: { guard: 'packetSignalled', target: 'idle', actions: 'takePacketSignal' } } },
    },
  });
  return { definition, machine };
}
