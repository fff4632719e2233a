import type { Operation } from '../../units/operation.ts';
import { highOfBig, joinBig, lessOrEqual64, lowOfBig } from '../../units/word.ts';

/** Unsigned 64-bit value as two unsigned halves: plain data, exact. */
export interface Word64 {
  readonly low: number;
  readonly high: number;
}

export const ZERO64: Word64 = { low: 0, high: 0 };

/** Marker in the first word of every channel (SHMStream v2). */
export const CHANNEL_MARKER: Word64 = { low: 0xb79a9b6d, high: 0x487312b6 };

/** Byte offsets of the header words; the data follow the 64-byte header. */
export const HEADER = {
  transport: 0,
  epoch: 8,
  protocol: 16,
  size: 24,
  elements: 32,
  reserved: 40,
  writeStart: 48,
  writeCount: 56,
} as const;
export const HEADER_BYTES = 64;

/** A channel as one side sees it: where it is mapped and what both sides agreed on. */
export interface ChannelLayout {
  /** Virtual address of the header, 8-byte aligned. */
  readonly address: number;
  /** Protocol id, low and high half; the low one is not 0. */
  readonly protocol: number;
  readonly protocolHigh?: number;
  /** Bytes of an element, a positive multiple of 8. */
  readonly elementBytes: number;
  /** Elements in the ring, positive. */
  readonly elements: number;
}

/** The three stores of one write, in Muen's names: WSC announces, WC commits. */
export type WritePart = 'announce' | 'data' | 'commit';

/** Header words that a reader checks before it trusts a channel's shape. */
export interface ChannelHeader {
  readonly transport: Word64;
  readonly protocol: Word64;
  readonly size: Word64;
  readonly elements: Word64;
}

/** Leaf decisions of the channel protocol; a seeded fault replaces one of them. */
export interface ChannelOps {
  /** Order of the stores of one write; correct is announce, data, commit. */
  writeOrder(): readonly WritePart[];
  /** Next value of a counter (modulo 2^64). */
  nextCount(count: Word64): Word64;
  /** Ring slot of a counter, 0 .. elements-1; `elements` is the reader's own constant, never the header's. */
  elementIndex(count: Word64, elements: number): number;
  /** True when the header describes the channel that the reader expects. */
  isCompatible(header: ChannelHeader, layout: ChannelLayout): boolean;
  /**
   * Epoch that a synchronising reader adopts. Correct is the one seen before the header: header and epoch then belong
   * together. The upstream reader adopts the one read again, which may be zero while the writer reinitialises.
   */
  adoptEpoch(seen: Word64, reread: Word64): Word64;
  /** True when an element with number `readCount` was committed. */
  hasData(readCount: Word64, writeCount: Word64): boolean;
  /** True when the element just copied may have been overwritten meanwhile. */
  isOverrun(writeStart: Word64, readCount: Word64, elements: Word64): boolean;
  /** Read counter after an overrun: everything unread is skipped. */
  countAfterOverrun(readCount: Word64, writeCount: Word64): Word64;
  /** True when the epoch just read is not the one the reader synchronised with. */
  hasEpochChanged(current: Word64, known: Word64): boolean;
}

export const isEqual64 = (a: Word64, b: Word64): boolean => a.low === b.low && a.high === b.high;
export const isZero64 = (word: Word64): boolean => word.low === 0 && word.high === 0;
export const big64 = (word: Word64): bigint => joinBig(word.low, word.high);
/** Halves of `value` modulo 2^64. */
export function word64(value: bigint): Word64 {
  const wrapped = BigInt.asUintN(64, value);
  return { low: lowOfBig(wrapped), high: highOfBig(wrapped) };
}

/** The protocol as `reference` SHMStream v2 has it; Size * Elements is compared modulo 2^64, as the Ada code does. */
export const channelOps: ChannelOps = {
  writeOrder: () => ['announce', 'data', 'commit'],
  nextCount: count => word64(big64(count) + 1n),
  elementIndex: (count, elements) => Number(big64(count) % BigInt(elements)),
  isCompatible: (header, layout) =>
    isEqual64(header.transport, CHANNEL_MARKER) &&
    isEqual64(
      word64(big64(header.size) * big64(header.elements)),
      word64(BigInt(layout.elementBytes) * BigInt(layout.elements)),
    ) &&
    isEqual64(header.protocol, { low: layout.protocol, high: layout.protocolHigh ?? 0 }),
  adoptEpoch: seen => seen,
  hasData: (readCount, writeCount) => !lessOrEqual64(writeCount.low, writeCount.high, readCount.low, readCount.high),
  isOverrun: (writeStart, readCount, elements) => {
    const limit = word64(big64(readCount) + big64(elements));
    return !lessOrEqual64(writeStart.low, writeStart.high, limit.low, limit.high);
  },
  countAfterOverrun: (_readCount, writeCount) => writeCount,
  hasEpochChanged: (current, known) => !isEqual64(current, known),
};

/** 8-byte load at a byte offset of the channel. */
export function loadAt(layout: ChannelLayout, offset: number): Operation {
  return { kind: 'read', address: layout.address + offset, sizeBytes: 8 };
}

/** 8-byte store at a byte offset of the channel. */
export function storeAt(layout: ChannelLayout, offset: number, value: Word64): Operation {
  return { kind: 'write', address: layout.address + offset, sizeBytes: 8, low: value.low, high: value.high };
}

/** Byte offset of 8-byte word `word` of ring slot `slot`. */
export function elementOffset(layout: ChannelLayout, slot: number, word: number): number {
  return HEADER_BYTES + slot * layout.elementBytes + word * 8;
}

/** Bytes that a channel of this layout occupies. */
export function channelBytes(layout: ChannelLayout): number {
  return HEADER_BYTES + layout.elements * layout.elementBytes;
}
