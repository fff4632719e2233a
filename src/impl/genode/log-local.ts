import type { LocalSession, LogClientConfig, LogClientState } from './log-client-state.ts';
import type { ProxyOps } from './log-ops.ts';
import { type LocalRequest, localRequest } from './log-program.ts';

function changeSession(state: LogClientState, session: number, changes: Partial<LocalSession>): LogClientState {
  return { ...state, sessions: state.sessions.map((old, index) => (index === session ? { ...old, ...changes } : old)) };
}

const refuse = (state: LogClientState): LogClientState => ({ ...state, refused: state.refused + 1 });

/** Announces the close of a session, or lets it wait until the buffer has room. */
function closeSession(config: LogClientConfig, ops: ProxyOps, state: LogClientState, session: number): LogClientState {
  if (!ops.admits(state.buffer.length, config.capacity)) return changeSession(state, session, { status: 'closing' });
  const sequence = ops.nextSequence(state.sessions[session]!.issued);
  const closed = changeSession(state, session, { status: 'closed', issued: sequence });
  const { generation } = state;
  return { ...closed, buffer: [...state.buffer, { kind: 'close', generation, session, sequence, text: '' }] };
}

/**
 * Answers a write. It never blocks: without room it is dropped and counted, and uses up its sequence number so that the
 * server sees the gap.
 */
function writeSession(
  config: LogClientConfig,
  ops: ProxyOps,
  state: LogClientState,
  session: number,
  text: string,
): LogClientState {
  if (!ops.validateLength(text.length + 1)) return refuse(state);
  const { issued, dropped } = state.sessions[session]!;
  const sequence = ops.nextSequence(issued);
  if (!ops.admits(state.buffer.length, config.capacity)) {
    return changeSession(state, session, { issued: sequence, dropped: dropped + 1 });
  }
  const { generation } = state;
  const accepted = changeSession(state, session, { issued: sequence });
  return { ...accepted, buffer: [...state.buffer, { kind: 'write', generation, session, sequence, text }] };
}

/** Answers one request of the local program. */
export function serveRequest(
  config: LogClientConfig,
  ops: ProxyOps,
  state: LogClientState,
  request: LocalRequest,
): LogClientState {
  const { session } = request;
  const status = state.sessions[session]?.status;
  if (request.kind === 'open')
    return status === 'unused' ? changeSession(state, session, { status: 'open' }) : refuse(state);
  if (status !== 'open') return refuse(state);
  if (request.kind === 'close') return closeSession(config, ops, state, session);
  return writeSession(config, ops, state, session, request.text);
}

/** Lets closes that wait for room try again, and then the local program run for one round. */
export function serveRound(config: LogClientConfig, ops: ProxyOps, before: LogClientState): LogClientState {
  let state = before;
  for (const [session, { status }] of before.sessions.entries()) {
    if (status === 'closing') state = closeSession(config, ops, state, session);
  }
  for (let count = 0; count < config.burst; count++) {
    const request = localRequest(config.program, state.requestIndex);
    if (request === undefined) return state;
    state = { ...serveRequest(config, ops, state, request), requestIndex: state.requestIndex + 1 };
  }
  return state;
}
