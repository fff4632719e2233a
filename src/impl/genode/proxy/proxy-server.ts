import type { SessionInterface } from '../services/interface.ts';
import { appendData, dataMessages, kindOf, message, noData, notProxyable, type ProxyMessage } from './message.ts';
import { argsOfText, MAX_PACKETS, OPEN_FIELDS, wordFields } from './opening.ts';
import type { ProxyServerOps, ServerSessionState, ServerState, ServerStep, ServiceRequest } from './server-state.ts';
import { decodeValues, encodeValues, type RpcValue } from './values.ts';

const only = (state: ServerState): ServerStep => ({ state, sends: [], requests: [] });

function refuse(state: ServerState, reason: string): ServerStep {
  return only({ ...state, refused: { ...state.refused, [reason]: (state.refused[reason] ?? 0) + 1 } });
}

function change(state: ServerState, key: number, changes: Partial<ServerSessionState> | undefined): ServerState {
  const sessions = state.sessions.flatMap(session =>
    session.key !== key ? [session] : changes === undefined ? [] : [{ ...session, ...changes }],
  );
  return { ...state, sessions };
}

const bySession = ({ sessions }: ServerState, key: number): ServerSessionState | undefined =>
  sessions.find(session => session.key === key);

/** The channel of the client has another epoch: the client restarted, and its sessions end. */
export function followClient(ops: ProxyServerOps, state: ServerState, peerEpoch: number): ServerStep {
  if (peerEpoch === state.peerEpoch) return only(state);
  const sessions = ops.afterRestart(state.sessions);
  const ended = state.sessions.filter(session => !sessions.includes(session));
  const requests = ended.map(({ key, id }): ServiceRequest => ({ kind: 'close', key, session: id }));
  return { state: { ...state, peerEpoch, sessions }, sends: [], requests };
}

/** Takes a message of the client, whatever it holds: judged first, and only then passed on. */
export function receiveFromClient(
  ops: ProxyServerOps,
  face: SessionInterface,
  state: ServerState,
  peer: string,
  received: ProxyMessage,
): ServerStep {
  if (!ops.isCurrent(received.generation, state.epoch)) return refuse(state, 'generation');
  const kind = kindOf(received);
  if (kind === 'open') return openRemote(ops, state, peer, received);
  const session = state.sessions.find(({ id }) => id === received.session);
  if (session === undefined) return refuse(state, 'session');
  switch (kind) {
    case 'close':
      return closeRemote(state, session);
    case 'call':
      return performCall(ops, face, state, session, received);
    case 'data': {
      const data = appendData(session.data, received);
      return data === undefined ? refuse(state, 'data') : only(change(state, session.key, { data }));
    }
    case 'packet':
      return performPacket(ops, face, state, session, received);
    default:
      return refuse(state, 'kind');
  }
}

function openRemote(
  ops: ProxyServerOps,
  state: ServerState,
  peer: string,
  { session, payload }: ProxyMessage,
): ServerStep {
  if (state.sessions.some(({ id }) => id === session)) return refuse(state, 'session');
  const label = decodeValues(OPEN_FIELDS, payload);
  const denied = { sends: [message('closed', { generation: state.peerEpoch, session })] };
  if (!label.ok) return { ...refuse(state, 'label'), ...denied };
  if (!ops.admits(state.sessions.length)) return { ...refuse(state, 'too-many-sessions'), ...denied };
  const key = state.nextKey;
  const added: ServerSessionState = {
    id: session,
    key,
    status: 'opening',
    request: 0,
    opcode: 0,
    isServing: false,
    data: noData(),
    packets: [],
  };
  return {
    state: { ...state, sessions: [...state.sessions, added], nextKey: key + 1 },
    sends: [],
    requests: [
      {
        kind: 'open',
        key,
        session,
        label: ops.peerLabel(peer, String(label.value[0])),
        service: String(label.value[1]),
        args: argsOfText(String(label.value[2])),
      },
    ],
  };
}

/** The service opened or denied a session. */
export function answerOpen(state: ServerState, key: number, isOpen: boolean): ServerStep {
  const session = bySession(state, key);
  if (session?.status !== 'opening') return only(state);
  const common = { generation: state.peerEpoch, session: session.id };
  if (isOpen) return { ...only(change(state, key, { status: 'open' })), sends: [message('opened', common)] };
  return { ...refuse(change(state, key, undefined), 'denied'), sends: [message('closed', common)] };
}

function closeRemote(state: ServerState, { id, key }: ServerSessionState): ServerStep {
  return {
    state: change(state, key, undefined),
    sends: [message('closed', { generation: state.peerEpoch, session: id })],
    requests: [{ kind: 'close', key, session: id }],
  };
}

function performCall(
  ops: ProxyServerOps,
  face: SessionInterface,
  state: ServerState,
  { id, key, status, request: latest, isServing, data }: ServerSessionState,
  { request, opcode, payload }: ProxyMessage,
): ServerStep {
  if (status !== 'open') return refuse(state, 'session');
  if (!ops.isFresh(latest, request) || isServing) return refuse(state, 'request');
  if (notProxyable(face, opcode) !== '') return refuse(state, 'opcode');
  const values = decodeValues(face.functions[opcode]!.arguments, payload);
  if (!values.ok) return refuse(state, 'arguments');
  return {
    state: change(state, key, { request, opcode, isServing: true, data: noData() }),
    sends: [],
    requests: [{ kind: 'call', key, session: id, opcode, values: values.value, data }],
  };
}

/**
 * The service answered the call of a session: with values, or with the name of an error.
 * @param data what the call wrote into the session's dataspace
 */
export function answerCall(
  face: SessionInterface,
  state: ServerState,
  key: number,
  values: readonly RpcValue[] | undefined,
  error: string,
  data: Uint8Array = noData(),
): ServerStep {
  const session = bySession(state, key);
  if (session?.isServing !== true) return only(state);
  const called = face.functions[session.opcode]!;
  const status = values === undefined ? called.errors.indexOf(error) + 1 : 0;
  const generation = state.peerEpoch;
  const { id, request, opcode } = session;
  // An error that the function does not have means that the session is gone.
  if (values === undefined && status === 0) {
    const requests: ServiceRequest[] = [{ kind: 'close', key, session: id }];
    return { state: change(state, key, undefined), sends: [message('closed', { generation, session: id })], requests };
  }
  const payload = values === undefined ? [] : encodeValues(called.results, values);
  const reply = message('reply', { generation, session: id, request, opcode, status, payload });
  return {
    ...only(change(state, key, { isServing: false })),
    sends: [...dataMessages(generation, id, data), reply],
  };
}

function performPacket(
  ops: ProxyServerOps,
  face: SessionInterface,
  state: ServerState,
  { id, key, status, data, packets }: ServerSessionState,
  { request: packet, opcode: stream, payload }: ProxyMessage,
): ServerStep {
  const direction = face.streams[stream];
  if (status !== 'open' || direction?.source !== 'client') return refuse(state, 'packet');
  const words = decodeValues(wordFields(1 + direction.words), payload);
  const isKnown = packets.some(other => other.packet === packet);
  if (!words.ok || isKnown || packets.length >= MAX_PACKETS) return refuse(state, 'packet');
  const [sizeBytes, ...more] = words.value.map(Number);
  if (!ops.fitsPacket(data.length, sizeBytes!)) return refuse(state, 'packet');
  return {
    state: change(state, key, { data: noData(), packets: [...packets, { packet, stream }] }),
    sends: [],
    requests: [{ kind: 'packet', key, session: id, packet, stream, sizeBytes: sizeBytes!, more, data }],
  };
}

/** The service gave a packet back. */
export function answerPacket(
  state: ServerState,
  key: number,
  packet: number,
  more: readonly number[],
  data: Uint8Array,
): ServerStep {
  const session = bySession(state, key);
  const found = session?.packets.find(other => other.packet === packet);
  if (session === undefined || found === undefined) return only(state);
  const generation = state.peerEpoch;
  const payload = encodeValues(wordFields(more.length), more);
  const acknowledged = message('acknowledged', {
    generation,
    session: session.id,
    request: packet,
    opcode: found.stream,
    payload,
  });
  return {
    ...only(change(state, key, { packets: session.packets.filter(other => other !== found) })),
    sends: [...dataMessages(generation, session.id, data), acknowledged],
  };
}

/** The service submitted a packet of a stream that it is the source of; dropped if the peer could not take it. */
export function forwardPacket(
  face: SessionInterface,
  state: ServerState,
  key: number,
  stream: number,
  more: readonly number[],
  data: Uint8Array,
): ServerStep {
  const session = bySession(state, key);
  if (session === undefined || face.streams[stream]?.source !== 'server' || data.length === 0) return only(state);
  const generation = state.peerEpoch;
  const payload = encodeValues(wordFields(1 + more.length), [data.length, ...more]);
  const packet = message('packet', { generation, session: session.id, opcode: stream, payload });
  return { ...only(state), sends: [...dataMessages(generation, session.id, data), packet] };
}

/** The service submitted a signal of a session. */
export function answerSignal(state: ServerState, key: number, opcode: number): ServerStep {
  const session = bySession(state, key);
  if (session === undefined) return only(state);
  const signal = message('signal', { generation: state.peerEpoch, session: session.id, opcode });
  return { ...only(state), sends: [signal] };
}

/** The service ended a session by itself. */
export function answerEnd(state: ServerState, key: number): ServerStep {
  const session = bySession(state, key);
  if (session === undefined) return only(state);
  const closed = message('closed', { generation: state.peerEpoch, session: session.id });
  return { ...only(change(state, key, undefined)), sends: [closed] };
}
