import { type StreamOps, streamOps } from '../../impl/genode/core/packet-stream.ts';
import type { Quota } from '../../impl/genode/core/parent.ts';
import { type RegionMapOps, regionMapOps } from '../../impl/genode/core/region-map-table.ts';
import type { RpcValue } from '../../impl/genode/proxy/values.ts';
import type { DataspaceId, Service, SessionError, SessionNumber } from '../../impl/genode/services/service.ts';
import {
  type HostedService,
  hostCall,
  hostClose,
  hostInterrupt,
  hostOpen,
  hostPackets,
  hostService,
  hostStart,
  hostUpgrade,
  hostWake,
} from '../../impl/genode/services/service-host.ts';
import { createStreamEnd } from '../../impl/genode/services/stream-end.ts';
import { type HostEnv, StreamUse, streamLayout } from '../../impl/genode/services/stream-use.ts';
import { BenchCore } from './bench-core.ts';

const PAGE_BYTES = 0x1000;
/** What a client donates. */
const BENCH_RAM_BYTES = 0x100_0000;

/** Numbers of objects: no session of a bench has so large a one. */
const FIRST_OBJECT = 1000;

/** A signal that a service submitted: of which session, by the opcode that registered it. */
export interface SubmittedSignal {
  readonly session: SessionNumber;
  readonly opcode: number;
}

/** Runs one service by itself, with plain memory and a clock that the test moves. */
export class ServiceBench<State> implements HostEnv {
  readonly service: Service<State>;
  host: HostedService<State>;
  readonly memory = new Map<DataspaceId, Uint8Array>();
  signals: SubmittedSignal[] = [];
  /** Sessions whose packet streams the service did something with. */
  wokenStreams = new Set<SessionNumber>();
  timeUs = 0;
  /** Times at which the service wants to be woken, the earliest first. */
  #wishesUs: readonly number[] = [];
  /** First access of the service outside of its dataspaces, empty if there was none. */
  outside = '';
  /** Memory that may be allocated at most. */
  limitBytes = 0x200_0000;
  readonly core: BenchCore;
  readonly #ops: StreamOps;
  #nextDataspace = 1;
  /** Client's sides of packet streams. */
  readonly #clients = new Map<SessionNumber, StreamUse>();

  constructor(service: Service<State>, ops: StreamOps = streamOps, regionMap: RegionMapOps = regionMapOps) {
    this.service = service;
    this.core = new BenchCore(this, regionMap);
    this.#ops = ops;
    this.host = hostStart(ops, service, hostService(service), this);
  }

  allocate(sizeBytes: number): DataspaceId | undefined {
    const wanted = Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES;
    const used = [...this.memory.values()].reduce((sum, { length }) => sum + length, 0);
    if (wanted === 0 || used + wanted > this.limitBytes) return undefined;
    const id = this.#nextDataspace++;
    this.memory.set(id, new Uint8Array(wanted));
    return id;
  }

  release(dataspace: DataspaceId): void {
    this.memory.delete(dataspace);
  }

  sizeOf(dataspace: DataspaceId): number {
    return this.memory.get(dataspace)?.length ?? 0;
  }

  #bytes(dataspace: DataspaceId, offset: number, sizeBytes: number): Uint8Array {
    const bytes = this.memory.get(dataspace);
    if (bytes !== undefined && offset >= 0 && offset + sizeBytes <= bytes.length)
      return bytes.subarray(offset, offset + sizeBytes);
    this.outside ||= `the service accesses ${sizeBytes} bytes at ${offset} of dataspace ${dataspace}`;
    return new Uint8Array(sizeBytes);
  }

  read(dataspace: DataspaceId, offset: number, sizeBytes: number): Uint8Array {
    return this.#bytes(dataspace, offset, sizeBytes).slice();
  }

  write(dataspace: DataspaceId, offset: number, bytes: Uint8Array): void {
    this.#bytes(dataspace, offset, bytes.length).set(bytes);
  }

  notify(session: SessionNumber, opcode: number): void {
    this.signals.push({ session, opcode });
  }

  wakeStream(session: SessionNumber): void {
    this.wokenStreams.add(session);
  }

  /** Objects that live, by number, with the name of their interface. */
  readonly objects = new Map<SessionNumber, string>();
  #nextObject = FIRST_OBJECT;

  createObject(_session: SessionNumber, of: string): SessionNumber {
    const object = this.#nextObject++;
    this.objects.set(object, of);
    return object;
  }

  destroyObject(object: SessionNumber): void {
    this.objects.delete(object);
  }

  nowUs(): number {
    return this.timeUs;
  }

  wakeAtUs(us: number): void {
    if (!this.#wishesUs.includes(us)) this.#wishesUs = [...this.#wishesUs, us].sort((a, b) => a - b);
  }

  /** Core's services: memory of devices that was given out, and accesses to ports. */
  readonly devices = new Map<DataspaceId, string>();
  ports: string[] = [];

  deviceMemory(address: number, sizeBytes: number): DataspaceId {
    const dataspace = this.#nextDataspace++;
    this.memory.set(dataspace, new Uint8Array(sizeBytes));
    this.devices.set(dataspace, `${address} ${sizeBytes}`);
    return dataspace;
  }

  portIn(port: number, sizeBytes: 1 | 2 | 4): number {
    this.ports.push(`in ${port} ${sizeBytes}`);
    return 0;
  }

  portOut(port: number, sizeBytes: 1 | 2 | 4): void {
    this.ports.push(`out ${port} ${sizeBytes}`);
  }

  interrupt(vector: number): void {
    this.host = hostInterrupt(this.#ops, this.service, this.host, vector, this);
  }

  /** Opens a session; undefined if that worked, else why not. */
  open(
    session: SessionNumber,
    label: string,
    args: Readonly<Record<string, string>> = {},
    service: string = this.service.faces[0]!.service,
  ): SessionError | undefined {
    const request = { service, label, args, ramBytes: BENCH_RAM_BYTES };
    const opened = hostOpen(this.#ops, this.service, this.host, session, request, this);
    if (!opened.ok) return opened.error;
    this.host = opened.value;
    return undefined;
  }

  close(session: SessionNumber): void {
    this.#clients.delete(session);
    this.host = hostClose(this.#ops, this.service, this.host, session, this);
  }

  /** Calls a function by name: its results, or the name of its error. */
  call(session: SessionNumber, name: string, ...values: RpcValue[]): readonly RpcValue[] | string {
    const face = this.host.sessions.get(session)?.face;
    const opcode = face?.functions.findIndex(row => row.name === name) ?? -1;
    const called = hostCall(this.#ops, this.service, this.host, session, opcode, values, this);
    this.host = called.state;
    return 'error' in called ? called.error : called.values;
  }

  /** Lets time pass and the service do what was due. */
  advanceUs(us: number): void {
    const end = this.timeUs + us;
    for (let due = this.#wishesUs[0]; due !== undefined && due <= end; due = this.#wishesUs[0]) {
      this.timeUs = Math.max(this.timeUs, due);
      this.#wishesUs = this.#wishesUs.slice(1);
      this.host = hostWake(this.#ops, this.service, this.host, this);
    }
    this.timeUs = end;
  }

  /** Lets a service of core run on. */
  wake(): void {
    this.host = hostWake(this.#ops, this.service, this.host, this);
  }

  /** A client donates more to its session. */
  upgrade(session: SessionNumber, more: Quota): void {
    this.host = hostUpgrade(this.#ops, this.service, this.host, session, more, this);
  }

  /** Lets the service look at a session's packet streams. */
  packets(session: SessionNumber): void {
    this.host = hostPackets(this.#ops, this.service, this.host, session, this);
  }

  /** The client's side of a session's packet streams. */
  client(session: SessionNumber): StreamUse {
    const known = this.#clients.get(session);
    if (known !== undefined) return known;
    const hosted = this.host.sessions.get(session)!;
    const streams = Object.fromEntries(
      hosted.face.streams.map(direction => {
        const { dataspace, layout } = hosted.streams[direction.name]!;
        const end = createStreamEnd(direction.source === 'client' ? 'source' : 'sink', layout);
        return [direction.name, { dataspace, layout: streamLayout(direction, layout.totalBytes), end }];
      }),
    );
    const use = new StreamUse(this.#ops, new Map([[session, { ...hosted, streams }]]), this);
    this.#clients.set(session, use);
    return use;
  }
}
