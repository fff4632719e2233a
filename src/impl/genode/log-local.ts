import type { AcceptedMessage, LogClientConfig, LogClientState } from './log-client-state.ts';
import { type LogMessage, lengthOfMessage } from './log-message.ts';
import type { ProxyOps } from './log-ops.ts';
import { type LocalRequest, localRequest } from './log-program.ts';

/** Accepted messages that the state remembers for comparison with a model. */
const REMEMBERED = 64;

function accept(ops: ProxyOps, state: LogClientState, message: LogMessage): LogClientState {
  const { kind, session, sequence } = message;
  const entry: AcceptedMessage = { kind, session, sequence, lengthBytes: lengthOfMessage(message) };
  const sequences = [...state.sequences];
  sequences[session] = kind === 'close' ? undefined : ops.nextSequence(sequence);
  return {
    ...state,
    sequences,
    buffer: [...state.buffer, message],
    acceptedCount: state.acceptedCount + 1,
    accepted: [...state.accepted, entry].slice(-REMEMBERED),
  };
}

/**
 * Answers one request of the local program. A write never blocks: it is dropped and counted when the buffer is full. An
 * open or close without room stays unanswered (undefined) and is made again in the next round.
 */
function serveRequest(
  config: LogClientConfig,
  ops: ProxyOps,
  state: LogClientState,
  request: LocalRequest,
): LogClientState | undefined {
  const { generation } = state;
  const { session } = request;
  const hasRoom = ops.admits(state.buffer.length, config.capacity);
  if (request.kind === 'open') {
    return hasRoom
      ? accept(ops, state, { kind: 'open', generation, session, sequence: 0, text: request.label })
      : undefined;
  }
  const sequence = state.sequences[session];
  if (sequence === undefined) return { ...state, refused: state.refused + 1 };
  if (request.kind === 'close')
    return hasRoom ? accept(ops, state, { kind: 'close', generation, session, sequence, text: '' }) : undefined;
  if (!ops.validateLength(request.text.length + 1)) return { ...state, refused: state.refused + 1 };
  if (!hasRoom) return { ...state, dropped: state.dropped + 1 };
  return accept(ops, state, { kind: 'write', generation, session, sequence, text: request.text });
}

/** Lets the local program run for one round. */
export function serveRound(config: LogClientConfig, ops: ProxyOps, before: LogClientState): LogClientState {
  let state = before;
  for (let count = 0; count < config.burst; count++) {
    const request = localRequest(config.program, state.requestIndex);
    if (request === undefined) return state;
    const served = serveRequest(config, ops, state, request);
    if (served === undefined) return state;
    state = { ...served, requestIndex: state.requestIndex + 1 };
  }
  return state;
}
