import { defined } from '../../../units/invariant.ts';
import type { PacketDescriptor, StreamLayout, StreamMemory, StreamOps } from '../core/packet-stream.ts';
import { bytesOfNumber, numberAt } from '../instance/guest.ts';
import type { CoreAccess } from './core-access.ts';
import type { SessionInterface, StreamDirection } from './interface.ts';
import { anyInterface } from './interfaces.ts';
import type { DataspaceId, ServiceEnv, SessionNumber, SessionRequest } from './service.ts';
import {
  acknowledgePacket,
  createStreamEnd,
  releasePacket,
  reservePacket,
  type StreamEnd,
  type StreamStep,
  submitPacket,
  takeAcknowledged,
  takePacket,
} from './stream-end.ts';

/** What the host of a service lends it: everything but packet streams, which the host itself keeps. */
export type HostEnv = Pick<
  ServiceEnv,
  | 'allocate'
  | 'release'
  | 'sizeOf'
  | 'read'
  | 'write'
  | 'notify'
  | 'createObject'
  | 'destroyObject'
  | 'nowUs'
  | 'wakeAtUs'
  | 'core'
  | 'deviceMemory'
  | 'portIn'
  | 'portOut'
> & {
  /** Tells the client's side of a stream that there is something to do. */
  wakeStream(session: SessionNumber): void;
};

/** A packet stream of a session as the server keeps it. */
export interface ServerStream {
  readonly dataspace: DataspaceId;
  readonly layout: StreamLayout;
  readonly end: StreamEnd;
}

export interface HostedSession {
  readonly face: SessionInterface;
  readonly label: string;
  /** The session that an object belongs to; undefined for a session. */
  readonly parent?: SessionNumber;
  /** By the name of the stream. */
  readonly streams: Readonly<Partial<Record<'tx' | 'rx', ServerStream>>>;
}

/** Buffer of a packet stream when the session arguments name none. */
export const DEFAULT_STREAM_BYTES = 0x1_0000;
/** Largest buffer of a packet stream. */
const MAX_STREAM_BYTES = 0x100_0000;

/** Layout of a stream in a dataspace of this size. */
export const streamLayout = (stream: StreamDirection, totalBytes: number): StreamLayout => ({
  totalBytes,
  slots: stream.slots,
  descriptorWords: 2 + stream.words,
});

/** Size of a stream's buffer as the session arguments say; undefined if they say nonsense. */
export function streamBytes(stream: StreamDirection, args: Readonly<Record<string, string>>): number | undefined {
  const text = args[`${stream.name}_buf_size`];
  if (text === undefined) return DEFAULT_STREAM_BYTES;
  const value = Number(text);
  return Number.isInteger(value) && value > 0 && value <= MAX_STREAM_BYTES ? value : undefined;
}

/** Words of shared memory, as packet streams use it. */
export const streamMemory = (env: Pick<ServiceEnv, 'read' | 'write'>, dataspace: DataspaceId): StreamMemory => ({
  readWord: offset => numberAt(env.read(dataspace, offset, 4), 0, 4),
  writeWord: (offset, value) => env.write(dataspace, offset, bytesOfNumber(value, 4)),
});

/** Sessions with their packet streams while one handler runs, at a server or at a client. */
export class StreamUse implements ServiceEnv {
  readonly #ops: StreamOps;
  readonly #env: HostEnv;
  sessions: ReadonlyMap<SessionNumber, HostedSession>;

  constructor(ops: StreamOps, sessions: ReadonlyMap<SessionNumber, HostedSession>, env: HostEnv) {
    this.#ops = ops;
    this.#env = env;
    this.sessions = sessions;
  }

  allocate(sizeBytes: number): DataspaceId | undefined {
    return this.#env.allocate(sizeBytes);
  }

  release(dataspace: DataspaceId): void {
    this.#env.release(dataspace);
  }

  sizeOf(dataspace: DataspaceId): number {
    return this.#env.sizeOf(dataspace);
  }

  read(dataspace: DataspaceId, offset: number, sizeBytes: number): Uint8Array {
    return this.#env.read(dataspace, offset, sizeBytes);
  }

  write(dataspace: DataspaceId, offset: number, bytes: Uint8Array): void {
    this.#env.write(dataspace, offset, bytes);
  }

  notify(session: SessionNumber, opcode: number): void {
    this.#env.notify(session, opcode);
  }

  get core(): CoreAccess | undefined {
    return this.#env.core;
  }

  createObject(session: SessionNumber, of: string): SessionNumber {
    const object = this.#env.createObject(session, of);
    const hosted = { face: defined(anyInterface(of), of), label: '', parent: session, streams: {} };
    this.sessions = new Map(this.sessions).set(object, hosted);
    return object;
  }

  destroyObject(object: SessionNumber): void {
    if (this.sessions.get(object)?.parent === undefined) return;
    this.#forget(object);
    this.#env.destroyObject(object);
  }

  #forget(session: SessionNumber): void {
    const sessions = new Map(this.sessions);
    sessions.delete(session);
    this.sessions = sessions;
  }

  nowUs(): number {
    return this.#env.nowUs();
  }

  wakeAtUs(us: number): void {
    this.#env.wakeAtUs(us);
  }

  deviceMemory(address: number, sizeBytes: number, isWritable: boolean): DataspaceId | undefined {
    return this.#env.deviceMemory?.(address, sizeBytes, isWritable);
  }

  portIn(port: number, sizeBytes: 1 | 2 | 4): number {
    return this.#env.portIn?.(port, sizeBytes) ?? 0;
  }

  portOut(port: number, sizeBytes: 1 | 2 | 4, value: number): void {
    this.#env.portOut?.(port, sizeBytes, value);
  }

  /** Adds the streams of a new session; false if there is no memory for them. */
  addSession(session: SessionNumber, face: SessionInterface, { label, args }: SessionRequest): boolean {
    const streams: Partial<Record<'tx' | 'rx', ServerStream>> = {};
    for (const direction of face.streams) {
      const totalBytes = streamBytes(direction, args);
      const dataspace = totalBytes === undefined ? undefined : this.allocate(totalBytes);
      if (totalBytes === undefined || dataspace === undefined) {
        for (const stream of Object.values(streams)) this.release(stream.dataspace);
        return false;
      }
      const layout = streamLayout(direction, totalBytes);
      const end = createStreamEnd(direction.source === 'server' ? 'source' : 'sink', layout);
      streams[direction.name] = { dataspace, layout, end };
    }
    this.sessions = new Map(this.sessions).set(session, { face, label, streams });
    return true;
  }

  removeSession(session: SessionNumber): void {
    const found = this.sessions.get(session);
    for (const stream of Object.values(found?.streams ?? {})) this.release(stream.dataspace);
    for (const [object, { parent }] of this.sessions) if (parent === session) this.destroyObject(object);
    this.#forget(session);
  }

  #stream(session: SessionNumber, name: 'tx' | 'rx'): ServerStream | undefined {
    return this.sessions.get(session)?.streams[name];
  }

  streamDataspace(session: SessionNumber, name: 'tx' | 'rx'): DataspaceId {
    return this.#stream(session, name)?.dataspace ?? 0;
  }

  #keep(session: SessionNumber, name: 'tx' | 'rx', stream: ServerStream, step: StreamStep): void {
    const found = this.sessions.get(session)!;
    const streams = { ...found.streams, [name]: { ...stream, end: step.end } };
    this.sessions = new Map(this.sessions).set(session, { ...found, streams });
    if (step.isWaking) this.#env.wakeStream(session);
  }

  takePacket(session: SessionNumber, name: 'tx' | 'rx'): PacketDescriptor | undefined {
    const stream = this.#stream(session, name);
    if (stream?.end.role !== 'sink') return undefined;
    const step = takePacket(this.#ops, stream.layout, streamMemory(this.#env, stream.dataspace), stream.end);
    this.#keep(session, name, stream, step);
    return step.packet;
  }

  acknowledge(session: SessionNumber, name: 'tx' | 'rx', packet: PacketDescriptor, more: readonly number[]): void {
    const stream = this.#stream(session, name);
    if (stream?.end.role !== 'sink') return;
    const memory = streamMemory(this.#env, stream.dataspace);
    this.#keep(
      session,
      name,
      stream,
      acknowledgePacket(this.#ops, stream.layout, memory, stream.end, { ...packet, more }),
    );
  }

  submit(
    session: SessionNumber,
    name: 'tx' | 'rx',
    bytes: Uint8Array,
    more: readonly number[],
  ): PacketDescriptor | undefined {
    const stream = this.#stream(session, name);
    if (stream?.end.role !== 'source') return undefined;
    const reserved = reservePacket(stream.end, bytes.length);
    if (reserved === undefined) return undefined;
    const memory = streamMemory(this.#env, stream.dataspace);
    this.#env.write(stream.dataspace, reserved.offset, bytes);
    const packet: PacketDescriptor = { offset: reserved.offset, sizeBytes: bytes.length, more };
    const step = submitPacket(this.#ops, stream.layout, memory, reserved.end, packet);
    if (step === undefined) return undefined;
    this.#keep(session, name, stream, step);
    return packet;
  }

  takeAcknowledged(session: SessionNumber, name: 'tx' | 'rx'): PacketDescriptor | undefined {
    const stream = this.#stream(session, name);
    if (stream?.end.role !== 'source') return undefined;
    const step = takeAcknowledged(this.#ops, stream.layout, streamMemory(this.#env, stream.dataspace), stream.end);
    const end = step.packet === undefined ? step.end : releasePacket(step.end, step.packet.offset);
    this.#keep(session, name, stream, { ...step, end });
    return step.packet;
  }

  readPacket(session: SessionNumber, name: 'tx' | 'rx', packet: PacketDescriptor): Uint8Array {
    const stream = this.#stream(session, name);
    if (stream === undefined || packet.sizeBytes === 0) return new Uint8Array(0);
    return this.#env.read(stream.dataspace, packet.offset, packet.sizeBytes);
  }

  writePacket(session: SessionNumber, name: 'tx' | 'rx', packet: PacketDescriptor, bytes: Uint8Array): void {
    const stream = this.#stream(session, name);
    if (stream === undefined) return;
    this.#env.write(stream.dataspace, packet.offset, bytes.subarray(0, packet.sizeBytes));
  }
}
