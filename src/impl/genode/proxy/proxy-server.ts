import type { SessionInterface } from '../services/interface.ts';
import { kindOf, message, notProxyable, type ProxyMessage } from './message.ts';
import { LABEL_BYTES, MAX_SESSIONS } from './proxy-client.ts';
import { decodeValues, encodeValues, type RpcValue } from './values.ts';

/** The real service behind the server side: pure, so that a snapshot is a pointer. */
export interface ProxiedService<State> {
  readonly face: SessionInterface;
  readonly initial: State;
  /** Opens a session; undefined denies it. */
  open(state: State, session: number, label: string): State | undefined;
  close(state: State, session: number): State;
  /** Performs a call; `error` is an index into the errors of the function, -1 for success. */
  call(
    state: State,
    session: number,
    opcode: number,
    values: readonly RpcValue[],
  ): {
    readonly state: State;
    readonly values: readonly RpcValue[];
    readonly error: number;
    /** Numbers of signals that the call submits to its own session. */
    readonly signals: readonly number[];
  };
}

/** A session of the service on behalf of the peer. */
export interface ServerSessionState {
  readonly id: number;
  /** Number of the latest call that was performed. */
  readonly request: number;
}

export interface ServerState<State> {
  readonly service: State;
  /** Epoch of the client's channel. */
  readonly peerEpoch: number;
  /** Own epoch, which the client's messages must name. */
  readonly epoch: number;
  readonly sessions: readonly ServerSessionState[];
  /** Messages that were refused, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

export interface ServerStep<State> {
  readonly state: ServerState<State>;
  readonly sends: readonly ProxyMessage[];
}

/** Leaf decisions of the server side; a seeded fault replaces one of them. */
export interface ProxyServerOps {
  /** True if a call was not performed before. */
  isFresh(latest: number, request: number): boolean;
  /** True if a message belongs to the present life of both sides. */
  isCurrent(generation: number, epoch: number): boolean;
  /** Sessions that remain when the client restarted. */
  afterRestart(sessions: readonly ServerSessionState[]): readonly ServerSessionState[];
  /** True if one more session may be opened. */
  admits(sessions: number): boolean;
  /** Label under which a session of the peer is opened. */
  peerLabel(peer: string, label: string): string;
}

export const proxyServerOps: ProxyServerOps = {
  isFresh: (latest, request) => request === latest + 1,
  isCurrent: (generation, epoch) => generation === epoch,
  afterRestart: () => [],
  admits: sessions => sessions < MAX_SESSIONS,
  peerLabel: (peer, label) => (label === '' ? peer : `${peer} -> ${label}`),
};

export const initialServer = <State>(service: ProxiedService<State>, epoch: number): ServerState<State> => ({
  service: service.initial,
  peerEpoch: 0,
  epoch,
  sessions: [],
  refused: {},
});

const only = <State>(state: ServerState<State>): ServerStep<State> => ({ state, sends: [] });

function refuse<State>(state: ServerState<State>, reason: string): ServerStep<State> {
  return only({ ...state, refused: { ...state.refused, [reason]: (state.refused[reason] ?? 0) + 1 } });
}

/** The channel of the client has another epoch: the client restarted, and its sessions end. */
export function followClient<State>(
  ops: ProxyServerOps,
  service: ProxiedService<State>,
  state: ServerState<State>,
  peerEpoch: number,
): ServerStep<State> {
  if (peerEpoch === state.peerEpoch) return only(state);
  const sessions = ops.afterRestart(state.sessions);
  const ended = state.sessions.filter(session => !sessions.includes(session));
  const closed = ended.reduce((inner, { id }) => service.close(inner, id), state.service);
  return only({ ...state, peerEpoch, sessions, service: closed });
}

/** Takes a message of the client, whatever it holds: judged first, and only then passed on. */
export function receiveFromClient<State>(
  ops: ProxyServerOps,
  service: ProxiedService<State>,
  state: ServerState<State>,
  peer: string,
  received: ProxyMessage,
): ServerStep<State> {
  if (!ops.isCurrent(received.generation, state.epoch)) return refuse(state, 'generation');
  const kind = kindOf(received);
  if (kind === 'open') return openRemote(ops, service, state, peer, received);
  const session = state.sessions.find(({ id }) => id === received.session);
  if (session === undefined) return refuse(state, 'session');
  if (kind === 'close') return closeRemote(service, state, session);
  return kind === 'call' ? performCall(ops, service, state, session, received) : refuse(state, 'kind');
}

const LABEL = [{ name: 'label', type: { kind: 'string', maxBytes: LABEL_BYTES } as const }];

function openRemote<State>(
  ops: ProxyServerOps,
  service: ProxiedService<State>,
  state: ServerState<State>,
  peer: string,
  { session, payload }: ProxyMessage,
): ServerStep<State> {
  if (state.sessions.some(({ id }) => id === session)) return refuse(state, 'session');
  const generation = state.peerEpoch;
  const label = decodeValues(LABEL, payload);
  const denied = { sends: [message('closed', { generation, session })] };
  if (!label.ok) return { ...refuse(state, 'label'), ...denied };
  if (!ops.admits(state.sessions.length)) return { ...refuse(state, 'too-many-sessions'), ...denied };
  const opened = service.open(state.service, session, ops.peerLabel(peer, String(label.value[0])));
  if (opened === undefined) return { ...refuse(state, 'denied'), ...denied };
  const sessions = [...state.sessions, { id: session, request: 0 }];
  return { state: { ...state, service: opened, sessions }, sends: [message('opened', { generation, session })] };
}

function closeRemote<State>(
  service: ProxiedService<State>,
  state: ServerState<State>,
  { id }: ServerSessionState,
): ServerStep<State> {
  const sessions = state.sessions.filter(session => session.id !== id);
  const closed = message('closed', { generation: state.peerEpoch, session: id });
  return { state: { ...state, sessions, service: service.close(state.service, id) }, sends: [closed] };
}

function performCall<State>(
  ops: ProxyServerOps,
  service: ProxiedService<State>,
  state: ServerState<State>,
  { id, request: latest }: ServerSessionState,
  { request, opcode, payload }: ProxyMessage,
): ServerStep<State> {
  if (!ops.isFresh(latest, request)) return refuse(state, 'request');
  if (notProxyable(service.face, opcode) !== '') return refuse(state, 'opcode');
  const called = service.face.functions[opcode]!;
  const values = decodeValues(called.arguments, payload);
  if (!values.ok) return refuse(state, 'arguments');
  const done = service.call(state.service, id, opcode, values.value);
  const sessions = state.sessions.map(session => (session.id === id ? { ...session, request } : session));
  const status = done.error + 1;
  const results = status === 0 ? encodeValues(called.results, done.values) : [];
  const common = { generation: state.peerEpoch, session: id };
  return {
    state: { ...state, service: done.state, sessions },
    sends: [
      message('reply', { ...common, request, opcode, status, payload: results }),
      ...done.signals.map(signal => message('signal', { ...common, opcode: signal })),
    ],
  };
}
