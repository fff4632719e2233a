import type { Quota } from '../core/parent.ts';
import type { RpcValue } from '../proxy/values.ts';
import type { CoreAccess } from '../services/core-access.ts';
import type { SessionInterface } from '../services/interface.ts';
import type { SessionError, SessionNumber } from '../services/service.ts';
import { type HostEnv, type HostedSession, StreamUse } from '../services/stream-use.ts';
import type { Environment, Handle } from './component.ts';
import { coreAccess } from './core-access.ts';
import type { Guest } from './guest.ts';
import { LINE_BYTES, LOG_HANDLE, report } from './init-log.ts';
import { reply } from './rpc-flow.ts';
import { bindCapability, capabilityOf, createRpcObject, endObject } from './rpc-object.ts';
import { acceptSession, closeHandle, denySession, endSession, openSession, upgradeHandle } from './session-flow.ts';
import type { SubjectInfo } from './subject-info.ts';
import { CORE, type Workspace } from './workspace.ts';

/** What core lends a component: memory on its own account, signals, time. */
class LentByCore implements HostEnv {
  readonly #ws: Workspace;
  readonly #pd: number;
  readonly wakeStream: (session: SessionNumber) => void;
  readonly core: CoreAccess | undefined;
  /** What core alone may use: devices of the subject. */
  readonly deviceMemory?: NonNullable<HostEnv['deviceMemory']>;
  readonly portIn?: NonNullable<HostEnv['portIn']>;
  readonly portOut?: NonNullable<HostEnv['portOut']>;

  constructor(ws: Workspace, pd: number, wakeStream: (session: SessionNumber) => void) {
    this.#ws = ws;
    this.#pd = pd;
    this.wakeStream = wakeStream;
    this.core = pd === CORE ? coreAccess(ws) : undefined;
    if (pd !== CORE) return;
    this.deviceMemory = (address, sizeBytes, isWritable) => ws.regionDataspace(address, sizeBytes, isWritable);
    this.portIn = (port, sizeBytes) => ws.guest.portIn(port, sizeBytes);
    this.portOut = (port, sizeBytes, value) => ws.guest.portOut(port, sizeBytes, value);
  }

  allocate(sizeBytes: number): number | undefined {
    return this.#ws.allocateRam(this.#pd, sizeBytes);
  }

  release(dataspace: number): void {
    this.#ws.freeRam(this.#pd, dataspace);
  }

  sizeOf(dataspace: number): number {
    return this.#ws.sizeOf(this.#pd, dataspace);
  }

  read(dataspace: number, offset: number, sizeBytes: number): Uint8Array {
    return this.#ws.read(this.#pd, dataspace, offset, sizeBytes);
  }

  write(dataspace: number, offset: number, bytes: Uint8Array): void {
    this.#ws.write(this.#pd, dataspace, offset, bytes);
  }

  notify(session: SessionNumber, opcode: number): void {
    notify(this.#ws, this.#pd, session, opcode);
  }

  createObject(session: SessionNumber, of: string): SessionNumber {
    return createRpcObject(this.#ws, session, of);
  }

  destroyObject(object: SessionNumber): void {
    endObject(this.#ws, object);
  }

  nowUs(): number {
    return this.#ws.nowUs();
  }

  wakeAtUs(us: number): void {
    const { wakesUs } = this.#ws.component(this.#pd);
    if (!wakesUs.includes(us)) this.#ws.changeComponent(this.#pd, { wakesUs: [...wakesUs, us].sort((a, b) => a - b) });
  }
}

export const hostEnvOf = (ws: Workspace, pd: number, wakeStream: (session: SessionNumber) => void): HostEnv =>
  new LentByCore(ws, pd, wakeStream);

function notify(ws: Workspace, server: number, session: SessionNumber, opcode: number): void {
  const found = ws.state.sessions[session];
  const cap = found?.server === server ? found.signals.get(opcode) : undefined;
  if (cap !== undefined) ws.submit(server, cap);
}

/** Tells the client of a session that the server used its packet streams. */
export function wakeClient(ws: Workspace, session: SessionNumber): void {
  const found = ws.state.sessions[session];
  if (found !== undefined) ws.post(found.client, { kind: 'packets', handle: found.handle });
}

/** Environment of a program while it handles one event. */
export class ComponentEnv implements Environment {
  readonly #ws: Workspace;
  readonly #pd: number;
  readonly #host: HostEnv;
  readonly streams: StreamUse;
  readonly served: StreamUse;

  /** @param served packet streams of the sessions that the program itself serves */
  constructor(ws: Workspace, pd: number, served: ReadonlyMap<SessionNumber, HostedSession>) {
    this.#ws = ws;
    this.#pd = pd;
    this.#host = hostEnvOf(ws, pd, session => wakeClient(ws, session));
    const { streams, handles } = ws.component(pd);
    const wakeServer = (handle: Handle): void => {
      const id = handles[handle];
      const session = id === undefined ? undefined : ws.state.sessions[id];
      if (session !== undefined) ws.post(session.server, { kind: 'clientPackets', session: id! });
    };
    this.streams = new StreamUse(ws.ops.stream, streams, hostEnvOf(ws, pd, wakeServer));
    this.served = new StreamUse(ws.ops.stream, served, this.#host);
  }

  get name(): string {
    return this.#ws.component(this.#pd).name;
  }

  get info(): SubjectInfo {
    return this.#ws.state.info!;
  }

  get guest(): Guest {
    return this.#ws.guest;
  }

  allocate(sizeBytes: number): number | undefined {
    return this.#host.allocate(sizeBytes);
  }

  release(dataspace: number): void {
    this.#host.release(dataspace);
  }

  sizeOf(dataspace: number): number {
    return this.#host.sizeOf(dataspace);
  }

  read(dataspace: number, offset: number, sizeBytes: number): Uint8Array {
    return this.#host.read(dataspace, offset, sizeBytes);
  }

  write(dataspace: number, offset: number, bytes: Uint8Array): void {
    this.#host.write(dataspace, offset, bytes);
  }

  nowUs(): number {
    return this.#host.nowUs();
  }

  wakeAtUs(us: number): void {
    this.#host.wakeAtUs(us);
  }

  log(text: string): void {
    for (let at = 0; at === 0 || at < text.length; at += LINE_BYTES)
      this.call(LOG_HANDLE, 'write', `${text.slice(at, at + LINE_BYTES)}\n`);
  }

  open(service: string, label: string, args: Readonly<Record<string, string>> = {}): Handle {
    return openSession(this.#ws, this.#pd, service, label, args);
  }

  call(handle: Handle, name: string, ...values: RpcValue[]): void {
    this.#ws.callOf(this.#pd, handle, name, ...values);
  }

  upgrade(handle: Handle, quota: Quota): boolean {
    return upgradeHandle(this.#ws, this.#pd, handle, quota);
  }

  exit(code: number): void {
    this.#ws.changeComponent(this.#pd, { exitCode: code });
  }

  fault(access: 'READ' | 'WRITE' | 'EXEC', address: number): void {
    const { init, name } = this.#ws.component(this.#pd);
    this.#ws.changeComponent(this.#pd, { isFaulted: true });
    const place = `0x${address.toString(16)}`;
    report(this.#ws, init, `no RM attachment for child "${name}" (${access} at ${place}): it stays stopped`);
  }

  again(): void {
    this.#ws.post(this.#pd, { kind: 'wake' });
  }

  morePackets(handle: Handle): void {
    this.#ws.post(this.#pd, { kind: 'packets', handle });
  }

  close(handle: Handle): void {
    closeHandle(this.#ws, this.#pd, handle);
  }

  announce(face: SessionInterface): void {
    const [first, ...rest] = this.#ws.component(this.#pd).faces;
    this.#ws.changeComponent(this.#pd, { faces: [[...(first ?? []), face], ...rest] });
    this.#ws.change({ mayRetry: true });
  }

  #serves(session: SessionNumber): boolean {
    return this.#ws.state.sessions[session]?.server === this.#pd;
  }

  accept(session: SessionNumber): void {
    if (!this.#serves(session)) return;
    const { face, label, args } = this.#ws.state.sessions[session]!;
    const isPossible = this.served.addSession(session, face, { service: face.service, label, args, ramBytes: 0 });
    if (isPossible) acceptSession(this.#ws, session);
    else denySession(this.#ws, session, 'INSUFFICIENT_RAM');
  }

  deny(session: SessionNumber, error: SessionError): void {
    if (this.#serves(session)) denySession(this.#ws, session, error);
  }

  reply(session: SessionNumber, values: readonly RpcValue[]): void {
    if (this.#serves(session)) reply(this.#ws, session, values, '');
  }

  replyError(session: SessionNumber, error: string): void {
    if (this.#serves(session)) reply(this.#ws, session, undefined, error);
  }

  end(session: SessionNumber): void {
    if (!this.#serves(session)) return;
    this.served.removeSession(session);
    endSession(this.#ws, session);
  }

  notify(session: SessionNumber, opcode: number): void {
    this.#host.notify(session, opcode);
  }

  bind(cap: number): Handle {
    return bindCapability(this.#ws, this.#pd, cap);
  }

  capabilityOf(handle: Handle): number {
    return capabilityOf(this.#ws, this.#pd, handle);
  }

  createObject(session: SessionNumber, of: string): SessionNumber {
    return this.#serves(session) ? this.served.createObject(session, of) : 0;
  }

  destroyObject(object: SessionNumber): void {
    if (this.#serves(object)) this.served.destroyObject(object);
  }
}
