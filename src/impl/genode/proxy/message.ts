import type { RpcFunction, SessionInterface } from '../services/interface.ts';
import { interfaceOf } from '../services/interfaces.ts';
import type { RpcValue } from './values.ts';

/** What a message between the two sides of a proxy means. */
export const MESSAGE_KINDS = [
  /** Client: open a session; the payload is its label. */
  'open',
  /** Client: a call; the payload is the arguments. */
  'call',
  /** Client: close the session. */
  'close',
  /** Server: the session is open. */
  'opened',
  /** Server: the session is denied or has ended. */
  'closed',
  /** Server: the reply to a call; the payload is the results. */
  'reply',
  /** Server: a signal of the session was submitted; coalesced, without a count. */
  'signal',
  /** Both: bytes of shared memory for the next call, reply, packet or acknowledgement of the session. */
  'data',
  /** Client: a packet of a stream; the payload is its size and its words beyond. */
  'packet',
  /** Server: a packet comes back; the payload is its words beyond the size. */
  'acknowledged',
] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** A message as it stands in the virtual hardware: any peer may have written anything. */
export interface ProxyMessage {
  /** Index into MESSAGE_KINDS. */
  readonly kind: number;
  /** Epoch of the receiver's own channel, as the sender knows it: ties the message to one life of the receiver. */
  readonly generation: number;
  readonly session: number;
  /** Number of the call within its session, from 1; offset of data; number of a packet. */
  readonly request: number;
  /** Opcode of a call and of its reply; number of the signal of a notification; index of a packet's stream. */
  readonly opcode: number;
  /** Status of a reply: 0 success, n the n-th error of the function. */
  readonly status: number;
  readonly payload: readonly number[];
}

/** Bytes of payload that one message carries, at most. */
export const PAYLOAD_BYTES = 2016;
/** Bytes of shared memory that a side keeps for one session, at most: a frame of 320 by 200 pixels fits. */
export const MAX_DATA_BYTES = 0x4_0000;

export const kindOf = ({ kind }: ProxyMessage): MessageKind | undefined => MESSAGE_KINDS[kind];

/** Builds a message; what is not given is zero. */
export function message(kind: MessageKind, parts: Partial<Omit<ProxyMessage, 'kind'>>): ProxyMessage {
  return {
    generation: 0,
    session: 0,
    request: 0,
    opcode: 0,
    status: 0,
    payload: [],
    ...parts,
    kind: MESSAGE_KINDS.indexOf(kind),
  };
}

/** Messages that carry bytes of shared memory ahead of the one that they belong to. */
export function dataMessages(generation: number, session: number, bytes: Uint8Array): ProxyMessage[] {
  const messages: ProxyMessage[] = [];
  for (let offset = 0; offset < bytes.length; offset += PAYLOAD_BYTES) {
    const payload = [...bytes.subarray(offset, offset + PAYLOAD_BYTES)];
    messages.push(message('data', { generation, session, request: offset, payload }));
  }
  return messages;
}

const NO_BYTES = new Uint8Array(0);

/** Bytes that a session's peer has sent for what comes next; they must arrive without a gap. */
export function appendData(known: Uint8Array, { request, payload }: ProxyMessage): Uint8Array | undefined {
  if (request !== known.length || payload.length === 0 || known.length + payload.length > MAX_DATA_BYTES)
    return undefined;
  const bytes = new Uint8Array(known.length + payload.length);
  bytes.set(known);
  bytes.set(payload, known.length);
  return bytes;
}

export const noData = (): Uint8Array => NO_BYTES;

/**
 * Why a function of an interface cannot be called through a proxy, empty if it can: signals are replaced by
 * notifications, the session's own dataspace by a copy, packet streams by messages; other capabilities stay in their
 * instance.
 */
export function notProxyable(face: SessionInterface, opcode: number): string {
  const called = face.functions[opcode];
  if (face.proxy === 'local') return `${face.service} stands for objects of one instance`;
  if (called === undefined) return `${face.service} has no function ${opcode}`;
  if (called.name === 'tx_cap' || called.name === 'rx_cap') return `${face.service}.${called.name} is answered locally`;
  if (subSessionOf(face, called) !== undefined) return `${face.service}.${called.name} opens a session of its own`;
  const given = called.arguments.find(({ type }) => isForeign(type.kind) || type.kind === 'dataspace');
  const foreign = given ?? called.results.find(({ type }) => isForeign(type.kind));
  return foreign === undefined ? '' : `${face.service}.${called.name} passes a ${foreign.type.kind}`;
}

/**
 * Interface of the sub-session that a function hands out and that a proxy can open in its place, such as the pixels of a
 * Gui session; undefined for any other function.
 */
export function subSessionOf(face: SessionInterface, called: RpcFunction): SessionInterface | undefined {
  const [result, ...more] = called.results;
  const of = result?.type.kind === 'capability' ? result.type.of : undefined;
  const sub = of === undefined || more.length > 0 || called.arguments.length > 0 ? undefined : interfaceOf(of);
  return face.proxy === 'local' || sub?.proxy === 'local' ? undefined : sub;
}

const isForeign = (kind: string): boolean => kind === 'session' || kind === 'capability';

/** Bytes from the start of the session's dataspace that go with a call, as the table says; never more than it has. */
export function copiedBytes(
  called: RpcFunction,
  direction: 'in' | 'out',
  given: readonly RpcValue[],
  results: readonly RpcValue[],
  sizeBytes: number,
): number {
  const { copy } = called;
  if (copy === undefined || copy.direction !== direction) return 0;
  if (copy.extent.kind === 'whole') return Math.min(sizeBytes, MAX_DATA_BYTES);
  const { field, unitBytes } = copy.extent;
  const argument = called.arguments.findIndex(({ name }) => name === field);
  const result = called.results.findIndex(({ name }) => name === field);
  const count = argument >= 0 ? given[argument] : results[result];
  const units = Number(count ?? 0);
  return Math.max(0, Math.min(units * unitBytes, sizeBytes, MAX_DATA_BYTES));
}
