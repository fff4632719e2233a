import type {
  InjectEvent,
  LogMessage,
  LogProxyConfig,
  LogProxyEvent,
  LogProxyState,
  SessionEvent,
  WriteEvent,
} from './log-proxy-state.ts';

/** Longest string of a LOG write in bytes, including the NUL (Genode `Log_session::MAX_STRING_LEN`). */
const MAX_STRING_BYTES = 232;

// Client: guards

/** The session has not been opened in this epoch. */
export function isUnused(state: Readonly<LogProxyState>, event: SessionEvent): boolean {
  return state.client.sessions[event.session]!.status === 'unused';
}

/** The session is open. */
export function isOpen(state: Readonly<LogProxyState>, event: SessionEvent): boolean {
  return state.client.sessions[event.session]!.status === 'open';
}

/** The close of the session is not announced yet. */
export function isClosing(state: Readonly<LogProxyState>, event: SessionEvent): boolean {
  return state.client.sessions[event.session]!.status === 'closing';
}

/** The session is open, the string fits a LOG write, and a sequence number is left besides the one for the close. */
export function canWrite(state: Readonly<LogProxyState>, event: WriteEvent, config: LogProxyConfig): boolean {
  const session = state.client.sessions[event.session]!;
  const fits = config.lengthsBytes[event.length]! <= MAX_STRING_BYTES;
  return session.status === 'open' && session.issued < config.maxWrites && fits;
}

/** The buffer has room for a message. */
export function hasRoom(state: Readonly<LogProxyState>, _event: LogProxyEvent, config: LogProxyConfig): boolean {
  return state.client.buffered < config.bufferMessages;
}

/** The buffer holds a message. */
export function hasBuffered(state: Readonly<LogProxyState>): boolean {
  return state.client.buffered > 0;
}

/** The client may start once more. */
export function restartLeft(state: Readonly<LogProxyState>, _event: LogProxyEvent, config: LogProxyConfig): boolean {
  return state.channel.epoch < config.epochs;
}

// Client: actions

/** Opens a local session. */
export function openSession(state: LogProxyState, event: SessionEvent): void {
  state.client.sessions[event.session]!.status = 'open';
}

/** Closes a local session; the message that says so waits for room. */
export function beginClose(state: LogProxyState, event: SessionEvent): void {
  state.client.sessions[event.session]!.status = 'closing';
}

/** Appends a write to the buffer. */
export function bufferWrite(state: LogProxyState, event: WriteEvent): void {
  const session = state.client.sessions[event.session]!;
  session.issued += 1;
  const slot = state.client.buffer[state.client.buffered]!;
  slot.session = event.session;
  slot.sequence = session.issued;
  slot.length = event.length;
  slot.kind = 'write';
  state.client.buffered += 1;
}

/** Drops a write; its sequence number is used up, so that the server sees the gap. */
export function dropWrite(state: LogProxyState, event: WriteEvent): void {
  const session = state.client.sessions[event.session]!;
  session.issued += 1;
  session.dropped += 1;
}

/** Appends the close of a session to the buffer. */
export function bufferClose(state: LogProxyState, event: SessionEvent): void {
  const session = state.client.sessions[event.session]!;
  session.status = 'closed';
  session.issued += 1;
  const slot = state.client.buffer[state.client.buffered]!;
  slot.session = event.session;
  slot.sequence = session.issued;
  slot.length = 0;
  slot.kind = 'close';
  state.client.buffered += 1;
}

/** Copies message `from` to `to`. */
export function copyMessage(from: Readonly<LogMessage>, to: LogMessage): void {
  to.session = from.session;
  to.sequence = from.sequence;
  to.length = from.length;
  to.kind = from.kind;
}

/** Empties a message slot. */
export function clearMessage(message: LogMessage): void {
  message.session = 0;
  message.sequence = 0;
  message.length = 0;
  message.kind = 'write';
}

/** Moves the oldest message of the buffer into the channel; the channel does not tell whether its element was read. */
export function publish(state: LogProxyState, _event: LogProxyEvent, config: LogProxyConfig): void {
  copyMessage(state.client.buffer[0]!, state.channel.elements[state.channel.wc % config.channelElements]!);
  state.channel.wc += 1;
  for (let i = 0; i < config.bufferMessages - 1; i++) copyMessage(state.client.buffer[i + 1]!, state.client.buffer[i]!);
  clearMessage(state.client.buffer[config.bufferMessages - 1]!);
  state.client.buffered -= 1;
}

/** Raises the source event, after what it announces is published. */
export function raiseEvent(state: LogProxyState): void {
  state.doorbell = true;
}

/** Starts the client anew: all local sessions and messages are gone, the channel is initialised with a new epoch. */
export function restartClient(state: LogProxyState, _event: LogProxyEvent, config: LogProxyConfig): void {
  for (let i = 0; i < config.labels.length; i++) {
    const session = state.client.sessions[i]!;
    session.status = 'unused';
    session.issued = 0;
    session.dropped = 0;
  }
  for (let i = 0; i < config.bufferMessages; i++) clearMessage(state.client.buffer[i]!);
  state.client.buffered = 0;
  for (let i = 0; i < config.channelElements; i++) clearMessage(state.channel.elements[i]!);
  state.channel.wc = 0;
  state.channel.epoch += 1;
}

/** A hostile client puts a message of its choice into the channel. */
export function injectMessage(state: LogProxyState, event: InjectEvent, config: LogProxyConfig): void {
  const element = state.channel.elements[state.channel.wc % config.channelElements]!;
  element.session = event.session;
  element.sequence = event.sequence;
  element.length = event.length;
  element.kind = event.kind;
  state.channel.wc += 1;
}

/** The channel's counter can be incremented. */
export function channelCounterLeft(
  state: Readonly<LogProxyState>,
  _event: LogProxyEvent,
  config: LogProxyConfig,
): boolean {
  return state.channel.wc < config.labels.length * (config.maxWrites + 1);
}

// Virtual hardware

/** The source event was raised. */
export function isRaised(state: Readonly<LogProxyState>): boolean {
  return state.doorbell;
}

/** The kernel handles the source event; several of them become one pending target event. */
export function takeDoorbell(state: LogProxyState): void {
  state.doorbell = false;
}

/** The vector is injected: the server's interrupt signal is set, once however often it was set before. */
export function setSignal(state: LogProxyState): void {
  state.signal = true;
}

// Server: guards

/** The interrupt signal is set. */
export function isSignalled(state: Readonly<LogProxyState>): boolean {
  return state.signal;
}

/** The channel has another epoch than the server knows. */
export function epochChanged(state: Readonly<LogProxyState>): boolean {
  return state.server.epoch !== state.channel.epoch;
}

/** Elements were overwritten before they were read. */
export function isLapped(state: Readonly<LogProxyState>, _event: LogProxyEvent, config: LogProxyConfig): boolean {
  return state.channel.wc - state.server.rc > config.channelElements;
}

/** The channel holds an unread message. */
export function hasMessage(state: Readonly<LogProxyState>): boolean {
  return state.server.rc < state.channel.wc;
}

/** The string of the current message is longer than a LOG write can be. */
export function isOversized(state: Readonly<LogProxyState>, _event: LogProxyEvent, config: LogProxyConfig): boolean {
  return config.lengthsBytes[state.server.current.length]! > MAX_STRING_BYTES;
}

/** The session id of the current message does not exist. */
export function isUnknownSession(
  state: Readonly<LogProxyState>,
  _event: LogProxyEvent,
  config: LogProxyConfig,
): boolean {
  return state.server.current.session >= config.labels.length;
}

/** The sequence number of the current message was used before in its session. */
export function isStale(state: Readonly<LogProxyState>): boolean {
  return state.server.current.sequence <= state.server.sessions[state.server.current.session]!.last;
}

/** The current message closes its session. */
export function isClose(state: Readonly<LogProxyState>): boolean {
  return state.server.current.kind === 'close';
}

/** There is no real LOG session for the current message yet. */
export function needsSession(state: Readonly<LogProxyState>): boolean {
  return !state.server.sessions[state.server.current.session]!.open;
}

// Server: actions

/** All sessions of the epoch before are dead: their real sessions are closed, and reading starts at element 0. */
export function adoptEpoch(state: LogProxyState, _event: LogProxyEvent, config: LogProxyConfig): void {
  for (let i = 0; i < config.labels.length; i++) {
    const session = state.server.sessions[i]!;
    session.open = false;
    session.last = 0;
    session.missed = 0;
  }
  state.server.epoch = state.channel.epoch;
  state.server.rc = 0;
  state.server.skipped = 0;
  state.server.rejected = 0;
}

/** Skips all unread messages after an overrun, as a channel reader does, and counts them. */
export function skipMessages(state: LogProxyState): void {
  state.server.skipped += state.channel.wc - state.server.rc;
  state.server.rc = state.channel.wc;
}

/** Copies the next message out of the shared memory. */
export function takeMessage(state: LogProxyState, _event: LogProxyEvent, config: LogProxyConfig): void {
  copyMessage(state.channel.elements[state.server.rc % config.channelElements]!, state.server.current);
  state.server.rc += 1;
}

/** Rejects the current message. */
export function rejectMessage(state: LogProxyState): void {
  state.server.rejected += 1;
  clearMessage(state.server.current);
}

/** Opens the real LOG session with the label of the current message's session. */
export function openRealSession(state: LogProxyState): void {
  state.server.sessions[state.server.current.session]!.open = true;
}

/** Notes the sequence number of the current message and the gap before it. */
export function noteSequence(state: LogProxyState): void {
  const session = state.server.sessions[state.server.current.session]!;
  session.missed += state.server.current.sequence - session.last - 1;
  session.last = state.server.current.sequence;
}

/** Writes the current message to the real LOG session. */
export function forwardMessage(state: LogProxyState): void {
  noteSequence(state);
  clearMessage(state.server.current);
}

/** Closes the real LOG session of the current message. */
export function closeRealSession(state: LogProxyState): void {
  noteSequence(state);
  state.server.sessions[state.server.current.session]!.open = false;
  clearMessage(state.server.current);
}

/** Acknowledges the interrupt signal. */
export function acknowledge(state: LogProxyState): void {
  state.signal = false;
}
