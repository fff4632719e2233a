import type { RpcField, SessionInterface } from '../services/interface.ts';
import { appendData, dataMessages, kindOf, message, noData, notProxyable, type ProxyMessage } from './message.ts';
import { decodeValues, encodeValues, type RpcValue } from './values.ts';

/** Sessions that one proxy keeps at a time. */
export const MAX_SESSIONS = 16;
/** Longest label with its NUL. */
export const LABEL_BYTES = 160;
/** Packets of one session that the server may hold at a time. */
export const MAX_PACKETS = 64;

/** A call that waits for its reply. */
export interface OutstandingCall {
  readonly request: number;
  readonly opcode: number;
}

/** A local session whose server is in another instance. */
export interface ClientSession {
  readonly status: 'opening' | 'open' | 'closing' | 'dead';
  /** Number of the latest call. */
  readonly request: number;
  readonly outstanding: OutstandingCall | undefined;
  /** Bytes that came ahead of a reply or an acknowledgement. */
  readonly data: Uint8Array;
  /** Number of the latest packet, and of those that did not come back yet. */
  readonly packet: number;
  readonly packets: readonly number[];
}

export interface ClientState {
  /** Epoch of the own channel, which the server's messages must name. */
  readonly epoch: number;
  /** Epoch of the server's channel; 0 while there is none. */
  readonly peerEpoch: number;
  /** By session id; an id is not used again before the peer changes. */
  readonly sessions: readonly (ClientSession | undefined)[];
  /** Messages of the peer that fit nothing, counted. */
  readonly discarded: number;
}

/** What the local component learns. */
export type LocalEvent =
  | { readonly kind: 'opened' | 'closed'; readonly session: number }
  | { readonly kind: 'signal'; readonly session: number; readonly signal: number }
  | {
      readonly kind: 'reply';
      readonly session: number;
      readonly request: number;
      /** Undefined if the call failed: the session is dead. */
      readonly values: readonly RpcValue[] | undefined;
      readonly error: string;
      /** What the call wrote into the session's dataspace. */
      readonly data: Uint8Array;
    }
  /** The server submitted a packet of a stream that it is the source of. */
  | {
      readonly kind: 'packet';
      readonly session: number;
      readonly stream: number;
      readonly more: readonly number[];
      readonly data: Uint8Array;
    }
  | {
      readonly kind: 'acknowledged';
      readonly session: number;
      readonly packet: number;
      readonly more: readonly number[];
      readonly data: Uint8Array;
    };

/** Result of one step of a proxy: what it sends and what it tells its own side. */
export interface ClientStep {
  readonly state: ClientState;
  readonly sends: readonly ProxyMessage[];
  readonly events: readonly LocalEvent[];
}

/** Leaf decisions of the client side; a seeded fault replaces one of them. */
export interface ProxyClientOps {
  /** True if a reply belongs to the call that waits. */
  isReplyTo(call: OutstandingCall, reply: ProxyMessage): boolean;
  /** True if a message belongs to the present life of both sides. */
  isCurrent(generation: number, epoch: number): boolean;
  /** Status of all sessions after the peer restarted. */
  afterRestart(): ClientSession['status'];
  /** Number of the call after call `request`. */
  nextRequest(request: number): number;
  /** True if a packet that comes back was sent and did not come back before. */
  isOutstanding(packets: readonly number[], packet: number): boolean;
}

export const proxyClientOps: ProxyClientOps = {
  isReplyTo: (call, { request, opcode }) => call.request === request && call.opcode === opcode,
  isCurrent: (generation, epoch) => generation === epoch,
  afterRestart: () => 'dead',
  nextRequest: request => request + 1,
  isOutstanding: (packets, packet) => packets.includes(packet),
};

export const initialClient = (epoch: number): ClientState => ({ epoch, peerEpoch: 0, sessions: [], discarded: 0 });

const only = (state: ClientState): ClientStep => ({ state, sends: [], events: [] });

function change(state: ClientState, id: number, changes: Partial<ClientSession> | undefined): ClientState {
  const sessions = state.sessions.map((session, index) =>
    index !== id || session === undefined ? session : changes === undefined ? undefined : { ...session, ...changes },
  );
  return { ...state, sessions };
}

/** What a session is opened with. */
export const OPEN_FIELDS: readonly RpcField[] = [
  { name: 'label', type: { kind: 'string', maxBytes: LABEL_BYTES } },
  { name: 'service', type: { kind: 'string', maxBytes: 64 } },
  { name: 'args', type: { kind: 'string', maxBytes: 160 } },
];

/** Session arguments as one text `key=value, ...`; an argument that does not fit into it is left out. */
export function argsText(args: Readonly<Record<string, string>>): string {
  let text = '';
  for (const [key, value] of Object.entries(args)) {
    const next = `${text === '' ? '' : `${text}, `}${key}=${value}`;
    if (/^[a-z_]+=[!-+\--<>-~]*$/.test(`${key}=${value}`) && next.length < 160) text = next;
  }
  return text;
}

/** Arguments of such a text, whatever it holds. */
export function argsOfText(text: string): Record<string, string> {
  const pairs = text.split(', ').map(part => /^([a-z_]+)=(.*)$/.exec(part));
  return Object.fromEntries(pairs.flatMap(match => (match === null ? [] : [[match[1]!, match[2]!]])));
}

const NEW_SESSION: ClientSession = {
  status: 'opening',
  request: 0,
  outstanding: undefined,
  data: noData(),
  packet: 0,
  packets: [],
};

/** A local component opens a session; -1 if the proxy has no room, or no peer. */
export function openSession(
  state: ClientState,
  label: string,
  service = '',
  args: Readonly<Record<string, string>> = {},
): ClientStep & { readonly session: number } {
  const open = state.sessions.filter(session => session !== undefined).length;
  const isTooLong = label.length + 1 > LABEL_BYTES;
  if (state.peerEpoch === 0 || open >= MAX_SESSIONS || isTooLong) return { ...only(state), session: -1 };
  const session = state.sessions.length;
  const payload = encodeValues(OPEN_FIELDS, [label, service, argsText(args)]);
  const opening = message('open', { generation: state.peerEpoch, session, payload });
  return { state: { ...state, sessions: [...state.sessions, NEW_SESSION] }, sends: [opening], events: [], session };
}

/** Why a call is refused at once. */
export type CallRefusal = 'unknown-session' | 'not-open' | 'busy' | 'not-proxyable' | 'bad-arguments';

/**
 * A local component calls the service; it gets one reply, or a failure when the session dies.
 * @param data what the call reads from the session's dataspace
 */
export function callService(
  ops: ProxyClientOps,
  face: SessionInterface,
  state: ClientState,
  id: number,
  opcode: number,
  values: readonly RpcValue[],
  data: Uint8Array = noData(),
): ClientStep & { readonly refused: CallRefusal | undefined } {
  const refuse = (refused: CallRefusal) => ({ ...only(state), refused });
  const session = state.sessions[id];
  if (session === undefined) return refuse('unknown-session');
  if (session.status !== 'open') return refuse('not-open');
  if (session.outstanding !== undefined) return refuse('busy');
  if (notProxyable(face, opcode) !== '') return refuse('not-proxyable');
  const payload = encodeValues(face.functions[opcode]!.arguments, values);
  // What the other side would refuse is refused here, where the caller learns of it.
  if (!decodeValues(face.functions[opcode]!.arguments, payload).ok) return refuse('bad-arguments');
  const request = ops.nextRequest(session.request);
  const called = change(state, id, { request, outstanding: { request, opcode } });
  const generation = state.peerEpoch;
  const call = message('call', { generation, session: id, request, opcode, payload });
  return { state: called, sends: [...dataMessages(generation, id, data), call], events: [], refused: undefined };
}

const WORD = { kind: 'u32' } as const;

/** Words of a packet as a message carries them. */
export const wordFields = (count: number) => Array.from({ length: count }, () => ({ name: 'word', type: WORD }));

/** A local component submits a packet of stream `stream` of its session; -1 if it must wait. */
export function sendPacket(
  face: SessionInterface,
  state: ClientState,
  id: number,
  stream: number,
  sizeBytes: number,
  more: readonly number[],
  data: Uint8Array,
): ClientStep & { readonly packet: number } {
  const session = state.sessions[id];
  const direction = face.streams[stream];
  if (session?.status !== 'open' || direction?.source !== 'client' || session.packets.length >= MAX_PACKETS)
    return { ...only(state), packet: -1 };
  const packet = session.packet + 1;
  const generation = state.peerEpoch;
  const payload = encodeValues(wordFields(1 + direction.words), [sizeBytes, ...more]);
  const sent = message('packet', { generation, session: id, request: packet, opcode: stream, payload });
  const next = change(state, id, { packet, packets: [...session.packets, packet] });
  return { state: next, sends: [...dataMessages(generation, id, data), sent], events: [], packet };
}

/** A local component closes its session. A dead one ends at once. */
export function closeLocalSession(state: ClientState, id: number): ClientStep {
  const session = state.sessions[id];
  if (session === undefined || session.status === 'closing') return only(state);
  if (session.status === 'dead')
    return { ...only(change(state, id, undefined)), events: [{ kind: 'closed', session: id }] };
  const closing = change(state, id, { status: 'closing', outstanding: undefined, packets: [] });
  const sends = [message('close', { generation: state.peerEpoch, session: id })];
  return { state: closing, sends, events: failure(session, id) };
}

const failure = ({ outstanding }: ClientSession, session: number): LocalEvent[] =>
  outstanding === undefined
    ? []
    : [
        {
          kind: 'reply',
          session,
          request: outstanding.request,
          values: undefined,
          error: 'session-dead',
          data: noData(),
        },
      ];

/** The channel of the server has another epoch: the server restarted, so all sessions are dead and their calls fail. */
export function followPeer(ops: ProxyClientOps, state: ClientState, peerEpoch: number): ClientStep {
  if (peerEpoch === state.peerEpoch) return only(state);
  const events = state.sessions.flatMap((session, id) => (session === undefined ? [] : failure(session, id)));
  const status = ops.afterRestart();
  const sessions = state.sessions.map(session =>
    session === undefined ? undefined : { ...session, status, outstanding: undefined, data: noData(), packets: [] },
  );
  return { state: { ...state, peerEpoch, sessions }, sends: [], events };
}

/** Takes a message of the server, whatever it holds. */
export function receiveFromServer(
  ops: ProxyClientOps,
  face: SessionInterface,
  state: ClientState,
  received: ProxyMessage,
): ClientStep {
  const discard = only({ ...state, discarded: state.discarded + 1 });
  const id = received.session;
  const session = state.sessions[id];
  if (session === undefined || !ops.isCurrent(received.generation, state.epoch)) return discard;
  switch (kindOf(received)) {
    case 'opened':
      if (session.status !== 'opening') return discard;
      return { ...only(change(state, id, { status: 'open' })), events: [{ kind: 'opened', session: id }] };
    case 'closed': {
      if (session.status === 'dead') return discard;
      const events: LocalEvent[] = [...failure(session, id), { kind: 'closed', session: id }];
      return { ...only(change(state, id, undefined)), events };
    }
    case 'signal':
      if (session.status !== 'open') return discard;
      return { ...only(state), events: [{ kind: 'signal', session: id, signal: received.opcode }] };
    case 'data': {
      const data = session.status === 'open' ? appendData(session.data, received) : undefined;
      return data === undefined ? discard : only(change(state, id, { data }));
    }
    case 'reply':
      return takeReply(ops, face, state, id, received) ?? discard;
    case 'packet':
      return takePacket(face, state, id, received) ?? discard;
    case 'acknowledged':
      return takeAcknowledged(ops, face, state, id, received) ?? discard;
    default:
      return discard;
  }
}

/** The reply to the call that waits; undefined for any other, which comes late, twice or from nowhere. */
function takeReply(
  ops: ProxyClientOps,
  face: SessionInterface,
  state: ClientState,
  id: number,
  received: ProxyMessage,
): ClientStep | undefined {
  const { outstanding, data } = state.sessions[id]!;
  if (outstanding === undefined || !ops.isReplyTo(outstanding, received)) return undefined;
  const called = face.functions[outstanding.opcode]!;
  const error = received.status === 0 ? '' : called.errors[received.status - 1];
  const values = decodeValues(error === '' ? called.results : [], received.payload);
  if (error === undefined || !values.ok) return undefined;
  const event: LocalEvent = {
    kind: 'reply',
    session: id,
    request: outstanding.request,
    values: error === '' ? values.value : [],
    error,
    data,
  };
  return { ...only(change(state, id, { outstanding: undefined, data: noData() })), events: [event] };
}

/** A packet of a stream that the server is the source of; undefined for any other stream, or one that claims other bytes than came. */
function takePacket(
  face: SessionInterface,
  state: ClientState,
  id: number,
  received: ProxyMessage,
): ClientStep | undefined {
  const { status, data } = state.sessions[id]!;
  const direction = face.streams[received.opcode];
  if (status !== 'open' || direction?.source !== 'server') return undefined;
  const words = decodeValues(wordFields(1 + direction.words), received.payload);
  if (!words.ok || words.value[0] !== data.length) return undefined;
  const [, ...more] = words.value.map(Number);
  const event: LocalEvent = { kind: 'packet', session: id, stream: received.opcode, more, data };
  return { ...only(change(state, id, { data: noData() })), events: [event] };
}

/** A packet that comes back; undefined for one that was not sent, or that came back before. */
function takeAcknowledged(
  ops: ProxyClientOps,
  face: SessionInterface,
  state: ClientState,
  id: number,
  received: ProxyMessage,
): ClientStep | undefined {
  const { packets, data } = state.sessions[id]!;
  const { request: packet, payload } = received;
  const words = face.streams[received.opcode]?.words;
  const more = words === undefined ? undefined : decodeValues(wordFields(words), payload);
  if (more?.ok !== true || !ops.isOutstanding(packets, packet)) return undefined;
  const left = packets.filter(other => other !== packet);
  const event: LocalEvent = { kind: 'acknowledged', session: id, packet, more: more.value.map(Number), data };
  return { ...only(change(state, id, { packets: left, data: noData() })), events: [event] };
}
