import type { ComponentEvent, ProgramRow } from '../instance/component.ts';
import { type ClientState, type ClientStep, initialClient, type LocalEvent } from '../proxy/client-state.ts';
import { copiedBytes, noData, subSessionOf } from '../proxy/message.ts';
import {
  callService,
  closeLocalSession,
  followPeer,
  openSession,
  receiveFromServer,
  sendPacket,
} from '../proxy/proxy-client.ts';
import type { RpcValue } from '../proxy/values.ts';
import type { VhwEvent } from '../proxy/vhw.ts';
import { failedWords, type SessionInterface } from '../services/interface.ts';
import type { DataspaceId, SessionNumber, SessionRequest } from '../services/service.ts';
import { withEntry } from '../services/service.ts';
import { NO_LINK } from './proxy-link.ts';
import { type ProxyProgramState, ProxyTurn, proxyProgram } from './proxy-turn.ts';

/** A packet of a local client that the remote service has. */
interface LentPacket {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly more: readonly number[];
}

const NO_REMOTE = -1;
/** Parent of a session that is none's object. */
const NO_PARENT = -1;

/** A session of a local client. */
interface ProxiedSession {
  readonly face: SessionInterface;
  /** Its number at the proxy, NO_REMOTE when the peer's session is gone. */
  readonly remote: number;
  /** The local copy of its dataspace, 0 for none yet. */
  readonly dataspace: DataspaceId;
  /** The call that waits: its opcode and what it was given. */
  readonly opcode: number;
  readonly given: readonly RpcValue[];
  readonly packets: ReadonlyMap<number, LentPacket>;
  readonly isOpen: boolean;
  /** Session whose object this is, and which waits for it to open; NO_PARENT for a session. */
  readonly parent: SessionNumber;
}

const newSession = (face: SessionInterface, remote: number, parent: SessionNumber): ProxiedSession => ({
  face,
  remote,
  dataspace: 0,
  opcode: -1,
  given: [],
  packets: new Map(),
  isOpen: false,
  parent,
});

interface ProxyClientProgramState extends ProxyProgramState<ProxiedSession> {
  readonly client: ClientState;
  /** Sessions that were asked for before there was a peer. */
  readonly waiting: readonly { readonly session: SessionNumber; readonly request: SessionRequest }[];
}

/** One use of the program's state by a handler. */
class Turn extends ProxyTurn<ProxiedSession, ProxyClientProgramState> {
  /** Local session of a remote number, -1 for none. */
  #local(remote: number): SessionNumber {
    for (const [session, row] of this.state.sessions) if (row.remote === remote) return session;
    return -1;
  }

  #take(step: ClientStep): void {
    this.change({ client: step.state });
    this.send(step.sends);
    for (const event of step.events) this.#tell(event);
  }

  protected begin(epoch: number): void {
    this.change({ client: initialClient(epoch) });
    for (const face of this.config.faces) this.env.announce(face);
  }

  protected receive(event: VhwEvent): void {
    const { proxyClient } = this.ops.genode;
    if (event.kind === 'peer') {
      this.#take(followPeer(proxyClient, this.state.client, event.epoch));
      // What the peer knew of them is gone: local clients learn that their sessions are dead.
      for (const [session, row] of this.state.sessions) this.#die(session, row);
      this.change({ client: { ...this.state.client, sessions: this.state.client.sessions.map(() => undefined) } });
      if (event.epoch !== 0) this.#openWaiting();
    } else if (event.kind === 'message') {
      const session = this.#local(event.message.session);
      const face = this.state.sessions.get(session)?.face ?? this.config.faces[0]!;
      this.#take(receiveFromServer(proxyClient, face, this.state.client, event.message));
    }
  }

  #openWaiting(): void {
    const { waiting } = this.state;
    this.change({ waiting: [] });
    for (const { session, request } of waiting) this.open(session, request);
  }

  open(session: SessionNumber, request: SessionRequest): void {
    const face = this.config.faces.find(candidate => candidate.service === request.service);
    if (face === undefined) {
      this.env.deny(session, 'DENIED');
      return;
    }
    if (this.state.client.peerEpoch === 0) {
      this.change({ waiting: [...this.state.waiting, { session, request }] });
      return;
    }
    const opening = openSession(this.state.client, request.label, request.service, request.args);
    if (opening.session < 0) {
      this.env.deny(session, 'DENIED');
      return;
    }
    this.addSession(session, newSession(face, opening.session, NO_PARENT));
    this.#take(opening);
  }

  call(session: SessionNumber, opcode: number, values: readonly RpcValue[]): void {
    const row = this.state.sessions.get(session);
    const called = row?.face.functions[opcode];
    if (row === undefined || row.remote === NO_REMOTE || called === undefined) {
      this.env.replyError(session, 'session-dead');
      return;
    }
    if (called.name === 'tx_cap' || called.name === 'rx_cap') {
      this.env.reply(session, [this.env.served.streamDataspace(session, called.name === 'tx_cap' ? 'tx' : 'rx')]);
      return;
    }
    const sub = subSessionOf(row.face, called);
    if (sub !== undefined) {
      this.#openObject(session, row, called.name, sub);
      return;
    }
    // A capability of a signal stays here: the peer only learns that there is one.
    const given = values.map((value, index) =>
      called.arguments[index]!.type.kind === 'signal' ? Math.min(1, Number(value)) : value,
    );
    const bytes = copiedBytes(called, 'in', given, [], this.env.sizeOf(row.dataspace));
    const data = bytes === 0 ? noData() : this.env.read(row.dataspace, 0, bytes);
    const step = callService(this.ops.genode.proxyClient, row.face, this.state.client, row.remote, opcode, given, data);
    if (step.refused !== undefined) this.env.replyError(session, step.refused);
    else this.setSession(session, { opcode, given });
    this.#take(step);
  }

  /** A function that hands out a sub-session: one is opened at the peer, of the session there, and stands for it here. */
  #openObject(session: SessionNumber, { remote }: ProxiedSession, name: string, face: SessionInterface): void {
    const opening = openSession(this.state.client, '', face.service, { parent: `${remote}`, function: name });
    if (opening.session < 0) {
      this.env.reply(session, [0]);
      return;
    }
    const object = this.env.createObject(session, face.service);
    this.addSession(object, newSession(face, opening.session, session));
    this.#take(opening);
  }

  /** A sub-session is open, or not: whoever waits for it gets it, or an invalid capability. */
  #answerObject(object: SessionNumber, { parent, isOpen }: ProxiedSession, hasOpened: boolean): void {
    if (hasOpened) this.setSession(object, { isOpen: true });
    if (!isOpen) this.env.reply(parent, [hasOpened ? object : 0]);
    if (!hasOpened) this.#dropObject(object);
  }

  #dropObject(object: SessionNumber): void {
    const dataspace = this.state.sessions.get(object)?.dataspace ?? 0;
    if (dataspace !== 0) this.env.release(dataspace);
    this.setSession(object, undefined);
    this.env.destroyObject(object);
  }

  /** Objects of a session, before the session itself ends. */
  #dropObjects(session: SessionNumber): void {
    for (const [object, { parent, remote }] of this.state.sessions) {
      if (parent !== session) continue;
      this.#take(closeLocalSession(this.state.client, remote));
      this.#dropObject(object);
    }
  }

  close(session: SessionNumber): void {
    this.#dropObjects(session);
    const row = this.state.sessions.get(session);
    this.change({ waiting: this.state.waiting.filter(other => other.session !== session) });
    if (row === undefined) return;
    if (row.dataspace !== 0) this.env.release(row.dataspace);
    this.#take(closeLocalSession(this.state.client, row.remote));
    this.setSession(session, undefined);
  }

  /** Takes packets that a local client submitted, as many as the peer may hold. */
  packets(session: SessionNumber): void {
    for (let taken = 0; taken < 4; taken++) {
      const row = this.state.sessions.get(session);
      if (row === undefined || row.packets.size >= 16) return;
      const packet = this.env.served.takePacket(session, 'tx');
      if (packet === undefined) {
        // The client may have given back packets of the other direction.
        this.env.served.takeAcknowledged(session, 'rx');
        return;
      }
      const data = this.env.served.readPacket(session, 'tx', packet);
      const stream = row.face.streams.findIndex(({ name }) => name === 'tx');
      const sent = sendPacket(row.face, this.state.client, row.remote, stream, packet.sizeBytes, packet.more, data);
      if (sent.packet < 0) {
        this.env.served.acknowledge(session, 'tx', packet, failedWords(row.face.streams[stream]!, packet.more));
        continue;
      }
      const { offset, sizeBytes, more } = packet;
      this.setSession(session, { packets: new Map(row.packets).set(sent.packet, { offset, sizeBytes, more }) });
      this.#take(sent);
    }
    this.env.again();
  }

  /**
   * The peer's session is gone: calls fail from now on, and packets come back as failed. Who has packet streams keeps them
   * until it closes the session, for it may wait for packets and not call.
   */
  #die(session: SessionNumber, row: ProxiedSession): void {
    if (row.parent !== NO_PARENT) {
      if (this.state.sessions.has(session)) this.#answerObject(session, row, false);
      return;
    }
    this.#dropObjects(session);
    if (!row.isOpen || row.face.streams.length === 0) {
      if (row.dataspace !== 0) this.env.release(row.dataspace);
      if (row.isOpen) this.env.end(session);
      else this.env.deny(session, 'DENIED');
      this.setSession(session, undefined);
      return;
    }
    const stream = row.face.streams.find(({ name }) => name === 'tx');
    const lent = this.ops.genode.proxyClient.returnsPackets() ? row.packets : new Map<number, LentPacket>();
    for (const { offset, sizeBytes, more } of lent.values()) {
      const words = stream === undefined ? more : failedWords(stream, more);
      this.env.served.acknowledge(session, 'tx', { offset, sizeBytes, more: words }, words);
    }
    if (row.opcode >= 0) this.env.replyError(session, 'session-dead');
    this.setSession(session, { remote: NO_REMOTE, opcode: -1, given: [], packets: new Map() });
  }

  /** Tells a local client what the peer's service did. */
  #tell(event: LocalEvent): void {
    const session = this.#local(event.session);
    const row = this.state.sessions.get(session);
    if (row === undefined) return;
    switch (event.kind) {
      case 'opened':
        if (row.parent !== NO_PARENT) {
          this.#answerObject(session, row, true);
          return;
        }
        this.setSession(session, { isOpen: true });
        this.env.accept(session);
        return;
      case 'closed':
        this.#die(session, row);
        return;
      case 'signal':
        this.env.notify(session, event.signal);
        return;
      case 'reply':
        this.#reply(session, row, event);
        return;
      case 'packet': {
        const stream = row.face.streams[event.stream]!.name;
        while (this.env.served.takeAcknowledged(session, stream) !== undefined);
        this.env.served.submit(session, stream, event.data, event.more);
        return;
      }
      case 'acknowledged': {
        const lent = row.packets.get(event.packet);
        if (lent === undefined) return;
        const packet = { ...lent, more: event.more };
        this.env.served.writePacket(session, 'tx', packet, event.data);
        this.env.served.acknowledge(session, 'tx', packet, event.more);
        this.setSession(session, { packets: withEntry(row.packets, event.packet, undefined) });
        this.packets(session);
      }
    }
  }

  #reply(session: SessionNumber, row: ProxiedSession, event: LocalEvent & { readonly kind: 'reply' }): void {
    const called = row.face.functions[row.opcode];
    if (called === undefined) return;
    this.setSession(session, { opcode: -1, given: [] });
    if (event.values === undefined || event.error !== '') {
      this.env.replyError(session, event.error);
      return;
    }
    const results = event.values.map((value, index) =>
      called.results[index]!.type.kind === 'dataspace' ? this.#localDataspace(session, Number(value)) : value,
    );
    const dataspace = this.state.sessions.get(session)?.dataspace ?? 0;
    const bytes = Math.min(
      event.data.length,
      copiedBytes(called, 'out', row.given, event.values, this.env.sizeOf(dataspace)),
    );
    if (bytes > 0) this.env.write(dataspace, 0, event.data.subarray(0, bytes));
    this.env.reply(session, results);
  }

  /** Local memory in place of a dataspace of the peer, of the size that it says; 0 if there is not so much. */
  #localDataspace(session: SessionNumber, sizeBytes: number): DataspaceId {
    const known = this.state.sessions.get(session)?.dataspace ?? 0;
    if (known !== 0 && this.env.sizeOf(known) >= sizeBytes) return known;
    if (known !== 0) this.env.release(known);
    const made = sizeBytes === 0 ? undefined : this.env.allocate(sizeBytes);
    this.setSession(session, { dataspace: made ?? 0 });
    return made ?? 0;
  }
}

function handleEvent(turn: Turn, event: ComponentEvent): void {
  switch (event.kind) {
    case 'start':
      turn.start();
      return;
    case 'vector':
    case 'wake':
      turn.turn();
      return;
    case 'session':
      turn.open(event.session, event.request);
      return;
    case 'rpc':
      turn.call(event.session, event.opcode, event.values);
      return;
    case 'closed':
      turn.close(event.session);
      return;
    case 'clientPackets':
      turn.packets(event.session);
  }
}

/** Proxy:Client: local server of services that another Genode instance provides. */
export const proxyClient: ProgramRow = proxyProgram<ProxyClientProgramState>({
  binary: 'proxy_client',
  title: 'Provides services of another instance, over a link of the policy',
  initial: { link: NO_LINK, client: initialClient(0), sessions: new Map(), waiting: [] },
  hasSessionThreads: true,
  handle(config, ops, env, state, event) {
    const turn = new Turn(config, ops, env, state);
    handleEvent(turn, event);
    return turn.state;
  },
});
