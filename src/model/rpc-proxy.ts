import type { RpcProxyConfig, RpcProxyEvent, RpcProxyState } from './rpc-proxy-state.ts';

// Client

/** The server's channel has another epoch than the client knows. */
export function serverChanged(state: Readonly<RpcProxyState>): boolean {
  return state.client.known !== state.serverEpoch;
}

/** The link takes one more message of the client. */
export function canSend(state: Readonly<RpcProxyState>, _event: RpcProxyEvent, config: RpcProxyConfig): boolean {
  return state.toServer.count < config.room && state.client.known !== 0;
}

/** The client makes one more call. */
export function canCall(state: Readonly<RpcProxyState>, _event: RpcProxyEvent, config: RpcProxyConfig): boolean {
  return state.toServer.count < config.room && state.client.request < config.calls;
}

/** A message of the server whom the client knows is there. */
export function hasReply(state: Readonly<RpcProxyState>): boolean {
  return state.toClient.count > 0 && state.client.known === state.serverEpoch;
}

/** The next message of the server says that the session is open. */
export function isOpened(state: Readonly<RpcProxyState>, _event: RpcProxyEvent, config: RpcProxyConfig): boolean {
  return (
    state.toClient.count > 0 &&
    state.client.known === state.serverEpoch &&
    state.toClient.kind[0]! === 1 &&
    (!config.checksGeneration || state.toClient.generation[0]! === state.clientEpoch)
  );
}

/** The next message of the server answers the call that waits. */
export function isReply(state: Readonly<RpcProxyState>, _event: RpcProxyEvent, config: RpcProxyConfig): boolean {
  return (
    state.toClient.count > 0 &&
    state.client.known === state.serverEpoch &&
    state.toClient.kind[0]! === 2 &&
    state.toClient.request[0]! === state.client.request &&
    (!config.checksGeneration || state.toClient.generation[0]! === state.clientEpoch)
  );
}

/** The client may restart once more. */
export function clientMayRestart(
  state: Readonly<RpcProxyState>,
  _event: RpcProxyEvent,
  config: RpcProxyConfig,
): boolean {
  return state.clientEpoch < config.epochs;
}

/** Asks the server for the session. */
export function sendOpen(state: RpcProxyState): void {
  const at = state.toServer.count;
  state.toServer.kind[at] = 1;
  state.toServer.generation[at] = state.client.known;
  state.toServer.request[at] = 0;
  state.toServer.count = at + 1;
}

/** Makes the next call. */
export function sendCall(state: RpcProxyState): void {
  const at = state.toServer.count;
  state.client.request += 1;
  state.toServer.kind[at] = 2;
  state.toServer.generation[at] = state.client.known;
  state.toServer.request[at] = state.client.request;
  state.toServer.count = at + 1;
}

/** Removes the next message of the server. */
export function takeReply(state: RpcProxyState, _event: RpcProxyEvent, config: RpcProxyConfig): void {
  for (let index = 1; index < config.room; index++) {
    state.toClient.kind[index - 1] = state.toClient.kind[index]!;
    state.toClient.generation[index - 1] = state.toClient.generation[index]!;
    state.toClient.request[index - 1] = state.toClient.request[index]!;
  }
  state.toClient.kind[config.room - 1] = 0;
  state.toClient.generation[config.room - 1] = 0;
  state.toClient.request[config.room - 1] = 0;
  state.toClient.count -= 1;
}

/** The call that waits is answered. */
export function noteAnswer(state: RpcProxyState): void {
  state.client.answered = state.client.request;
}

/** A message fits nothing. */
export function noteDiscard(state: RpcProxyState): void {
  state.hasDiscarded = true;
}

/** Takes note of the server's new epoch: its sessions are dead. */
export function followServer(state: RpcProxyState): void {
  state.client.known = state.serverEpoch;
}

/** The call that waits fails. */
export function noteFailure(state: RpcProxyState): void {
  state.client.hasFailed = true;
}

/** The client starts anew with an empty channel. */
export function restartClient(state: RpcProxyState, _event: RpcProxyEvent, config: RpcProxyConfig): void {
  state.clientEpoch += 1;
  state.client.known = 0;
  state.toServer.count = 0;
  for (let index = 0; index < config.room; index++) {
    state.toServer.kind[index] = 0;
    state.toServer.generation[index] = 0;
    state.toServer.request[index] = 0;
  }
}

// Server

/** The client's channel has another epoch than the server knows. */
export function clientChanged(state: Readonly<RpcProxyState>): boolean {
  return state.server.known !== state.clientEpoch;
}

/** A message of the client whom the server knows is there; nothing is taken that could not be answered. */
export function hasRequest(state: Readonly<RpcProxyState>, _event: RpcProxyEvent, config: RpcProxyConfig): boolean {
  return state.toServer.count > 0 && state.server.known === state.clientEpoch && state.toClient.count < config.room;
}

/** The next message asks for the session, and can be answered. */
export function isOpen(state: Readonly<RpcProxyState>, _event: RpcProxyEvent, config: RpcProxyConfig): boolean {
  return (
    state.toServer.count > 0 &&
    state.server.known === state.clientEpoch &&
    state.toClient.count < config.room &&
    state.toServer.kind[0]! === 1 &&
    (!config.checksGeneration || state.toServer.generation[0]! === state.serverEpoch)
  );
}

/** The next message is a call that was not performed before. */
export function isCall(state: Readonly<RpcProxyState>, _event: RpcProxyEvent, config: RpcProxyConfig): boolean {
  return (
    state.toServer.count > 0 &&
    state.server.known === state.clientEpoch &&
    state.toServer.kind[0]! === 2 &&
    (!config.checksRequest || state.toServer.request[0]! !== state.server.request) &&
    (!config.checksGeneration || state.toServer.generation[0]! === state.serverEpoch)
  );
}

/** The link takes one more message of the server. */
export function canAnswer(state: Readonly<RpcProxyState>, _event: RpcProxyEvent, config: RpcProxyConfig): boolean {
  return state.toClient.count < config.room;
}

/** The server may restart once more. */
export function serverMayRestart(
  state: Readonly<RpcProxyState>,
  _event: RpcProxyEvent,
  config: RpcProxyConfig,
): boolean {
  return state.serverEpoch < config.epochs;
}

/** Removes the next message of the client. */
export function takeRequest(state: RpcProxyState, _event: RpcProxyEvent, config: RpcProxyConfig): void {
  for (let index = 1; index < config.room; index++) {
    state.toServer.kind[index - 1] = state.toServer.kind[index]!;
    state.toServer.generation[index - 1] = state.toServer.generation[index]!;
    state.toServer.request[index - 1] = state.toServer.request[index]!;
  }
  state.toServer.kind[config.room - 1] = 0;
  state.toServer.generation[config.room - 1] = 0;
  state.toServer.request[config.room - 1] = 0;
  state.toServer.count -= 1;
}

/** Performs the call of the next message. */
export function performCall(state: RpcProxyState): void {
  const request = state.toServer.request[0]!;
  state.server.request = request;
  if (request > 0 && state.performed[request - 1]! < 2) state.performed[request - 1]! += 1;
}

/** Says that the session is open. */
export function sendOpened(state: RpcProxyState): void {
  const at = state.toClient.count;
  state.toClient.kind[at] = 1;
  state.toClient.generation[at] = state.server.known;
  state.toClient.request[at] = 0;
  state.toClient.count = at + 1;
}

/** Answers the call that is served. */
export function sendReply(state: RpcProxyState): void {
  const at = state.toClient.count;
  state.toClient.kind[at] = 2;
  state.toClient.generation[at] = state.server.known;
  state.toClient.request[at] = state.server.request;
  state.toClient.count = at + 1;
}

/** Takes note of the client's new epoch. */
export function followClient(state: RpcProxyState): void {
  state.server.known = state.clientEpoch;
}

/** The server starts anew with an empty channel. */
export function restartServer(state: RpcProxyState, _event: RpcProxyEvent, config: RpcProxyConfig): void {
  state.serverEpoch += 1;
  state.server.known = 0;
  state.server.request = 0;
  state.toClient.count = 0;
  for (let index = 0; index < config.room; index++) {
    state.toClient.kind[index] = 0;
    state.toClient.generation[index] = 0;
    state.toClient.request[index] = 0;
  }
}
