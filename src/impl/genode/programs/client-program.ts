import type { Environment, Handle, Program } from '../instance/component.ts';
import type { RpcValue } from '../proxy/values.ts';

/** A session that a client wants, besides LOG. */
export interface WantedSession {
  readonly service: string;
  readonly label: string;
  readonly args?: Readonly<Record<string, string>>;
}

/** Something that concerns one of the wanted sessions, by its place among them. */
export interface ClientReply {
  readonly place: number;
  readonly name: string;
  /** Undefined if the call failed. */
  readonly values: readonly RpcValue[] | undefined;
  readonly error: string;
}

/** A program that opens its sessions, and then does something with them. */
export interface ClientProgram<State> {
  readonly sessions: readonly WantedSession[];
  readonly initial: State;
  /** All sessions are open; their handles are in the order of the sessions. */
  begin(state: State, env: Environment, handles: readonly Handle[]): State;
  reply?(state: State, reply: ClientReply, env: Environment, handles: readonly Handle[]): State;
  signal?(state: State, place: number, env: Environment, handles: readonly Handle[]): State;
  packets?(state: State, place: number, env: Environment, handles: readonly Handle[]): State;
  /** A reply of, or a signal from, an object that a session handed out, by its handle. */
  other?(state: State, reply: Omit<ClientReply, 'place'> & { readonly handle: Handle }, env: Environment): State;
  otherSignal?(state: State, handle: Handle, env: Environment, handles: readonly Handle[]): State;
}

interface ClientState<State> {
  readonly handles: readonly Handle[];
  readonly openCount: number;
  readonly own: State;
}

/** Makes a program of Genode's kind: sessions are opened at the start, and one that is denied is reported. */
export function clientProgram<State>(client: ClientProgram<State>): Program<ClientState<State>> {
  return {
    initial: { handles: [], openCount: 0, own: client.initial },
    vectors: [],
    hasSessionThreads: false,
    handle(state, event, env) {
      const { handles } = state;
      if (event.kind === 'start')
        return { ...state, handles: client.sessions.map(({ service, label, args }) => env.open(service, label, args)) };
      const place = 'handle' in event ? handles.indexOf(event.handle) : -1;
      const own = (changed: State | undefined): ClientState<State> =>
        changed === undefined ? state : { ...state, own: changed };
      if (place < 0) {
        if (event.kind === 'reply') return own(client.other?.(state.own, event, env));
        return event.kind === 'signal' ? own(client.otherSignal?.(state.own, event.handle, env, handles)) : state;
      }
      switch (event.kind) {
        case 'denied':
          env.log(`${client.sessions[place]!.service} denied: ${event.reason}`);
          return state;
        case 'opened': {
          const openCount = state.openCount + 1;
          const isReady = openCount === client.sessions.length;
          return { ...state, openCount, own: isReady ? client.begin(state.own, env, handles) : state.own };
        }
        case 'reply': {
          if (event.error === 'session-dead') env.log(`${client.sessions[place]!.service} session is gone`);
          return own(client.reply?.(state.own, { ...event, place }, env, handles));
        }
        case 'signal':
          return own(client.signal?.(state.own, place, env, handles));
        case 'packets':
          return own(client.packets?.(state.own, place, env, handles));
        default:
          return state;
      }
    },
  };
}
