import type { GenodeOps } from '../impl/genode/core/genode-ops.ts';
import {
  type ClientState,
  type ClientStep,
  initialClient,
  type LocalEvent,
} from '../impl/genode/proxy/client-state.ts';
import { kindOf, MESSAGE_KINDS, type MessageKind, message, type ProxyMessage } from '../impl/genode/proxy/message.ts';
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
  type ProxiedService,
  receiveSynchronously,
  type SynchronousState,
  type SynchronousStep,
} from '../impl/genode/proxy/synchronous-service.ts';
import type { RpcValue } from '../impl/genode/proxy/values.ts';
import type { SessionInterface } from '../impl/genode/services/interface.ts';
import { interfaceOf } from '../impl/genode/services/interfaces.ts';
import type { ScriptStep } from '../trace/trace.ts';
import { AskingStep, operand, ScriptLog, type ScriptRunner } from './script.ts';

const FACE = interfaceOf('Timer') as SessionInterface;
const PEER = 'apps';
const SESSIONS = 4;
/** Function of the Timer interface whose result says how many calls its session has made. */
const ELAPSED_US = 4;

export const PROXY_WITNESSES = [
  'replied',
  'opened',
  'closed',
  'failed-call',
  'refused',
  'discarded',
  'denied',
] as const;

/** What the service was asked, per session of one life of the server. */
interface Asked {
  readonly sessions: ReadonlyMap<number, { readonly label: string; readonly calls: number }>;
  readonly wrong: string;
}

/** A service that answers with the number of calls that a session has made, and notes what no server may pass on. */
const countingService: ProxiedService<Asked> = {
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
function badCall(opcode: number, values: readonly RpcValue[]): string {
  const called = FACE.functions[opcode];
  if (called === undefined) return `function ${opcode} is called, which the service does not have`;
  return values.length === called.arguments.length ? '' : `${called.name} is called with ${values.length} arguments`;
}

/** Both sides with what is under way between them, and what a local service would have done. */
class ProxyWorld {
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

/** A message that would be right but for its number, or for its generation: what a hostile peer tries most. */
interface NearlyRight {
  readonly kind: MessageKind;
  /** Sessions, and the number that is right for each. */
  readonly waiting: readonly { readonly session: number; readonly next: number }[];
  readonly payload: readonly number[];
}

/** Message that a hostile peer writes: nearly right, or of any kind, session, number, function and payload. */
function forged(step: ScriptStep, generation: number, near: NearlyRight): ProxyMessage {
  const request = operand(step, 2, 4);
  const isStale = operand(step, 3, 4) === 0;
  if (near.waiting.length > 0 && operand(step, 3, 3) > 0) {
    const { session, next } = near.waiting[operand(step, 1, near.waiting.length)]!;
    return message(near.kind, {
      generation: isStale ? generation - 1 : generation,
      session,
      request: isStale ? next : request,
      opcode: ELAPSED_US,
      payload: near.payload,
    });
  }
  return {
    kind: operand(step, 0, MESSAGE_KINDS.length + 2),
    generation: isStale ? generation - 1 : generation,
    session: operand(step, 1, SESSIONS * 2),
    request,
    opcode: operand(step, 4, FACE.functions.length + 2),
    status: operand(step, 3, 3),
    payload: Array.from({ length: operand(step, 2, 12) }, (_, index) => (index * 37 + operand(step, 4, 256)) & 0xff),
  };
}

/** A call of a session that the server has, and a reply to a call that the client waits for. */
const nearCall = ({ server }: ProxyWorld): NearlyRight => ({
  kind: 'call',
  waiting: server.sessions.map(({ id, request }) => ({ session: id, next: request + 1 })),
  payload: [],
});
const nearReply = ({ waiting }: ProxyWorld): NearlyRight => ({
  kind: 'reply',
  waiting: [...waiting].map(([session, { request }]) => ({ session, next: request })),
  payload: [9, 0, 0, 0, 0, 0, 0, 0],
});

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

/** A call whose number was served already, or is not the next one, must not reach the service, nor must anything of another life. */
function attackServer(world: ProxyWorld, attack: ProxyMessage, send: (attack: ProxyMessage) => void): string {
  const { service, sessions, epoch } = world.server;
  const latest = sessions.find(({ id }) => id === attack.session)?.request;
  send(attack);
  if (attack.generation !== epoch && world.server.service !== service)
    return `a message of generation ${attack.generation} reaches the service in generation ${epoch}`;
  const isOutOfTurn = kindOf(attack) === 'call' && latest !== undefined && attack.request !== latest + 1;
  return isOutOfTurn && world.server.service !== service
    ? `call ${attack.request} of session ${attack.session} is performed after call ${latest}`
    : '';
}

/** A reply that does not name the waiting call must not answer it. */
function attackClient(world: ProxyWorld, attack: ProxyMessage, send: (attack: ProxyMessage) => void): string {
  const waiting = world.waiting.get(attack.session);
  send(attack);
  const isAnswered = waiting !== undefined && !world.waiting.has(attack.session) && kindOf(attack) === 'reply';
  if (!isAnswered || (attack.request === waiting.request && attack.opcode === waiting.opcode)) return '';
  return `a reply to call ${attack.request} answers call ${waiting.request} of session ${attack.session}`;
}

/** Sessions that a flooding client asks for. */
const FLOOD = MAX_SESSIONS + 4;

function openMessage(generation: number, session: number): ProxyMessage {
  return message('open', { generation, session, payload: [1, 0, 0, 1, 0, 0, 1, 0, 0] });
}

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
