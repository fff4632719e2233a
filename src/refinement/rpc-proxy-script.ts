import type { GenodeOps } from '../impl/genode/core/genode-ops.ts';
import { type ClientStep, initialClient, type LocalEvent } from '../impl/genode/proxy/client-state.ts';
import type { ProxyMessage } from '../impl/genode/proxy/message.ts';
import { MAX_SESSIONS } from '../impl/genode/proxy/opening.ts';
import {
  callService,
  closeLocalSession,
  followPeer,
  openSession,
  receiveFromServer,
} from '../impl/genode/proxy/proxy-client.ts';
import {
  followSynchronously,
  initialSynchronous,
  receiveSynchronously,
  type SynchronousStep,
} from '../impl/genode/proxy/synchronous-service.ts';
import type { ScriptStep } from '../trace/trace.ts';
import { attackClient, attackServer, forged, nearCall, nearReply, openMessage } from './rpc-proxy-attack.ts';
import { type Asked, countingService, ELAPSED_US, FACE, PEER, ProxyWorld, SESSIONS } from './rpc-proxy-world.ts';
import { AskingStep, operand, ScriptLog, type ScriptRunner } from './script.ts';

export const PROXY_WITNESSES = [
  'replied',
  'opened',
  'closed',
  'failed-call',
  'refused',
  'discarded',
  'denied',
] as const;

function applyClient(world: ProxyWorld, step: ClientStep, log: ScriptLog, index: number): void {
  if (step.state !== world.client || step.sends.length > 0) log.effective();
  world.client = step.state;
  world.toServer.push(...step.sends);
  for (const event of step.events) log.fail(index, checkEvent(world, event, log));
}

function applyServer(world: ProxyWorld, step: SynchronousStep<Asked>): void {
  world.server = step.state;
  world.toClient.push(...step.sends);
}

/** Compares what a local component learns with what the local service would have told it. */
function checkEvent(world: ProxyWorld, event: LocalEvent, log: ScriptLog): string {
  log.see('opened', event.kind === 'opened');
  log.see('closed', event.kind === 'closed');
  if (event.kind !== 'reply') return '';
  const { session, request } = event;
  const waiting = world.waiting.get(session);
  if (waiting === undefined || waiting.request !== request)
    return `session ${session} gets a reply to call ${request}, which it does not wait for`;
  world.waiting.delete(session);
  log.see('failed-call', event.values === undefined);
  log.see('replied', event.values !== undefined);
  if (event.values === undefined || world.isClientAttacked || world.isServerAttacked) return '';
  const expected = BigInt(world.calls.get(session) ?? 0);
  const isCounted = waiting.opcode < ELAPSED_US - 1 || event.values[0] === expected;
  return isCounted
    ? ''
    : `call ${request} of session ${session} is answered ${event.values[0]}, a local service says ${expected}`;
}

/** A session that is open, if there is one; now and then any number. */
function chosenSession({ client }: ProxyWorld, step: ScriptStep): number {
  const open = client.sessions.flatMap((session, id) => (session?.status === 'open' ? [id] : []));
  const isAny = open.length === 0 || operand(step, 2, 4) === 0;
  return isAny ? operand(step, 0, SESSIONS * 2) : open[operand(step, 0, open.length)]!;
}

function performCall(ops: GenodeOps, world: ProxyWorld, step: ScriptStep, log: ScriptLog, index: number): void {
  const session = chosenSession(world, step);
  const opcode = operand(step, 1, FACE.functions.length);
  const values = FACE.functions[opcode]!.arguments.map(({ type }) => (type.kind === 'u64' ? 5n : 1));
  const before = world.client.sessions[session]?.request ?? 0;
  const called = callService(ops.proxyClient, FACE, world.client, session, opcode, values);
  log.see('refused', called.refused !== undefined);
  if (called.refused === undefined) {
    const request = called.state.sessions[session]!.request;
    log.fail(index, request === before + 1 ? '' : `call ${before + 1} of session ${session} has the number ${request}`);
    world.waiting.set(session, { request, opcode });
    world.calls.set(session, (world.calls.get(session) ?? 0) + 1);
  }
  applyClient(world, called, log, index);
}

/** The server's instance restarts: its state and its channel are new; what the client wrote is still in the other channel. */
function restartServer(ops: GenodeOps, world: ProxyWorld, log: ScriptLog, index: number): void {
  world.epochs += 1;
  world.toClient = [];
  world.server = { ...initialSynchronous(countingService, world.epochs), peerEpoch: world.clientEpoch };
  applyClient(world, followPeer(ops.proxyClient, world.client, world.epochs), log, index);
}

/** The client's instance restarts: its sessions and its channel are new; what the server wrote is still in the other channel. */
function restartClient(ops: GenodeOps, world: ProxyWorld): void {
  world.epochs += 1;
  world.clientEpoch = world.epochs;
  world.toServer = [];
  world.calls.clear();
  world.waiting.clear();
  world.client = { ...initialClient(world.clientEpoch), peerEpoch: world.server.epoch };
  applyServer(world, followSynchronously(ops.proxyServer, countingService, world.server, world.clientEpoch));
}

function perform(ops: GenodeOps, world: ProxyWorld, step: ScriptStep, log: ScriptLog, index: number): void {
  const toClient = (received: ProxyMessage): void =>
    applyClient(world, receiveFromServer(ops.proxyClient, FACE, world.client, received), log, index);
  const toServer = (received: ProxyMessage): void =>
    applyServer(world, receiveSynchronously(ops.proxyServer, countingService, world.server, PEER, received));
  switch (step.operation) {
    case 'open':
      performOpen(world, step, log, index);
      break;
    case 'call':
      performCall(ops, world, step, log, index);
      break;
    case 'close':
      applyClient(world, closeLocalSession(world.client, operand(step, 0, SESSIONS * 2)), log, index);
      break;
    case 'toServer':
      for (const received of world.toServer.splice(0, 1)) toServer(received);
      break;
    case 'toClient':
      for (const received of world.toClient.splice(0, 1)) toClient(received);
      break;
    case 'forgeToServer':
      world.isServerAttacked = true;
      log.fail(index, attackServer(world, forged(step, world.server.epoch, nearCall(world)), toServer));
      break;
    case 'flood':
      world.isServerAttacked = true;
      for (let session = 100; session < 100 + FLOOD; session++) toServer(openMessage(world.server.epoch, session));
      break;
    case 'forgeToClient':
      world.isClientAttacked = true;
      log.fail(index, attackClient(world, forged(step, world.client.epoch, nearReply(world)), toClient));
      break;
    case 'restartServer':
      restartServer(ops, world, log, index);
      break;
    default:
      restartClient(ops, world);
  }
}

/** Sessions that a flooding client asks for. */
const FLOOD = MAX_SESSIONS + 4;

function performOpen(world: ProxyWorld, step: ScriptStep, log: ScriptLog, index: number): void {
  const label = ['', 'app', 'app -> child', 'deny', 'x'.repeat(200)][operand(step, 0, 5)]!;
  const opened = openSession(world.client, label);
  log.see('refused', opened.session < 0);
  log.see('denied', label === 'deny' && opened.session >= 0);
  applyClient(world, opened, log, index);
}

/** What must hold between any two steps. */
function broken({ server, client, waiting }: ProxyWorld): string {
  if (server.service.wrong !== '') return server.service.wrong;
  if (server.sessions.length > MAX_SESSIONS) return `the server keeps ${server.sessions.length} sessions of one peer`;
  if (server.service.sessions.size !== server.sessions.length)
    return 'the service has other sessions than the server proxy';
  for (const [session, { request }] of waiting) {
    if (client.sessions[session]?.outstanding?.request !== request)
      return `call ${request} of session ${session} got neither a reply nor a failure`;
  }
  return '';
}

/** Delivers what is under way, at most so much. */
const DRAIN = 400;

/** When everything is delivered no honest call may still wait, and no session may be open on one side only. */
function atEnd(ops: GenodeOps, world: ProxyWorld, log: ScriptLog, index: number): void {
  for (let count = 0; count < DRAIN && world.toServer.length + world.toClient.length > 0; count++) {
    const operation = world.toServer.length > 0 ? 'toServer' : 'toClient';
    perform(ops, world, { operation, operands: [] }, log, index);
  }
  log.fail(index, broken(world));
  if (world.isClientAttacked || world.isServerAttacked) return;
  const [first] = world.waiting;
  if (first !== undefined) log.fail(index, `call ${first[1].request} of session ${first[0]} never gets its reply`);
  const open = world.client.sessions.flatMap((session, id) => (session?.status === 'open' ? [id] : []));
  const served = world.server.sessions.map(({ id }) => id);
  if (open.join() !== [...served].sort((a, b) => a - b).join())
    log.fail(index, `sessions open at the client [${open.join()}], at the server [${served.join()}]`);
}

/**
 * Runs both sides of a generic RPC proxy with local calls, restarts and hostile messages, beside what a local service
 * would answer: per session first in, first out, nothing lost, doubled or invented, and a failure for what died.
 */
export const runRpcProxyScript: ScriptRunner<GenodeOps> = (ops, steps) => {
  const log = new ScriptLog(PROXY_WITNESSES);
  const world = new ProxyWorld();
  for (const [index, step] of steps.entries()) {
    perform(ops, world, step, log, index);
    log.fail(index, broken(world));
    if (log.hasFailed) return log.judgement();
  }
  log.see('discarded', world.client.discarded > 0);
  // What is delivered at the end is not part of the state that further steps start from.
  const state = steps.at(-1) instanceof AskingStep ? log.judgement(world).state?.() : undefined;
  atEnd(ops, world, log, steps.length);
  return state === undefined ? log.judgement() : { ...log.judgement(), state: () => state };
};
