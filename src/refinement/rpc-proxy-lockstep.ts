import type { GenodeOps } from '../impl/genode/core/genode-ops.ts';
import { type ClientState, type ClientStep, initialClient } from '../impl/genode/proxy/client-state.ts';
import { kindOf, type ProxyMessage } from '../impl/genode/proxy/message.ts';
import { callService, followPeer, openSession, receiveFromServer } from '../impl/genode/proxy/proxy-client.ts';
import { answerCall, answerOpen, followClient, receiveFromClient } from '../impl/genode/proxy/proxy-server.ts';
import { initialServer, type ServerState, type ServerStep } from '../impl/genode/proxy/server-state.ts';
import { interfaceNamed } from '../impl/genode/services/interfaces.ts';
import { type CompiledMachine, compileMachine } from '../model/compile.ts';
import { createRpcClient, createRpcServer } from '../model/rpc-proxy.machine.ts';
import {
  type RpcProxyConfig,
  type RpcProxyEvent,
  type RpcProxyState,
  rpcProxySchema,
} from '../model/rpc-proxy-state.ts';
import { ScriptLog, type ScriptRunner } from './script.ts';

const CONFIG: RpcProxyConfig = { epochs: 6, calls: 24, room: 4, checksGeneration: true, checksRequest: true };
const SCHEMA = rpcProxySchema(CONFIG);
const LOG = interfaceNamed('LOG');

type Machine = CompiledMachine<RpcProxyState, RpcProxyEvent>;
const [clientChart, serverChart] = [createRpcClient(CONFIG, SCHEMA), createRpcServer(CONFIG, SCHEMA)];
const CLIENT = compileMachine(clientChart.machine, clientChart.definition) as unknown as Machine;
const SERVER = compileMachine(serverChart.machine, serverChart.definition) as unknown as Machine;

export const LOCKSTEP_WITNESSES = ['opened', 'answered', 'failed', 'discarded', 'restarted'] as const;

/** Both sides of the implementation with the messages between them, and the model beside it. */
class Lockstep {
  readonly #ops: GenodeOps;
  readonly model: RpcProxyState = SCHEMA.initial();
  clientMode = CLIENT.initialMode;
  serverMode = SERVER.initialMode;
  client: ClientState = initialClient(1);
  server: ServerState = initialServer(1);
  toServer: ProxyMessage[] = [];
  toClient: ProxyMessage[] = [];
  /** Session of the client's present attempt, -1 before it asked. */
  session = -1;
  epochs = { client: 1, server: 1 };
  /** Number of the latest call in this life of the session, and of all. */
  calls = 0;
  hasFailed = false;
  hasReply = false;

  constructor(ops: GenodeOps) {
    this.#ops = ops;
  }

  #takeClient(step: ClientStep): void {
    this.client = step.state;
    this.toServer.push(...step.sends);
    for (const event of step.events) {
      if (event.kind === 'reply') {
        this.hasFailed ||= event.values === undefined;
        this.hasReply ||= event.values !== undefined;
      }
    }
  }

  #takeServer(step: ServerStep): void {
    this.server = step.state;
    this.toClient.push(...step.sends);
    for (const request of step.requests)
      if (request.kind === 'open') this.#takeServer(answerOpen(this.server, request.key, true));
  }

  /** Performs what the model allows on both; false if the model does not allow it. */
  perform(side: 'client' | 'server', type: RpcProxyEvent['type']): boolean {
    const machine = side === 'client' ? CLIENT : SERVER;
    const mode = side === 'client' ? this.clientMode : this.serverMode;
    const next = machine.step(mode, this.model, { type });
    if (next < 0) return false;
    if (side === 'client') this.clientMode = next;
    else this.serverMode = next;
    if (side === 'client') this.#client(type);
    else this.#server(type);
    return true;
  }

  #client(type: RpcProxyEvent['type']): void {
    const { proxyClient } = this.#ops;
    switch (type) {
      case 'open': {
        const opened = openSession(this.client, 'a', 'LOG');
        this.session = opened.session;
        this.#takeClient(opened);
        return;
      }
      case 'call':
        this.calls += 1;
        this.#takeClient(callService(proxyClient, LOG, this.client, this.session, 0, ['x']));
        return;
      case 'take':
        for (const message of this.toClient.splice(0, 1))
          this.#takeClient(receiveFromServer(proxyClient, LOG, this.client, message));
        return;
      case 'follow':
        this.#takeClient(followPeer(proxyClient, this.client, this.epochs.server));
        return;
      default:
        this.epochs.client += 1;
        this.client = initialClient(this.epochs.client);
        this.toServer = [];
        this.session = -1;
    }
  }

  #server(type: RpcProxyEvent['type']): void {
    const { proxyServer } = this.#ops;
    switch (type) {
      case 'take':
        for (const message of this.toServer.splice(0, 1))
          this.#takeServer(receiveFromClient(proxyServer, LOG, this.server, 'peer', message));
        return;
      case 'answer': {
        const key = this.server.sessions.find(({ isServing }) => isServing)?.key ?? -1;
        this.#takeServer(answerCall(LOG, this.server, key, [], ''));
        return;
      }
      case 'follow':
        this.#takeServer(followClient(proxyServer, this.server, this.epochs.client));
        return;
      default:
        this.epochs.server += 1;
        this.server = initialServer(this.epochs.server);
        this.toClient = [];
    }
  }

  /** Mode of the client as the model names it. */
  #clientModeOf(): string {
    if (this.client.peerEpoch === 0) return 'alone';
    const session = this.client.sessions[this.session];
    if (session === undefined || session.status === 'dead') return 'closed';
    if (session.status === 'open') return session.outstanding === undefined ? 'open' : 'calling';
    return session.status;
  }

  #serverModeOf(): string {
    const session = this.server.sessions.at(-1);
    if (session === undefined) return 'none';
    return session.isServing ? 'serving' : session.status;
  }

  /** What differs between both, empty if nothing does. */
  difference(): string {
    const [client, server] = [CLIENT.modes[this.clientMode]!, SERVER.modes[this.serverMode]!];
    if (this.#clientModeOf() !== client) return `the client is ${this.#clientModeOf()}, in the model ${client}`;
    if (this.#serverModeOf() !== server) return `the server is ${this.#serverModeOf()}, in the model ${server}`;
    const links = [
      ['to the server', this.toServer, this.model.toServer],
      ['to the client', this.toClient, this.model.toClient],
    ] as const;
    for (const [name, found, wanted] of links) {
      if (found.length !== wanted.count)
        return `${found.length} messages are under way ${name}, in the model ${wanted.count}`;
      for (const [index, message] of found.entries()) {
        if (message.generation !== wanted.generation[index])
          return `message ${index} ${name} has generation ${message.generation}, in the model ${wanted.generation[index]}`;
        const kind = kindOf(message);
        const expected = wanted.kind[index] === 1 ? ['open', 'opened'] : ['call', 'reply'];
        if (kind === undefined || !expected.includes(kind)) return `message ${index} ${name} is ${kind}`;
      }
    }
    return '';
  }
}

/** Operations of scripts with the party and the event that they mean. */
const STEPS: Readonly<Record<string, readonly ['client' | 'server', RpcProxyEvent['type']]>> = {
  open: ['client', 'open'],
  call: ['client', 'call'],
  takeReply: ['client', 'take'],
  followServer: ['client', 'follow'],
  restartClient: ['client', 'restart'],
  takeRequest: ['server', 'take'],
  answer: ['server', 'answer'],
  followClient: ['server', 'follow'],
  restartServer: ['server', 'restart'],
};

/** Runs both proxies in lockstep with the model: the same modes and the same messages under way after every step. */
export const runRpcProxyLockstep: ScriptRunner<GenodeOps> = (ops, steps) => {
  const log = new ScriptLog(LOCKSTEP_WITNESSES);
  const both = new Lockstep(ops);
  for (const [index, { operation }] of steps.entries()) {
    const step = STEPS[operation];
    if (step === undefined || !both.perform(...step)) continue;
    log.effective();
    log.fail(index, both.difference());
    if (log.hasFailed) break;
    log.see('restarted', operation.startsWith('restart'));
    log.see('opened', CLIENT.modes[both.clientMode] === 'open');
  }
  log.see('answered', both.hasReply);
  log.see('failed', both.hasFailed);
  log.see('discarded', both.model.hasDiscarded);
  return log.judgement(both);
};
