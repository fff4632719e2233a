import type { SessionInterface } from '../services/interface.ts';
import type { ClientSession, ClientState, ClientStep, LocalEvent, ProxyClientOps } from './client-state.ts';
import { appendData, dataMessages, kindOf, message, noData, notProxyable, type ProxyMessage } from './message.ts';
import { argsText, LABEL_BYTES, MAX_PACKETS, MAX_SESSIONS, OPEN_FIELDS, wordFields } from './opening.ts';
import { decodeValues, encodeValues, type RpcValue } from './values.ts';

const only = (state: ClientState): ClientStep => ({ state, sends: [], events: [] });

function change(state: ClientState, id: number, changes: Partial<ClientSession> | undefined): ClientState {
  const sessions = state.sessions.map((session, index) =>
    index !== id || session === undefined ? session : changes === undefined ? undefined : { ...session, ...changes },
  );
  return { ...state, sessions };
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
