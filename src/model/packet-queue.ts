import type { PacketQueueConfig, PacketQueueEvent, PacketQueueState } from './packet-queue-state.ts';

/** Packets between two indices of the ring. */
function fill(head: number, tail: number, slots: number): number {
  return (head - tail + slots) % slots;
}

// Producer

/** A packet is left to send. */
export function packetLeft(
  state: Readonly<PacketQueueState>,
  _event: PacketQueueEvent,
  config: PacketQueueConfig,
): boolean {
  return state.producer.put < config.packets;
}

/** The ring has no free slot, by the tail as last read. */
export function isFull(
  state: Readonly<PacketQueueState>,
  _event: PacketQueueEvent,
  config: PacketQueueConfig,
): boolean {
  return fill(state.head, state.producer.tail, config.slots) === config.slots - 1;
}

/** Exactly one packet is in the ring, by the tail as last read: the consumer may sleep. */
export function isFirstPacket(
  state: Readonly<PacketQueueState>,
  _event: PacketQueueEvent,
  config: PacketQueueConfig,
): boolean {
  return fill(state.head, state.producer.tail, config.slots) === 1;
}

/** The signal for space is there. */
export function spaceSignalled(state: Readonly<PacketQueueState>): boolean {
  return state.spaceAvailable;
}

/** Reads the tail. */
export function readTail(state: PacketQueueState): void {
  state.producer.tail = state.tail;
}

/** Writes the descriptor into the slot at the head. */
export function writeDescriptor(state: PacketQueueState): void {
  state.slot[state.head] = state.producer.put + 1;
}

/** Advances the head: the packet is in the ring. */
export function advanceHead(state: PacketQueueState, _event: PacketQueueEvent, config: PacketQueueConfig): void {
  state.head = (state.head + 1) % config.slots;
  state.producer.put += 1;
}

/** Tells the consumer that there is a packet. */
export function signalPacket(state: PacketQueueState): void {
  state.packetAvailable = true;
}

/** Takes the signal for space. */
export function takeSpaceSignal(state: PacketQueueState): void {
  state.spaceAvailable = false;
}

// Consumer

/** The ring is empty, by the head as last read. */
export function isEmpty(state: Readonly<PacketQueueState>): boolean {
  return state.consumer.head === state.tail;
}

/** Exactly one slot is free, by the head as last read: the producer may sleep. */
export function isFirstSpace(
  state: Readonly<PacketQueueState>,
  _event: PacketQueueEvent,
  config: PacketQueueConfig,
): boolean {
  return fill(state.consumer.head, state.tail, config.slots) === config.slots - 2;
}

/** The signal for packets is there. */
export function packetSignalled(state: Readonly<PacketQueueState>): boolean {
  return state.packetAvailable;
}

/** Reads the head. */
export function readHead(state: PacketQueueState): void {
  state.consumer.head = state.head;
}

/** Copies the descriptor out of the slot at the tail. */
export function copyDescriptor(state: PacketQueueState): void {
  state.consumer.copy = state.slot[state.tail]!;
}

/** Advances the tail: the slot is free. */
export function advanceTail(state: PacketQueueState, _event: PacketQueueEvent, config: PacketQueueConfig): void {
  state.tail = (state.tail + 1) % config.slots;
  state.consumer.taken = state.consumer.copy;
  state.consumer.copy = 0;
}

/** Tells the producer that there is space. */
export function signalSpace(state: PacketQueueState): void {
  state.spaceAvailable = true;
}

/** Takes the signal for packets. */
export function takePacketSignal(state: PacketQueueState): void {
  state.packetAvailable = false;
}
