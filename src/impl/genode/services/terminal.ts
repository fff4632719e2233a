import { err, ok } from '../../../units/result.ts';
import type { RpcValue } from '../proxy/values.ts';
import { interfaceNamed } from './interfaces.ts';
import { type DataspaceId, returns, type Service, type ServiceEnv, type SessionNumber, withEntry } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

/** Opcodes by which a client is told that it is connected, and that there is something to read. */
export const TERMINAL_CONNECTED_SIGH = 4;
export const TERMINAL_READ_AVAIL_SIGH = 5;
/** Shared buffer of a session, for both directions. */
const BUFFER_BYTES = 0x1000;
/** Bytes that wait for a reader at most. */
export const TERMINAL_QUEUE_BYTES = 0x1000;
/** A cross link has two ends. */
const ENDS = 2;

interface TerminalSession {
  readonly end: number;
  readonly dataspace: DataspaceId;
}

export interface TerminalState {
  readonly sessions: ReadonlyMap<SessionNumber, TerminalSession>;
  /** Bytes that wait for the reader at each end. */
  readonly queues: readonly (readonly number[])[];
}

/** Cuts a number of bytes to what is possible; it comes from the client and may be anything. */
const named = (value: RpcValue | undefined): bigint => BigInt.asUintN(64, BigInt(value as bigint));

function read(ops: ServiceOps, state: TerminalState, session: TerminalSession, max: bigint, env: ServiceEnv) {
  const queue = state.queues[session.end]!;
  const count = ops.terminalCount(max, BUFFER_BYTES, queue.length);
  env.write(session.dataspace, 0, Uint8Array.from(queue.slice(0, count)));
  const queues = state.queues.map((old, end) => (end === session.end ? old.slice(count) : old));
  return returns({ ...state, queues }, BigInt(count));
}

function write(ops: ServiceOps, state: TerminalState, session: TerminalSession, wanted: bigint, env: ServiceEnv) {
  const other = ENDS - 1 - session.end;
  const queue = state.queues[other]!;
  const count = ops.terminalCount(wanted, BUFFER_BYTES, TERMINAL_QUEUE_BYTES - queue.length);
  if (count === 0) return returns(state, 0n);
  const bytes = [...env.read(session.dataspace, 0, count)];
  const queues = state.queues.map((old, end) => (end === other ? [...old, ...bytes] : old));
  if (ops.wakesReader(queue.length))
    for (const [id, { end }] of state.sessions) if (end === other) env.notify(id, TERMINAL_READ_AVAIL_SIGH);
  return returns({ ...state, queues }, BigInt(count));
}

/**
 * terminal_crosslink: two Terminal sessions, what one writes the other reads. A third client is denied. What is written
 * before the other end is there waits for it; bytes that do not fit are not accepted.
 */
export function terminalService(ops: ServiceOps): Service<TerminalState> {
  return {
    faces: [interfaceNamed('Terminal')],
    initial: { sessions: new Map(), queues: Array.from({ length: ENDS }, () => []) },
    open(state, session, _request, env) {
      const taken = [...state.sessions.values()].map(({ end }) => end);
      const end = [0, 1].find(candidate => !taken.includes(candidate));
      if (end === undefined) return err('DENIED');
      const dataspace = env.allocate(BUFFER_BYTES);
      if (dataspace === undefined) return err('INSUFFICIENT_RAM');
      return ok({ ...state, sessions: withEntry(state.sessions, session, { end, dataspace }) });
    },
    close(state, session, env) {
      const { end, dataspace } = state.sessions.get(session)!;
      env.release(dataspace);
      // The next client at this end does not get what was meant for this one.
      const queues = state.queues.map((old, place) => (place === end ? [] : old));
      return { sessions: withEntry(state.sessions, session, undefined), queues };
    },
    call(state, session, name, [value], env) {
      const found = state.sessions.get(session)!;
      switch (name) {
        case 'size':
          // A link has no screen.
          return returns(state, 0, 0);
        case 'avail':
          return returns(state, state.queues[found.end]!.length > 0 ? 1 : 0);
        case 'read':
          return read(ops, state, found, named(value), env);
        case 'write':
          return write(ops, state, found, named(value), env);
        case 'dataspace':
          return returns(state, found.dataspace);
        case 'connected_sigh':
          env.notify(session, TERMINAL_CONNECTED_SIGH);
          return returns(state);
        case 'read_avail_sigh':
          // What came before the client asked to be told would otherwise be missed.
          if (state.queues[found.end]!.length > 0) env.notify(session, TERMINAL_READ_AVAIL_SIGH);
          return returns(state);
        default:
          return returns(state);
      }
    },
  };
}
