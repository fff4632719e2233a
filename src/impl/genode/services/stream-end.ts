import {
  bulkOffset,
  type PacketDescriptor,
  putDescriptor,
  type StreamLayout,
  type StreamMemory,
  type StreamOps,
  takeDescriptor,
} from '../core/packet-stream.ts';
import { allocatePages, type FreeRanges, type PageRange, pagesInside, releasePages, wholePages } from '../core/ram.ts';

/** Private state of one side of a packet stream: indices that the other side cannot move. */
export interface StreamEnd {
  readonly role: 'source' | 'sink';
  /** Next slot to fill of the queue that this side produces. */
  readonly head: number;
  /** Next slot to empty of the queue that this side consumes. */
  readonly tail: number;
  /** Source: free pieces of the buffer. */
  readonly free: FreeRanges;
  /** Source: pieces that the sink has, by offset. */
  readonly lent: readonly PageRange[];
  /** Descriptors that pointed outside of the buffer or, at a source, to nothing that was lent. */
  readonly refused: number;
}

/** A fresh side of a stream. */
export function createStreamEnd(role: 'source' | 'sink', layout: StreamLayout): StreamEnd {
  const start = bulkOffset(layout);
  const bulk = pagesInside({ address: start, sizeBytes: layout.totalBytes - start });
  const free = role === 'source' && bulk.sizeBytes > 0 ? [bulk] : [];
  return { role, head: 0, tail: 0, free, lent: [], refused: 0 };
}

/** What a step on a stream did; `isWaking`: the other side waits for it. */
export interface StreamStep {
  readonly end: StreamEnd;
  readonly packet: PacketDescriptor | undefined;
  readonly isWaking: boolean;
}

/** Source: puts a packet of this size into the submit queue; the caller has filled nothing yet, so it gets the place first. */
export function reservePacket(
  end: StreamEnd,
  sizeBytes: number,
): { readonly end: StreamEnd; readonly offset: number } | undefined {
  const got = allocatePages(end.free, Math.max(1, sizeBytes));
  if (got === undefined) return undefined;
  return { end: { ...end, free: got.free, lent: [...end.lent, got.range] }, offset: got.range.address };
}

/** Source: submits a reserved packet; undefined if the queue is full. */
export function submitPacket(
  ops: StreamOps,
  layout: StreamLayout,
  memory: StreamMemory,
  end: StreamEnd,
  packet: PacketDescriptor,
): StreamStep | undefined {
  const { step, head } = putDescriptor(ops, layout, 'submit', memory, end.head, packet);
  return step.result === 'full' ? undefined : { end: { ...end, head }, packet, isWaking: step.isWaking };
}

/** Sink: takes the next packet that is valid; those that are not are counted and dropped. */
export function takePacket(ops: StreamOps, layout: StreamLayout, memory: StreamMemory, before: StreamEnd): StreamStep {
  let end = before;
  let isWaking = false;
  for (let taken = 0; taken < layout.slots; taken++) {
    const { step, tail } = takeDescriptor(ops, layout, 'submit', memory, end.tail);
    if (step.result !== 'done' && step.result !== 'invalid') break;
    end = { ...end, tail };
    isWaking ||= step.isWaking;
    if (step.result === 'done') return { end, packet: step.descriptor, isWaking };
    end = { ...end, refused: end.refused + 1 };
  }
  return { end, packet: undefined, isWaking };
}

/** Sink: gives a packet back; dropped if the source left no room, which a correct one cannot. */
export function acknowledgePacket(
  ops: StreamOps,
  layout: StreamLayout,
  memory: StreamMemory,
  end: StreamEnd,
  packet: PacketDescriptor,
): StreamStep {
  const { step, head } = putDescriptor(ops, layout, 'ack', memory, end.head, packet);
  if (step.result === 'full') return { end: { ...end, refused: end.refused + 1 }, packet: undefined, isWaking: false };
  return { end: { ...end, head }, packet, isWaking: step.isWaking };
}

/** Source: takes a packet that came back, if it was lent; its place stays lent until it is released. */
export function takeAcknowledged(
  ops: StreamOps,
  layout: StreamLayout,
  memory: StreamMemory,
  before: StreamEnd,
): StreamStep {
  let end = before;
  let isWaking = false;
  for (let taken = 0; taken < layout.slots; taken++) {
    const { step, tail } = takeDescriptor(ops, layout, 'ack', memory, end.tail);
    if (step.result !== 'done' && step.result !== 'invalid') break;
    end = { ...end, tail };
    isWaking ||= step.isWaking;
    const { descriptor } = step;
    const isLent = end.lent.some(
      ({ address, sizeBytes }) => address === descriptor.offset && wholePages(descriptor.sizeBytes) <= sizeBytes,
    );
    if (step.result === 'done' && isLent) return { end, packet: descriptor, isWaking };
    end = { ...end, refused: end.refused + 1 };
  }
  return { end, packet: undefined, isWaking };
}

/** Source: the place of a packet is free again. */
export function releasePacket(end: StreamEnd, offset: number): StreamEnd {
  const range = end.lent.find(({ address }) => address === offset);
  if (range === undefined) return end;
  return { ...end, lent: end.lent.filter(other => other !== range), free: releasePages(end.free, range) };
}
