import type { ProxyMessage } from './message.ts';

/** What one look at the virtual hardware found. */
export type VhwEvent =
  /** The peer has started, restarted (another epoch) or gone (epoch 0). */
  | { readonly kind: 'peer'; readonly epoch: number }
  | { readonly kind: 'message'; readonly message: ProxyMessage }
  | { readonly kind: 'none' };

/**
 * One side of the virtual hardware between two proxies: messages in order, none lost, as long as both sides live. Whatever
 * the peer writes, a look costs a bounded number of accesses and ends with one of these events.
 */
export interface Vhw {
  /** Own epoch: the peer's messages must name it. */
  readonly epoch: number;
  /** Sends a message; false if the peer has not taken enough of the earlier ones yet. */
  send(message: ProxyMessage): boolean;
  receive(): VhwEvent;
  /** Tells the peer that something changed, if anything did since the last time. */
  ring(): void;
}

/** Words ahead of the payload of a message. */
const HEADER_WORDS = 8;
export const MESSAGE_HEADER_BYTES = HEADER_WORDS * 4;

/** Bytes of a message: kind, generation, session, request, opcode, status, payload length, zero; then the payload. */
export function messageBytes(message: ProxyMessage): Uint8Array {
  const { kind, generation, session, request, opcode, status, payload } = message;
  const padded = Math.ceil((MESSAGE_HEADER_BYTES + payload.length) / 8) * 8;
  const bytes = new Uint8Array(padded);
  const view = new DataView(bytes.buffer);
  [kind, generation, session, request, opcode, status, payload.length, 0].forEach((word, index) => {
    view.setUint32(index * 4, word, true);
  });
  bytes.set(payload, MESSAGE_HEADER_BYTES);
  return bytes;
}

/** Header of a message from a copy of its bytes, without its payload, and the length that it claims. */
export function messageHeader(bytes: Uint8Array): { readonly message: ProxyMessage; readonly payloadBytes: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const word = (index: number): number => view.getUint32(index * 4, true);
  const message: ProxyMessage = {
    kind: word(0),
    generation: word(1),
    session: word(2),
    request: word(3),
    opcode: word(4),
    status: word(5),
    payload: [],
  };
  return { message, payloadBytes: word(6) };
}
