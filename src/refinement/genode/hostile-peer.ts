import { MESSAGE_KINDS, message, type ProxyMessage } from '../../impl/genode/proxy/message.ts';
import { OPEN_FIELDS, wordFields } from '../../impl/genode/proxy/opening.ts';
import { encodeValues } from '../../impl/genode/proxy/values.ts';
import { MESSAGE_HEADER_BYTES, messageBytes, messageHeader } from '../../impl/genode/proxy/vhw.ts';
import { ELEMENT_BYTES, ELEMENTS, LINK_REGION_BYTES } from '../../impl/genode/proxy/vhw-muchannel.ts';
import type { SessionInterface } from '../../impl/genode/services/interface.ts';
import { CHANNEL_MARKER, HEADER, HEADER_BYTES } from '../../impl/native/muchannel.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand } from '../script.ts';
import { argumentOf } from './service-arguments.ts';

const PROTOCOL = 0x5250_4302;
/** Where a side says how far it has read its peer's channel: the channel's epoch, and the count. */
const TAKEN = LINK_REGION_BYTES - 16;
/** Place of the payload's length in a message. */
export const LENGTH_OFFSET = 24;

/** Somebody at the other end of a link, who may write anything into its own region at any time. */
export class HostilePeer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #victim: DataView;
  written = 0;
  /** Calls that were answered, by session that it asked for. */
  readonly calls = new Map<number, number>();

  /** @param victim the victim's region, which the peer may read */
  constructor(own: Uint8Array, victim: Uint8Array) {
    this.bytes = own;
    this.#view = new DataView(own.buffer, own.byteOffset, own.length);
    this.#victim = new DataView(victim.buffer, victim.byteOffset, victim.length);
  }

  /** Epoch of the victim as its messages must name it. */
  get generation(): number {
    const low = this.#victim.getUint32(HEADER.epoch, true);
    return (low ^ this.#victim.getUint32(HEADER.epoch + 4, true)) >>> 0 || 1;
  }

  word(offset: number, low: number, high = 0): void {
    this.#view.setUint32(offset, low, true);
    this.#view.setUint32(offset + 4, high, true);
  }

  /** Starts a channel as it should be, with an epoch. */
  start(epoch: number): void {
    this.word(HEADER.transport, CHANNEL_MARKER.low, CHANNEL_MARKER.high);
    this.word(HEADER.protocol, PROTOCOL);
    this.word(HEADER.size, ELEMENT_BYTES);
    this.word(HEADER.elements, ELEMENTS);
    this.word(HEADER.writeStart, 0);
    this.word(HEADER.writeCount, 0);
    this.word(HEADER.epoch, epoch);
    this.written = 0;
    this.calls.clear();
  }

  /** Says that it has read all that the victim wrote. */
  take(): void {
    const half = (offset: number): number => this.#victim.getUint32(offset, true);
    this.word(TAKEN + 8, half(HEADER.writeCount), half(HEADER.writeCount + 4));
    this.word(TAKEN, half(HEADER.epoch), half(HEADER.epoch + 4));
  }

  /** Place of the message that would be sent next. */
  get slot(): number {
    return HEADER_BYTES + (this.written % ELEMENTS) * ELEMENT_BYTES;
  }

  send(bytes: Uint8Array): void {
    this.bytes.set(bytes.subarray(0, ELEMENT_BYTES), this.slot);
    this.written += 1;
    this.word(HEADER.writeStart, this.written);
    this.word(HEADER.writeCount, this.written);
  }

  /** The latest message of a kind that stands in the victim's ring, of a session if one is given. */
  latest(kind: (typeof MESSAGE_KINDS)[number], session?: number): ProxyMessage | undefined {
    const count = this.#victim.getUint32(HEADER.writeCount, true);
    for (let age = 1; age <= Math.min(count, ELEMENTS); age++) {
      const at = HEADER_BYTES + ((count - age) % ELEMENTS) * ELEMENT_BYTES;
      const bytes = new Uint8Array(this.#victim.buffer, this.#victim.byteOffset + at, MESSAGE_HEADER_BYTES);
      const found = messageHeader(bytes).message;
      const isWanted = session === undefined || found.session === session;
      if (found.kind === MESSAGE_KINDS.indexOf(kind) && isWanted) return found;
    }
    return undefined;
  }
}

/** Streams are small, for clearing them is work of core that nothing else interrupts. */
const SMALL = 'tx_buf_size=24576, rx_buf_size=24576';
const OPEN_ARGS = [SMALL, `${SMALL}, writeable=yes`, 'tx_buf_size=999999999999', SMALL] as const;
const LABELS = ['a', '', 'local', 'a -> b'] as const;
/** Text that tries to look like another's. */
const FORGED_TEXT = '] forged\n[init -> local] forged 1\n';

const bytesOf = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, index) => (seed + index * 11) & 0xff);

/** Bytes of a message with a length that may be beyond what came. */
function odd(bytes: Uint8Array, step: ScriptStep): Uint8Array {
  new DataView(bytes.buffer).setUint32(LENGTH_OFFSET, operand(step, 4, 0x4_0000) * 977, true);
  return bytes;
}

const anything = (step: ScriptStep, generation: number, session: number, request: number): Uint8Array =>
  messageBytes(
    message(MESSAGE_KINDS[operand(step, 2, MESSAGE_KINDS.length)]!, {
      generation,
      session,
      request,
      payload: bytesOf(operand(step, 4, 64), request),
    }),
  );

/** A message of a client, nearly right: the service believes most of it. */
export function forgedByClient(peer: HostilePeer, face: SessionInterface, step: ScriptStep): Uint8Array {
  const session = operand(step, 0, 2);
  const choice = operand(step, 1, 10);
  const generation = operand(step, 3, 16) === 15 ? 1 : peer.generation;
  const answered = peer.latest('reply', session)?.request;
  if (answered !== undefined) peer.calls.set(session, answered);
  const next = 1 + (peer.calls.get(session) ?? 0);
  const request = operand(step, 2, 8) === 0 ? operand(step, 3, 4) : next;
  if (choice < 2 || (choice < 8 && !peer.calls.has(session))) {
    peer.calls.set(session, 0);
    const args = OPEN_ARGS[operand(step, 3, OPEN_ARGS.length)]!;
    const service = operand(step, 4, 16) === 15 ? 'PD' : face.service;
    const payload = encodeValues(OPEN_FIELDS, [LABELS[operand(step, 2, 4)]!, service, args]);
    return messageBytes(message('open', { generation, session, payload }));
  }
  if (choice < 6) {
    const count = face.functions.length;
    const opcode = operand(step, 3, 8) === 7 ? count : operand(step, 4, count);
    const fields = face.functions[opcode]?.arguments ?? [];
    const values = fields.map(({ type }, index) =>
      type.kind === 'string' && type.maxBytes === 232 && operand(step, 4, 2) === 0
        ? FORGED_TEXT
        : argumentOf(type, operand(step, 2 + (index % 3), 0x4_0000)),
    );
    return messageBytes(
      message('call', { generation, session, request, opcode, payload: encodeValues(fields, values) }),
    );
  }
  if (choice === 6) {
    const payload = bytesOf(operand(step, 4, 2016), request);
    return messageBytes(message('data', { generation, session, request: operand(step, 3, 3) * 2016, payload }));
  }
  if (choice === 7) {
    const words = Array.from({ length: (face.streams[0]?.words ?? 0) + 1 }, (_, index) =>
      Number(argumentOf({ kind: 'u32' }, operand(step, 2 + (index % 3), 0x4_0000))),
    );
    const payload = encodeValues(wordFields(words.length), words);
    return messageBytes(message('packet', { generation, session, request, opcode: operand(step, 4, 3), payload }));
  }
  const bytes = anything(step, generation, session, request);
  return choice === 9 ? odd(bytes, step) : bytes;
}

/** A message of a server, nearly right: an answer to what the victim asked, often with something wrong in it. */
export function forgedByServer(peer: HostilePeer, face: SessionInterface, step: ScriptStep): Uint8Array {
  const choice = operand(step, 1, 12);
  const generation = operand(step, 3, 16) === 15 ? 1 : peer.generation;
  const call = peer.latest('call');
  const packet = peer.latest('packet');
  const session = (call ?? packet ?? peer.latest('open'))?.session ?? 0;
  const isOff = operand(step, 2, 6) === 0;
  if (choice < 3 || (choice < 8 && call === undefined && packet === undefined)) {
    const asked = peer.latest('open')?.session ?? session;
    return messageBytes(message('opened', { generation, session: isOff ? asked + 1 : asked }));
  }
  if (choice < 7 && call !== undefined) {
    const fields = face.functions[call.opcode]?.results ?? [];
    const values = fields.map(({ type }, index) => argumentOf(type, operand(step, 2 + (index % 3), 0x4_0000)));
    const status = operand(step, 4, 6) === 5 ? operand(step, 3, 20) : 0;
    const request = call.request + (isOff ? [-1, 1, 7][operand(step, 3, 3)]! : 0);
    const payload = status === 0 ? encodeValues(fields, values) : [];
    return messageBytes(
      message('reply', { generation, session, request: request >>> 0, opcode: call.opcode, status, payload }),
    );
  }
  if (choice < 9 && packet !== undefined) {
    const payload = encodeValues(wordFields(face.streams[0]?.words ?? 0), bytesOf(6, operand(step, 4, 3)));
    const request = packet.request + (isOff ? operand(step, 3, 3) : 0);
    return messageBytes(message('acknowledged', { generation, session, request, opcode: packet.opcode, payload }));
  }
  if (choice === 9) {
    const payload = bytesOf(operand(step, 4, 2016), choice);
    return messageBytes(message('data', { generation, session, request: operand(step, 3, 3) * 2016, payload }));
  }
  if (choice === 10) {
    const kind = (['signal', 'closed', 'packet'] as const)[operand(step, 4, 12) === 0 ? 1 : operand(step, 4, 2) * 2]!;
    const payload = encodeValues(wordFields(1), [operand(step, 3, 2) * 2016]);
    return messageBytes(message(kind, { generation, session, opcode: operand(step, 3, 12), payload }));
  }
  const bytes = anything(step, generation, session, call?.request ?? 1);
  return operand(step, 4, 2) === 0 ? odd(bytes, step) : bytes;
}
