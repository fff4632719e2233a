import type { Result } from '../../../units/result.ts';
import type { PacketDescriptor } from '../core/packet-stream.ts';
import type { Quota } from '../core/parent.ts';
import type { RpcValue } from '../proxy/values.ts';
import type { CoreAccess } from './core-access.ts';
import type { SessionInterface } from './interface.ts';

/** Number of a dataspace, as whoever lends the memory counts. */
export type DataspaceId = number;
/** Number of a session at its server. */
export type SessionNumber = number;

/** What a session asks for when it is opened. */
export interface SessionRequest {
  /** Name of the interface: a server may have several. */
  readonly service: string;
  readonly label: string;
  /** Session arguments by key, besides label and quotas. */
  readonly args: Readonly<Record<string, string>>;
  /** RAM that the client donated, in bytes. */
  readonly ramBytes: number;
}

export type SessionError = 'DENIED' | 'INSUFFICIENT_RAM' | 'INSUFFICIENT_CAPS';

/** What a service may use: memory that it shares with its clients, signals, time. */
export interface ServiceEnv {
  /** Zeroed memory in whole pages; undefined if there is not enough. */
  allocate(sizeBytes: number): DataspaceId | undefined;
  release(dataspace: DataspaceId): void;
  sizeOf(dataspace: DataspaceId): number;
  /** Copies out of a dataspace; a client may change the bytes at any time, so read once and judge the copy. */
  read(dataspace: DataspaceId, offset: number, sizeBytes: number): Uint8Array;
  write(dataspace: DataspaceId, offset: number, bytes: Uint8Array): void;
  /** Submits the signal that a session's client registered by function `opcode`; without one nothing happens. */
  notify(session: SessionNumber, opcode: number): void;
  /** Time since the instance started. */
  nowUs(): number;
  /** Asks for `wake` at a time; earlier wishes stay. */
  wakeAtUs(us: number): void;
  /**
   * Makes an RPC object of a session, by the name of its interface: its number stands for it in results and arguments, and
   * its calls come like those of a session of this number. It ends with the session, or by `destroyObject`.
   */
  createObject(session: SessionNumber, of: string): SessionNumber;
  destroyObject(object: SessionNumber): void;
  /** Core only: address spaces, events, and running on. */
  readonly core?: CoreAccess | undefined;
  /** Core only: a dataspace of device memory, which its owner checked to be the subject's. */
  deviceMemory?(address: number, sizeBytes: number, isWritable: boolean): DataspaceId | undefined;
  /** Core only: I/O ports of the subject. */
  portIn?(port: number, sizeBytes: 1 | 2 | 4): number;
  portOut?(port: number, sizeBytes: 1 | 2 | 4, value: number): void;
  /** Next packet that the other side of a stream submitted; the copy of the descriptor was judged. */
  takePacket(session: SessionNumber, stream: 'tx' | 'rx'): PacketDescriptor | undefined;
  /** Gives a taken packet back to its source, with its words beyond offset and size replaced. */
  acknowledge(session: SessionNumber, stream: 'tx' | 'rx', packet: PacketDescriptor, more: readonly number[]): void;
  /** Submits a packet to the other side; undefined if the stream is saturated. */
  submit(
    session: SessionNumber,
    stream: 'tx' | 'rx',
    bytes: Uint8Array,
    more: readonly number[],
  ): PacketDescriptor | undefined;
  /** Next packet that the other side gave back; its piece of the buffer is free again after this handler. */
  takeAcknowledged(session: SessionNumber, stream: 'tx' | 'rx'): PacketDescriptor | undefined;
  /** Bytes of a packet. */
  readPacket(session: SessionNumber, stream: 'tx' | 'rx', packet: PacketDescriptor): Uint8Array;
  /** Overwrites the start of a packet; at most its size. */
  writePacket(session: SessionNumber, stream: 'tx' | 'rx', packet: PacketDescriptor, bytes: Uint8Array): void;
}

/** Outcome of a call: results in the order of the interface table, or the name of one of the function's errors. */
export type Called<State> =
  | { readonly state: State; readonly values: readonly RpcValue[] }
  | { readonly state: State; readonly error: string };

/**
 * A service of one Genode instance: the objects behind one session interface. Its state is immutable plain data; it
 * reaches the world only through `env`, and must do the same again when it is run again with the same answers.
 *
 * What the table can decide is decided before: arguments have their types and limits, signal registrations are kept by
 * the host (the call comes all the same), `tx_cap` and `rx_cap` are answered by the host.
 */
export interface Service<State = unknown> {
  /** Session interfaces that it serves, mostly one; all its sessions are numbered together. */
  readonly faces: readonly SessionInterface[];
  readonly initial: State;
  /** Called once before the first session. */
  start?(state: State, env: ServiceEnv): State;
  open(state: State, session: SessionNumber, request: SessionRequest, env: ServiceEnv): Result<State, SessionError>;
  close(state: State, session: SessionNumber, env: ServiceEnv): State;
  /** A client donated more to its session. */
  upgrade?(state: State, session: SessionNumber, more: Quota, env: ServiceEnv): State;
  call(state: State, session: SessionNumber, name: string, values: readonly RpcValue[], env: ServiceEnv): Called<State>;
  /** A time that the service asked for has come, or one that another asked for. */
  wake?(state: State, env: ServiceEnv): State;
  /** Core only: a device of the subject raised an interrupt. */
  interrupt?(state: State, vector: number, env: ServiceEnv): State;
  /** The client may have submitted or acknowledged packets. */
  packets?(state: State, session: SessionNumber, env: ServiceEnv): State;
}

/** A successful call. */
export const returns = <State>(state: State, ...values: RpcValue[]): Called<State> => ({ state, values });
/** A call that ends with an error of its function. */
export const fails = <State>(state: State, error: string): Called<State> => ({ state, error });

/** A map with one entry set or, for undefined, removed. */
export function withEntry<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  key: Key,
  value: Value | undefined,
): ReadonlyMap<Key, Value> {
  const next = new Map(map);
  if (value === undefined) next.delete(key);
  else next.set(key, value);
  return next;
}
