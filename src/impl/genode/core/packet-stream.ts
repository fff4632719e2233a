/** Shared memory of a packet stream, accessed word by word: the peer may change it between any two accesses. */
export interface StreamMemory {
  /** Unsigned 32-bit word at a byte offset. */
  readWord(offset: number): number;
  writeWord(offset: number, value: number): void;
}

/** Descriptor of a packet: a piece of the stream's dataspace. */
export interface PacketDescriptor {
  readonly offset: number;
  readonly sizeBytes: number;
  /** Words beyond offset and size, as the service defines them. */
  readonly more: readonly number[];
}

/** Where a packet stream lies in its dataspace: submit queue, acknowledgement queue, bulk buffer. */
export interface StreamLayout {
  readonly totalBytes: number;
  /** Slots of each queue; one stays free. */
  readonly slots: number;
  /** 32-bit words of a descriptor, at least 2. */
  readonly descriptorWords: number;
}

export type QueueName = 'submit' | 'ack';

const HEAD = 0;
const TAIL = 4;
const QUEUE_HEADER_BYTES = 8;

export const queueBytes = ({ slots, descriptorWords }: StreamLayout): number =>
  QUEUE_HEADER_BYTES + slots * descriptorWords * 4;

/** Offset of a queue in the dataspace. */
export const queueOffset = (layout: StreamLayout, queue: QueueName): number =>
  queue === 'submit' ? 0 : queueBytes(layout);

/** Offset of the bulk buffer: the two queues, rounded up to 64 bytes. */
export const bulkOffset = (layout: StreamLayout): number => Math.ceil((2 * queueBytes(layout)) / 64) * 64;

/** Leaf decisions of a packet stream; a seeded fault replaces one of them. */
export interface StreamOps {
  /** True if a piece lies inside of the bulk buffer. A piece of size 0 is always valid. */
  isInsideBulk(layout: StreamLayout, offset: number, sizeBytes: number): boolean;
  /** True if a queue is full. */
  isFull(head: number, tail: number, slots: number): boolean;
  /** Times that a descriptor is read from shared memory. */
  descriptorReads(): number;
  /** True if a put into a queue that now holds `count` must wake the other side. */
  wakesConsumer(count: number): boolean;
  /** True if a take that left `free` slots must wake the other side. */
  wakesProducer(free: number): boolean;
}

export const streamOps: StreamOps = {
  isInsideBulk: (layout, offset, sizeBytes) =>
    sizeBytes === 0 || (offset >= bulkOffset(layout) && sizeBytes <= layout.totalBytes - offset),
  isFull: (head, tail, slots) => (head + 1) % slots === tail % slots,
  descriptorReads: () => 1,
  wakesConsumer: count => count === 1,
  wakesProducer: free => free === 1,
};

/** Packets in a queue; a hostile index counts modulo the number of slots. */
const fill = (head: number, tail: number, slots: number): number => ((head % slots) - (tail % slots) + slots) % slots;

const slotOffset = (layout: StreamLayout, queue: QueueName, index: number): number =>
  queueOffset(layout, queue) + QUEUE_HEADER_BYTES + (index % layout.slots) * layout.descriptorWords * 4;

/** What putting or taking a descriptor did. */
export type QueueStep =
  | { readonly result: 'full' | 'empty'; readonly isWaking: false }
  | { readonly result: 'done'; readonly isWaking: boolean; readonly descriptor: PacketDescriptor }
  | { readonly result: 'invalid'; readonly isWaking: boolean; readonly descriptor: PacketDescriptor };

/**
 * Producer side of a queue. Its own index (`head`) is private, so that the peer cannot move it; only the consumer's is
 * read from shared memory.
 *
 * @returns the step, and the next head.
 */
export function putDescriptor(
  ops: StreamOps,
  layout: StreamLayout,
  queue: QueueName,
  memory: StreamMemory,
  head: number,
  descriptor: PacketDescriptor,
): { readonly step: QueueStep; readonly head: number } {
  const base = queueOffset(layout, queue);
  const tail = memory.readWord(base + TAIL);
  if (ops.isFull(head, tail, layout.slots)) return { step: { result: 'full', isWaking: false }, head };
  const place = slotOffset(layout, queue, head);
  const words = [descriptor.offset, descriptor.sizeBytes, ...descriptor.more].slice(0, layout.descriptorWords);
  for (const [index, word] of words.entries()) memory.writeWord(place + 4 * index, word >>> 0);
  const next = (head + 1) % layout.slots;
  memory.writeWord(base + HEAD, next);
  const isWaking = ops.wakesConsumer(fill(next, memory.readWord(base + TAIL), layout.slots));
  return { step: { result: 'done', isWaking, descriptor }, head: next };
}

/**
 * Consumer side of a queue: copies the descriptor once, then judges the copy, so that a peer that changes it meanwhile
 * gains nothing.
 *
 * @returns the step ('invalid': the descriptor was taken, and points outside of the bulk buffer), and the next tail.
 */
export function takeDescriptor(
  ops: StreamOps,
  layout: StreamLayout,
  queue: QueueName,
  memory: StreamMemory,
  tail: number,
): { readonly step: QueueStep; readonly tail: number } {
  const base = queueOffset(layout, queue);
  const head = memory.readWord(base + HEAD);
  if (fill(head, tail, layout.slots) === 0) return { step: { result: 'empty', isWaking: false }, tail };
  const place = slotOffset(layout, queue, tail);
  const copy = (): number[] =>
    Array.from({ length: layout.descriptorWords }, (_, index) => memory.readWord(place + 4 * index));
  const judged = copy();
  const isValid = ops.isInsideBulk(layout, judged[0]!, judged[1]!);
  let words = judged;
  for (let reads = 1; reads < ops.descriptorReads(); reads++) words = copy();
  const next = (tail + 1) % layout.slots;
  memory.writeWord(base + TAIL, next);
  const free = layout.slots - 1 - fill(memory.readWord(base + HEAD), next, layout.slots);
  const descriptor: PacketDescriptor = { offset: words[0]!, sizeBytes: words[1]!, more: words.slice(2) };
  return { step: { result: isValid ? 'done' : 'invalid', isWaking: ops.wakesProducer(free), descriptor }, tail: next };
}
