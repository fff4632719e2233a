import type { SessionInterface } from '../services/interface.ts';

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
  /** Server: the reply to a call; the payload is the results, or an error code. */
  'reply',
  /** Server: a signal of the session was submitted; coalesced, without a count. */
  'signal',
] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** A message as it stands in the virtual hardware: any peer may have written anything. */
export interface ProxyMessage {
  /** Index into MESSAGE_KINDS. */
  readonly kind: number;
  /** Epoch of the receiver's own channel, as the sender knows it: ties the message to one life of the receiver. */
  readonly generation: number;
  readonly session: number;
  /** Number of the call within its session, from 1. */
  readonly request: number;
  /** Opcode of a call and of its reply; number of the signal of a notification. */
  readonly opcode: number;
  /** Status of a reply: 0 success, n the n-th error of the function. */
  readonly status: number;
  readonly payload: readonly number[];
}

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

/**
 * Why a function of an interface cannot be called through a proxy, empty if it can: signals are replaced by
 * notifications, but other capabilities stay in their instance.
 */
export function notProxyable(face: SessionInterface, opcode: number): string {
  const called = face.functions[opcode];
  if (face.proxy === 'local') return `${face.service} stands for objects of one instance`;
  if (called === undefined) return `${face.service} has no function ${opcode}`;
  const types = [...called.arguments, ...called.results].map(({ type }) => type.kind);
  const foreign = types.find(kind => kind === 'dataspace' || kind === 'session' || kind === 'capability');
  return foreign === undefined ? '' : `${face.service}.${called.name} passes a ${foreign}`;
}
