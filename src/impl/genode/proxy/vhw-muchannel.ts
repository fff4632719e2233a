import {
  CHANNEL_MARKER,
  type ChannelLayout,
  type ChannelOps,
  channelBytes,
  HEADER,
  HEADER_BYTES,
  isEqual64,
  isZero64,
  type Word64,
  word64,
  ZERO64,
} from '../../native/muchannel.ts';
import { freshEpoch } from '../../native/muchannel-element.ts';
import { bytesOfNumber, type Guest, numberAt } from '../instance/guest.ts';
import { PAYLOAD_BYTES, type ProxyMessage } from './message.ts';
import { MESSAGE_HEADER_BYTES, messageBytes, messageHeader, type Vhw, type VhwEvent } from './vhw.ts';

/** Protocol id of a proxy's channels. */
const PROTOCOL = 0x5250_4302;
export const ELEMENT_BYTES = MESSAGE_HEADER_BYTES + PAYLOAD_BYTES;
export const ELEMENTS = 8;
/** Behind the ring: epoch of the peer's channel, and how many of its elements were taken. */
const TAKEN_BYTES = 16;

/** A link to one peer: the own region, which only this side writes, the peer's, and the event that tells the peer. */
export interface MuchannelLink {
  readonly outAddress: number;
  readonly inAddress: number;
  readonly event: number;
}

const layoutAt = (address: number): ChannelLayout => ({
  address,
  protocol: PROTOCOL,
  elementBytes: ELEMENT_BYTES,
  elements: ELEMENTS,
});

/** Bytes that each region of a link must have. */
export const LINK_REGION_BYTES = channelBytes(layoutAt(0)) + TAKEN_BYTES;

/** Private state of one side: nothing of it comes from the peer without having been judged. */
export interface MuchannelState {
  readonly epoch: Word64;
  /** Messages written, and of those the ones that the peer has taken. */
  readonly written: number;
  readonly taken: number;
  readonly peerEpoch: Word64;
  /** Messages of the peer that were taken. */
  readonly read: number;
  /** Epoch of a peer that broke the protocol: nothing of it is taken until it starts anew. */
  readonly brokenEpoch: Word64;
  readonly isRingDue: boolean;
  /** Violations of the protocol by the peer. */
  readonly violations: number;
}

export const initialMuchannel: MuchannelState = {
  epoch: ZERO64,
  written: 0,
  taken: 0,
  peerEpoch: ZERO64,
  read: 0,
  brokenEpoch: ZERO64,
  isRingDue: false,
  violations: 0,
};

/** Leaf decisions of the transport; a seeded fault replaces one of them. */
export interface VhwOps {
  /** True if a message may be written: the peer has taken enough of the others. */
  hasRoom(written: number, taken: number): boolean;
  /** Count of taken messages that the peer claims, if it can be true; undefined if not. */
  believes(claimed: number, taken: number, written: number): number | undefined;
  /** Bytes of payload that are copied for a message that claims so many; undefined for more than there can be. */
  payloadBytes(claimed: number): number | undefined;
  /** How often the header of a message is read: once, as the peer may change it in between. */
  headerReads(): 1 | 2;
  /** True to tell the peer after a message was published or taken. */
  rings(): boolean;
  /** Message of the peer to read next: behind the last that an earlier life took, if the own region knows that. */
  resumeAt(taken: number | undefined, written: number): number;
}

export const vhwOps: VhwOps = {
  hasRoom: (written, taken) => written - taken < ELEMENTS,
  believes: (claimed, taken, written) => (claimed >= taken && claimed <= written ? claimed : undefined),
  payloadBytes: claimed => (claimed <= PAYLOAD_BYTES ? claimed : undefined),
  headerReads: () => 1,
  rings: () => true,
  resumeAt: (taken, written) => taken ?? (written > ELEMENTS ? written : 0),
};

/** Low word of an epoch as messages name it, never 0. */
const generationOf = ({ low, high }: Word64): number => (low ^ high) >>> 0 || 1;

const wordAt = (bytes: Uint8Array, offset: number): Word64 => ({
  low: numberAt(bytes, offset, 4),
  high: numberAt(bytes, offset + 4, 4),
});

const bytesOfWord = ({ low, high }: Word64): Uint8Array => {
  const bytes = new Uint8Array(8);
  bytes.set(bytesOfNumber(low, 4));
  bytes.set(bytesOfNumber(high, 4), 4);
  return bytes;
};

const NONE: VhwEvent = { kind: 'none' };

/**
 * Virtual hardware of a proxy over a pair of muchannels and an event each way. Either side writes only its own region:
 * a ring of messages (SHMStream v2), and behind it how far it has read the peer's. That count gives the writer its room,
 * so that nothing is overwritten before it was read. The peer's region is hostile: it is read once, then judged.
 */
export class MuchannelVhw implements Vhw {
  readonly #link: MuchannelLink;
  readonly #channel: ChannelOps;
  readonly #ops: VhwOps;
  readonly #guest: Guest;
  state: MuchannelState;

  constructor(link: MuchannelLink, channel: ChannelOps, ops: VhwOps, state: MuchannelState | undefined, guest: Guest) {
    this.#link = link;
    this.#channel = channel;
    this.#ops = ops;
    this.#guest = guest;
    this.state = state ?? initialMuchannel;
  }

  get epoch(): number {
    return generationOf(this.state.epoch);
  }

  #change(changes: Partial<MuchannelState>): void {
    this.state = { ...this.state, ...changes };
  }

  #store(offset: number, word: Word64): void {
    this.#guest.write(this.#link.outAddress + offset, bytesOfWord(word));
  }

  /** Starts the own channel with an epoch that it did not have before. */
  open(schedulingInfo: number): void {
    const now = wordAt(this.#guest.read(schedulingInfo, 8), 0);
    const previous = wordAt(this.#guest.read(this.#link.outAddress + HEADER.epoch, 8), 0);
    const epoch = freshEpoch(now, previous);
    this.#store(HEADER.epoch, ZERO64);
    this.#store(HEADER.transport, CHANNEL_MARKER);
    this.#store(HEADER.protocol, word64(BigInt(PROTOCOL)));
    this.#store(HEADER.size, word64(BigInt(ELEMENT_BYTES)));
    this.#store(HEADER.elements, word64(BigInt(ELEMENTS)));
    // Reserved word, WSC and WC, and the ring; what was taken of the peer's channel stays, for the peer may live on.
    this.#guest.write(
      this.#link.outAddress + HEADER.reserved,
      new Uint8Array(LINK_REGION_BYTES - TAKEN_BYTES - HEADER.reserved),
    );
    this.#store(HEADER.epoch, epoch);
    this.#change({ ...initialMuchannel, epoch, isRingDue: true });
  }

  /** Believes what the peer says about the messages that it took, if that can be true. */
  #updateTaken(): void {
    const { epoch, taken, written } = this.state;
    const bytes = this.#guest.read(this.#link.inAddress + LINK_REGION_BYTES - TAKEN_BYTES, TAKEN_BYTES);
    if (!isEqual64(wordAt(bytes, 0), epoch)) return;
    const believed = this.#ops.believes(numberAt(bytes, 8, 8), taken, written);
    if (believed === undefined) this.#change({ violations: this.state.violations + 1 });
    else this.#change({ taken: believed });
  }

  send(message: ProxyMessage): boolean {
    if (!this.#ops.hasRoom(this.state.written, this.state.taken)) this.#updateTaken();
    const { written, taken } = this.state;
    if (!this.#ops.hasRoom(written, taken)) return false;
    const count = word64(BigInt(written));
    const next = this.#channel.nextCount(count);
    const slot = this.#channel.elementIndex(count, ELEMENTS);
    this.#store(HEADER.writeStart, next);
    this.#guest.write(this.#link.outAddress + HEADER_BYTES + slot * ELEMENT_BYTES, messageBytes(message));
    this.#store(HEADER.writeCount, next);
    this.#change({ written: written + 1, isRingDue: true });
    return true;
  }

  /** The peer broke the protocol: as if it were gone, until it starts anew. */
  #breakOff(epoch: Word64): VhwEvent {
    const wasKnown = !isZero64(this.state.peerEpoch);
    this.#change({ peerEpoch: ZERO64, brokenEpoch: epoch, violations: this.state.violations + 1 });
    return wasKnown ? { kind: 'peer', epoch: 0 } : NONE;
  }

  /** Takes note of a peer that has another epoch. */
  #follow(epoch: Word64, header: Uint8Array): VhwEvent {
    const isCompatible = this.#channel.isCompatible(
      {
        transport: wordAt(header, HEADER.transport),
        protocol: wordAt(header, HEADER.protocol),
        size: wordAt(header, HEADER.size),
        elements: wordAt(header, HEADER.elements),
      },
      layoutAt(this.#link.inAddress),
    );
    const again = wordAt(this.#guest.read(this.#link.inAddress + HEADER.epoch, 8), 0);
    if (this.#channel.hasEpochChanged(again, epoch)) return NONE;
    if (!isCompatible) return this.#breakOff(epoch);
    this.#change({ peerEpoch: epoch, read: this.#resumeAt(epoch, header), isRingDue: true });
    this.#publishTaken(true);
    return { kind: 'peer', epoch: generationOf(epoch) };
  }

  /**
   * Where to read on in a channel: where an earlier life of this side stopped, as the own region says; at the start of a
   * channel that it did not know. What was meant for the earlier life is told by its generation.
   */
  #resumeAt(epoch: Word64, header: Uint8Array): number {
    const own = this.#guest.read(this.#link.outAddress + LINK_REGION_BYTES - TAKEN_BYTES, TAKEN_BYTES);
    const taken = isEqual64(wordAt(own, 0), epoch) ? numberAt(own, 8, 8) : undefined;
    return this.#ops.resumeAt(taken, numberAt(header, HEADER.writeCount, 8));
  }

  /** Says how far the peer's channel was read: the count first, so that it never counts for another epoch. */
  #publishTaken(isNewEpoch = false): void {
    const at = LINK_REGION_BYTES - TAKEN_BYTES;
    this.#store(at + 8, word64(BigInt(this.state.read)));
    if (isNewEpoch) this.#store(at, this.state.peerEpoch);
  }

  receive(): VhwEvent {
    const { inAddress } = this.#link;
    const header = this.#guest.read(inAddress, HEADER_BYTES);
    const epoch = wordAt(header, HEADER.epoch);
    if (isZero64(epoch)) {
      if (isZero64(this.state.peerEpoch)) return NONE;
      this.#change({ peerEpoch: ZERO64 });
      return { kind: 'peer', epoch: 0 };
    }
    if (isEqual64(epoch, this.state.brokenEpoch)) return NONE;
    if (!isEqual64(epoch, this.state.peerEpoch)) return this.#follow(epoch, header);
    const count = word64(BigInt(this.state.read));
    const writeCount = wordAt(header, HEADER.writeCount);
    if (isEqual64(writeCount, count)) return NONE;
    const ahead = numberAt(header, HEADER.writeCount, 8) - this.state.read;
    if (!this.#channel.hasData(count, writeCount) || ahead > ELEMENTS) return this.#breakOff(epoch);
    return this.#copy(epoch, count);
  }

  /** Copies the next message once, then looks whether it could have been overwritten meanwhile. */
  #copy(epoch: Word64, count: Word64): VhwEvent {
    const { inAddress } = this.#link;
    const slot = this.#channel.elementIndex(count, ELEMENTS);
    const address = inAddress + HEADER_BYTES + slot * ELEMENT_BYTES;
    let judged = messageHeader(this.#guest.read(address, MESSAGE_HEADER_BYTES));
    let payloadBytes = this.#ops.payloadBytes(judged.payloadBytes);
    if (payloadBytes === undefined) return this.#breakOff(epoch);
    if (this.#ops.headerReads() === 2) {
      judged = messageHeader(this.#guest.read(address, MESSAGE_HEADER_BYTES));
      payloadBytes = Math.min(judged.payloadBytes, 2 * LINK_REGION_BYTES);
    }
    const payload = this.#guest.read(address + MESSAGE_HEADER_BYTES, payloadBytes);
    const after = this.#guest.read(inAddress + HEADER.epoch, 8);
    const writeStart = wordAt(this.#guest.read(inAddress + HEADER.writeStart, 8), 0);
    if (!isEqual64(wordAt(after, 0), epoch)) return NONE;
    if (this.#channel.isOverrun(writeStart, count, word64(BigInt(ELEMENTS)))) return this.#breakOff(epoch);
    this.#change({ read: this.state.read + 1, isRingDue: true });
    this.#publishTaken();
    return { kind: 'message', message: { ...judged.message, payload: [...payload] } };
  }

  ring(): void {
    if (!this.state.isRingDue) return;
    this.#change({ isRingDue: false });
    if (this.#ops.rings()) this.#guest.raise(this.#link.event);
  }
}
