import { type ClientState, initialClient } from '../impl/genode/proxy/client-state.ts';
import type { ProxyMessage } from '../impl/genode/proxy/message.ts';
import {
  initialSynchronous,
  type ProxiedService,
  type SynchronousState,
} from '../impl/genode/proxy/synchronous-service.ts';
import type { RpcValue } from '../impl/genode/proxy/values.ts';
import type { SessionInterface } from '../impl/genode/services/interface.ts';
import { interfaceOf } from '../impl/genode/services/interfaces.ts';

export const FACE = interfaceOf('Timer') as SessionInterface;
export const PEER = 'apps';
export const SESSIONS = 4;
/** Function of the Timer interface whose result says how many calls its session has made. */
export const ELAPSED_US = 4;

/** What the service was asked, per session of one life of the server. */
export interface Asked {
  readonly sessions: ReadonlyMap<number, { readonly label: string; readonly calls: number }>;
  readonly wrong: string;
}

/** A service that answers with the number of calls that a session has made, and notes what no server may pass on. */
export const countingService: ProxiedService<Asked> = {
  face: FACE,
  initial: { sessions: new Map(), wrong: '' },
  open(state, session, label) {
    const isForeign = label !== PEER && !label.startsWith(`${PEER} -> `);
    const wrong = state.wrong || (isForeign ? `a session of ${PEER} is opened with the label "${label}"` : '');
    if (state.sessions.has(session)) return { ...state, wrong: state.wrong || `session ${session} is opened twice` };
    if (label.endsWith('deny')) return undefined;
    return { sessions: new Map(state.sessions).set(session, { label, calls: 0 }), wrong };
  },
  close(state, session) {
    const sessions = new Map(state.sessions);
    const wasOpen = sessions.delete(session);
    return { sessions, wrong: state.wrong || (wasOpen ? '' : `session ${session} is closed twice`) };
  },
  call(state, session, opcode, values) {
    const known = state.sessions.get(session);
    const wrong =
      state.wrong ||
      (known === undefined ? `a call of session ${session}, which is not open` : badCall(opcode, values));
    const calls = (known?.calls ?? 0) + 1;
    const sessions = new Map(state.sessions).set(session, { label: known?.label ?? '', calls });
    const results = FACE.functions[opcode]?.results ?? [];
    return { state: { sessions, wrong }, values: results.map(() => BigInt(calls)), error: -1, signals: [] };
  },
};

/** A call that the interface does not have must not reach the service. */
export function badCall(opcode: number, values: readonly RpcValue[]): string {
  const called = FACE.functions[opcode];
  if (called === undefined) return `function ${opcode} is called, which the service does not have`;
  return values.length === called.arguments.length ? '' : `${called.name} is called with ${values.length} arguments`;
}

/** Both sides with what is under way between them, and what a local service would have done. */
export class ProxyWorld {
  client: ClientState = { ...initialClient(1), peerEpoch: 1 };
  server: SynchronousState<Asked> = { ...initialSynchronous(countingService, 1), peerEpoch: 1 };
  toServer: ProxyMessage[] = [];
  toClient: ProxyMessage[] = [];
  epochs = 1;
  clientEpoch = 1;
  /** Calls that each session has made; what a local service counts. */
  readonly calls = new Map<number, number>();
  /** Call that each session waits for, by its number. */
  readonly waiting = new Map<number, { readonly request: number; readonly opcode: number }>();
  /** Someone else writes into the channel, by direction: then only safety is asked for. */
  isServerAttacked = false;
  isClientAttacked = false;
}
