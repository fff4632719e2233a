import type { ComponentEvent, Handle, ProgramRow } from '../instance/component.ts';
import { copiedBytes, noData, type ProxyMessage, subSessionOf } from '../proxy/message.ts';
import {
  answerCall,
  answerEnd,
  answerOpen,
  answerPacket,
  answerSignal,
  followClient,
  forwardPacket,
  receiveFromClient,
} from '../proxy/proxy-server.ts';
import { initialServer, type ServerState, type ServerStep, type ServiceRequest } from '../proxy/server-state.ts';
import type { RpcValue } from '../proxy/values.ts';
import type { VhwEvent } from '../proxy/vhw.ts';
import { failedWords, type SessionInterface } from '../services/interface.ts';
import { type DataspaceId, withEntry } from '../services/service.ts';
import { NO_LINK } from './proxy-link.ts';
import { type ProxyProgramState, ProxyTurn, proxyProgram } from './proxy-turn.ts';

/** A session of the real service on behalf of the peer. */
interface RealSession {
  readonly key: number;
  readonly face: SessionInterface;
  /** The peer's call that the service handles, with what it was given; -1 for none. */
  readonly opcode: number;
  readonly given: readonly RpcValue[];
  readonly dataspace: DataspaceId;
  /** Calls of the proxy itself that come before the session is announced as open: channels of packet streams. */
  readonly preparing: number;
  /** Packets that the service has: number of the peer by offset. */
  readonly packets: ReadonlyMap<number, number>;
  /** Sub-session that a call of the proxy itself fetches for the peer: its key and interface. */
  readonly fetching: { readonly key: number; readonly face: SessionInterface } | undefined;
}

const newSession = (key: number, face: SessionInterface): RealSession => ({
  key,
  face,
  opcode: -1,
  given: [],
  dataspace: 0,
  preparing: face.streams.length,
  packets: new Map(),
  fetching: undefined,
});

interface ProxyServerProgramState extends ProxyProgramState<RealSession> {
  readonly server: ServerState;
}

/** One use of the program's state by a handler. */
class Turn extends ProxyTurn<RealSession, ProxyServerProgramState> {
  #handleOf(key: number): Handle {
    for (const [handle, row] of this.state.sessions) if (row.key === key) return handle;
    return -1;
  }

  #take(step: ServerStep): void {
    this.change({ server: step.state });
    this.send(step.sends);
    for (const request of step.requests) this.#perform(request);
  }

  protected begin(epoch: number): void {
    this.change({ server: initialServer(epoch) });
  }

  protected receive(event: VhwEvent): void {
    const { proxyServer } = this.ops.genode;
    if (event.kind === 'peer') this.#take(followClient(proxyServer, this.state.server, event.epoch));
    else if (event.kind === 'message') {
      const face = this.#faceOf(event.message);
      this.#take(receiveFromClient(proxyServer, face, this.state.server, this.config.peer, event.message));
    }
  }

  /** Interface that a message of the peer is about; of a session that is not known, any. */
  #faceOf(message: ProxyMessage): SessionInterface {
    const key = this.state.server.sessions.find(({ id }) => id === message.session)?.key ?? -1;
    return this.state.sessions.get(this.#handleOf(key))?.face ?? this.config.faces[0]!;
  }

  /** Does at the real service what the peer asked for. */
  #perform(request: ServiceRequest): void {
    const handle = request.kind === 'open' ? -1 : this.#handleOf(request.key);
    switch (request.kind) {
      case 'open':
        this.#open(request);
        return;
      case 'close': {
        const fetching = this.state.sessions.get(handle)?.fetching;
        if (handle < 0) return;
        this.env.close(handle);
        this.setSession(handle, undefined);
        if (fetching !== undefined) this.#take(answerOpen(this.state.server, fetching.key, false));
        return;
      }
      case 'call':
        this.#call(handle, request.opcode, request.values, request.data);
        return;
      case 'packet': {
        const { packet, sizeBytes, more, data } = request;
        const bytes = new Uint8Array(Math.min(sizeBytes, 0x4_0000));
        bytes.set(data.subarray(0, bytes.length));
        const sent = sizeBytes > bytes.length ? undefined : this.env.streams.submit(handle, 'tx', bytes, more);
        const row = this.state.sessions.get(handle);
        if (sent === undefined || row === undefined)
          this.#take(answerPacket(this.state.server, request.key, packet, this.#failed(request.key, more), noData()));
        else this.setSession(handle, { packets: new Map(row.packets).set(sent.offset, packet) });
      }
    }
  }

  #failed(key: number, more: readonly number[]): readonly number[] {
    const stream = this.state.sessions.get(this.#handleOf(key))?.face.streams.find(({ name }) => name === 'tx');
    return stream === undefined ? more : failedWords(stream, more);
  }

  /** A sub-session of a session that the peer has: the function that hands it out is called, and only that one. */
  #openObject(key: number, service: string, parent: string, name: string): void {
    const known = this.state.server.sessions.find(({ id, status }) => `${id}` === parent && status === 'open');
    const handle = known === undefined ? -1 : this.#handleOf(known.key);
    const row = this.state.sessions.get(handle);
    const called = row?.face.functions.find(candidate => candidate.name === name);
    const face = row === undefined || called === undefined ? undefined : subSessionOf(row.face, called);
    const isIdle = row !== undefined && row.opcode < 0 && row.preparing === 0 && row.fetching === undefined;
    if (face?.service !== service || !isIdle) {
      this.#take(answerOpen(this.state.server, key, false));
      return;
    }
    this.setSession(handle, { fetching: { key, face } });
    this.env.call(handle, name);
  }

  /** The real service handed a sub-session out, or did not. */
  #fetched(handle: Handle, fetching: NonNullable<RealSession['fetching']>, cap: number): void {
    this.setSession(handle, { fetching: undefined });
    const isWanted = this.state.server.sessions.some(({ key }) => key === fetching.key);
    const object = cap === 0 || !isWanted ? -1 : this.env.bind(cap);
    if (object >= 0) this.addSession(object, newSession(fetching.key, fetching.face));
    this.#take(answerOpen(this.state.server, fetching.key, object >= 0));
  }

  #open({ key, service, label, args }: ServiceRequest & { readonly kind: 'open' }): void {
    if (args.parent !== undefined) {
      this.#openObject(key, service, args.parent, args.function ?? '');
      return;
    }
    const face = this.config.faces.find(candidate => candidate.service === service);
    if (face === undefined) {
      this.#take(answerOpen(this.state.server, key, false));
      return;
    }
    const handle = this.env.open(service, label, args);
    this.addSession(handle, newSession(key, face));
  }

  #call(handle: Handle, opcode: number, values: readonly RpcValue[], data: Uint8Array): void {
    const row = this.state.sessions.get(handle);
    if (row === undefined) return;
    const called = row.face.functions[opcode]!;
    const bytes = copiedBytes(called, 'in', values, [], this.env.sizeOf(row.dataspace));
    if (bytes > 0 && data.length > 0) this.env.write(row.dataspace, 0, data.subarray(0, bytes));
    this.setSession(handle, { opcode, given: values });
    this.env.call(handle, called.name, ...values);
  }

  opened(handle: Handle): void {
    const row = this.state.sessions.get(handle);
    if (row === undefined) {
      this.env.close(handle);
      return;
    }
    for (const { name } of row.face.streams) this.env.call(handle, `${name}_cap`);
    if (row.preparing === 0) this.#take(answerOpen(this.state.server, row.key, true));
  }

  denied(handle: Handle): void {
    const row = this.state.sessions.get(handle);
    this.setSession(handle, undefined);
    if (row !== undefined) this.#take(answerOpen(this.state.server, row.key, false));
  }

  reply(handle: Handle, values: readonly RpcValue[] | undefined, error: string): void {
    const row = this.state.sessions.get(handle);
    if (row === undefined) return;
    if (row.preparing > 0) {
      this.setSession(handle, { preparing: row.preparing - 1 });
      if (row.preparing === 1) this.#take(answerOpen(this.state.server, row.key, true));
      return;
    }
    if (row.fetching !== undefined) {
      this.#fetched(handle, row.fetching, Number(values?.[0] ?? 0));
      return;
    }
    const called = row.face.functions[row.opcode];
    if (called === undefined) return;
    this.setSession(handle, { opcode: -1, given: [] });
    const { server } = this.state;
    if (values === undefined) {
      this.#take(answerCall(row.face, server, row.key, undefined, error));
      return;
    }
    // The peer gets the size in place of a dataspace, and the contents that the table says.
    const results = values.map((value, index) => {
      if (called.results[index]!.type.kind !== 'dataspace') return value;
      this.setSession(handle, { dataspace: Number(value) });
      return this.env.sizeOf(Number(value));
    });
    const dataspace = this.state.sessions.get(handle)!.dataspace;
    const { carriedBytes } = this.ops.genode.proxyServer;
    const bytes = carriedBytes(copiedBytes(called, 'out', row.given, values, this.env.sizeOf(dataspace)));
    const data = bytes === 0 ? noData() : this.env.read(dataspace, 0, bytes);
    this.#take(answerCall(row.face, server, row.key, results, '', data));
  }

  signal(handle: Handle, opcode: number): void {
    const row = this.state.sessions.get(handle);
    const { tellsSignals } = this.ops.genode.proxyServer;
    if (row !== undefined && tellsSignals()) this.#take(answerSignal(this.state.server, row.key, opcode));
  }

  /** The service gave packets back, or submitted some. */
  packets(handle: Handle): void {
    const { streams } = this.env;
    for (let taken = 0; taken < 4; taken++) {
      const row = this.state.sessions.get(handle);
      if (row === undefined) return;
      const back = streams.takeAcknowledged(handle, 'tx');
      const came = back === undefined ? streams.takePacket(handle, 'rx') : undefined;
      if (back === undefined && came === undefined) return;
      if (back !== undefined)
        this.#giveBack(handle, row, back.offset, back.more, streams.readPacket(handle, 'tx', back));
      if (came !== undefined) {
        const data = streams.readPacket(handle, 'rx', came);
        streams.acknowledge(handle, 'rx', came, came.more);
        const stream = row.face.streams.findIndex(({ name }) => name === 'rx');
        this.#take(forwardPacket(row.face, this.state.server, row.key, stream, came.more, data));
      }
    }
    this.env.morePackets(handle);
  }

  #giveBack(handle: Handle, row: RealSession, offset: number, more: readonly number[], data: Uint8Array): void {
    const packet = row.packets.get(offset);
    if (packet === undefined) return;
    this.setSession(handle, { packets: withEntry(row.packets, offset, undefined) });
    const carries = row.face.streams.find(({ name }) => name === 'tx')?.payload === 'both';
    this.#take(answerPacket(this.state.server, row.key, packet, more, carries ? data : noData()));
  }

  /** The real server ended a session. */
  ended(handle: Handle): void {
    const row = this.state.sessions.get(handle);
    this.setSession(handle, undefined);
    if (row?.fetching !== undefined) this.#take(answerOpen(this.state.server, row.fetching.key, false));
    if (row !== undefined) this.#take(answerEnd(this.state.server, row.key));
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
    case 'opened':
      turn.opened(event.handle);
      return;
    case 'denied':
      turn.denied(event.handle);
      return;
    case 'reply':
      if (event.error === 'session-dead') turn.ended(event.handle);
      else turn.reply(event.handle, event.values, event.error);
      return;
    case 'signal':
      turn.signal(event.handle, event.opcode);
      return;
    case 'packets':
      turn.packets(event.handle);
  }
}

/** Proxy:Server: client of real services on behalf of another Genode instance. */
export const proxyServer: ProgramRow = proxyProgram<ProxyServerProgramState>({
  binary: 'proxy_server',
  title: 'Uses services for another instance, over a link of the policy',
  initial: { link: NO_LINK, server: initialServer(0), sessions: new Map() },
  hasSessionThreads: false,
  handle(config, ops, env, state, event) {
    const turn = new Turn(config, ops, env, state);
    handleEvent(turn, event);
    return turn.state;
  },
});
