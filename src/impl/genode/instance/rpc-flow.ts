import { createObject, insertReference } from '../core/capabilities.ts';
import {
  awaitRequest,
  cancelRequest,
  type IpcNotice,
  type IpcStep,
  type Message,
  sendReply,
  sendRequest,
} from '../core/ipc.ts';
import { createContext } from '../core/signals.ts';
import { decodeValues, encodeValues, type RpcValue } from '../proxy/values.ts';
import { isStreamFunction, type RpcField, type RpcFunction } from '../services/interface.ts';
import type { OpenSession } from './state.ts';
import type { Workspace } from './workspace.ts';

/** Words at the start of a message: the badge of a request or the status of a reply, and the opcode. */
const HEADER: readonly RpcField[] = [
  { name: 'badge', type: { kind: 'u32' } },
  { name: 'opcode', type: { kind: 'u32' } },
];
const HEADER_BYTES = 8;

/** Largest number of registrations that an imprint tells apart. */
const IMPRINT_OPCODES = 0x100;

export const imprintOf = (handle: number, opcode: number): number => handle * IMPRINT_OPCODES + opcode;
export const handleOfImprint = (imprint: number): number => Math.floor(imprint / IMPRINT_OPCODES);
export const opcodeOfImprint = (imprint: number): number => imprint % IMPRINT_OPCODES;

/** True if a value of a field is a capability. */
const crosses = ({ type: { kind } }: RpcField): boolean =>
  kind === 'dataspace' || kind === 'signal' || kind === 'capability' || kind === 'session';

/** True if a value of a field stands for a session or an object; a packet stream has its dataspace in place of one. */
const isObject = (called: RpcFunction, { type: { kind } }: RpcField): boolean =>
  (kind === 'capability' || kind === 'session') && !isStreamFunction(called);

/** Puts a message together: capabilities stand beside the data, and in it as their place, from 1. */
function marshal(fields: readonly RpcField[], first: number, values: readonly RpcValue[]): Message {
  const caps: number[] = [];
  const sent = values.map((value, index) => {
    const field = fields[index];
    if (field === undefined || !crosses(field) || Number(value) === 0) return value;
    caps.push(Number(value));
    return caps.length;
  });
  return { data: [...encodeValues(HEADER, [first, 0]), ...encodeValues(fields, sent)], caps };
}

/** Takes a message apart for its receiver, to whose space the capabilities are handed. */
function unmarshal(
  ws: Workspace,
  fields: readonly RpcField[],
  message: Message,
  from: number,
  to: number,
): readonly RpcValue[] | undefined {
  const values = decodeValues(fields, message.data.slice(HEADER_BYTES));
  if (!values.ok) return undefined;
  return values.value.map((value, index) => {
    if (!crosses(fields[index]!) || Number(value) === 0) return value;
    const cap = message.caps[Number(value) - 1];
    return cap === undefined ? 0 : ws.delegate(from, cap, to);
  });
}

function headerOf(message: Message): number {
  const header = decodeValues(HEADER, message.data.slice(0, HEADER_BYTES));
  return header.ok ? Number(header.value[0]) : 0;
}

/** Makes a signal context of a component, for a function of one of its sessions; its capability there. */
export function registerSignal(ws: Workspace, client: number, handle: number, opcode: number): number {
  const context = createContext(ws.state.signals, client, imprintOf(handle, opcode));
  const object = createObject(ws.state.capabilities, 'signal-context', client, context.id);
  const referred = insertReference(ws.ops.capability, object.caps, client, object.identity);
  ws.change({ signals: context.signals, capabilities: referred.caps });
  return referred.id;
}

/** Makes the signal context that a client registers, in place of the truth value that it gives. */
function registered(
  ws: Workspace,
  client: number,
  handle: number,
  opcode: number,
  called: RpcFunction,
  values: readonly RpcValue[],
): readonly RpcValue[] {
  return values.map((value, index) => {
    if (called.arguments[index]?.type.kind !== 'signal' || Number(value) === 0) return value;
    return registerSignal(ws, client, handle, opcode);
  });
}

/** Sends the first of a component's calls; a session that is not open fails it at once. */
export function sendCall(ws: Workspace, client: number): void {
  const component = ws.component(client);
  const [call, ...rest] = component.calls;
  if (call === undefined) return;
  const id = component.handles[call.handle];
  const session = id === undefined ? undefined : ws.state.sessions[id];
  const called = session?.face.functions[call.opcode];
  if (id === undefined || session?.status !== 'open' || called === undefined) {
    ws.changeComponent(client, { calls: rest });
    failReply(ws, client, call.handle, called?.name ?? '');
    return;
  }
  ws.changeComponent(client, { isCalling: true });
  const values = registered(ws, client, call.handle, call.opcode, called, call.values);
  const message = marshal(called.arguments, id, values);
  // The opcode stands in the second word of the header.
  const data = [...encodeValues(HEADER, [id, call.opcode]), ...message.data.slice(HEADER_BYTES)];
  take(ws, sendRequest(ws.ops.ipc, ws.state.nodes, component.mainThread, session.thread, { ...message, data }));
}

function failReply(ws: Workspace, client: number, handle: number, name: string): void {
  ws.post(client, { kind: 'reply', handle, name, values: undefined, error: SESSION_DEAD });
}

/** A thread of a server waits for calls. */
export function awaitCalls(ws: Workspace, thread: number): void {
  take(ws, awaitRequest(ws.ops.ipc, ws.state.nodes, thread));
}

function take(ws: Workspace, step: IpcStep): void {
  ws.change({ nodes: step.nodes });
  for (const notice of step.notices) {
    if (notice.what === 'request') takeRequest(ws, notice);
    else takeReply(ws, notice);
  }
}

function takeRequest(ws: Workspace, { thread, message }: IpcNotice): void {
  const id = headerOf(message);
  const header = decodeValues(HEADER, message.data.slice(0, HEADER_BYTES));
  const opcode = header.ok ? Number(header.value[1]) : 0;
  const session = ws.state.sessions[id];
  const called = session?.face.functions[opcode];
  if (session === undefined || called === undefined || session.thread !== thread) return;
  const values = unmarshal(ws, called.arguments, message, session.client, session.server);
  if (values === undefined) {
    // An argument beyond its limit, such as a string that is too long: the service never sees it.
    ws.changeSession(id, { serving: opcode });
    reply(ws, id, undefined, '');
    return;
  }
  const signals = new Map(session.signals);
  called.arguments.forEach((field, index) => {
    if (field.type.kind === 'signal') signals.set(opcode, Number(values[index]));
  });
  ws.changeSession(id, { serving: opcode, signals });
  const own = values.map((value, index) =>
    isObject(called, called.arguments[index]!) ? ownObject(ws, session.server, Number(value)) : value,
  );
  ws.post(session.server, { kind: 'rpc', session: id, opcode, values: own });
}

/** Number of a server's own session or object that a capability stands for; 0 for what is not its own. */
function ownObject(ws: Workspace, server: number, cap: number): number {
  const session = ws.sessionOf(server, cap);
  return session !== undefined && ws.state.sessions[session]!.server === server ? session : 0;
}

/** A server's capability of one of its own objects; 0 for what is not its own. */
function capOfObject(ws: Workspace, server: number, value: number): number {
  const object = ws.state.sessions[value];
  if (object?.server !== server || object.status !== 'open' || value === 0) return 0;
  const referred = insertReference(ws.ops.capability, ws.state.capabilities, server, object.identity);
  ws.change({ capabilities: referred.caps });
  return referred.id;
}

/** Error of a call whose session is gone, be it that its server says so. */
const SESSION_DEAD = 'session-dead';

/** Status of a reply: errors of the function first, then those that every function has. */
const errorsOf = ({ errors }: RpcFunction): readonly string[] => [...errors, 'unknown', SESSION_DEAD];
const statusOf = (called: RpcFunction, error: string): number =>
  errorsOf(called).indexOf(error) + 1 || called.errors.length + 1;
const errorOf = (called: RpcFunction, status: number): string => errorsOf(called)[status - 1] ?? 'unknown';

/** The reply, or the failure, of the call that a component waits for. */
function takeReply(ws: Workspace, { thread, what, message }: IpcNotice): void {
  const client = ws.state.components.findIndex(({ mainThread }) => mainThread === thread);
  if (client < 0) return;
  const component = ws.component(client);
  const [call, ...rest] = component.calls;
  if (call === undefined || !component.isCalling) return;
  ws.changeComponent(client, { calls: rest, isCalling: false });
  const id = component.handles[call.handle];
  const session = id === undefined ? undefined : ws.state.sessions[id];
  const called = session?.face.functions[call.opcode];
  if (what === 'failed' || session === undefined || called === undefined) {
    failReply(ws, client, call.handle, called?.name ?? '');
    return;
  }
  const status = headerOf(message);
  const values = status === 0 ? unmarshal(ws, called.results, message, session.server, client) : [];
  if (status === 0 && values !== undefined) noteStream(ws, client, call.handle, called.name, session, values);
  const error = status === 0 ? '' : errorOf(called, status);
  ws.post(client, {
    kind: 'reply',
    handle: call.handle,
    name: called.name,
    values: status === 0 ? values : undefined,
    error,
  });
}

/** The client knows the dataspace of a packet stream now: it can use its side of it. */
function noteStream(
  ws: Workspace,
  client: number,
  handle: number,
  name: string,
  session: OpenSession,
  values: readonly RpcValue[],
): void {
  if (name === 'tx_cap' || name === 'rx_cap')
    ws.addClientStream(client, handle, name === 'tx_cap' ? 'tx' : 'rx', session, Number(values[0] ?? 0));
}

/** A server replies to the call that a session's thread serves, and waits for the next one. */
export function reply(ws: Workspace, id: number, values: readonly RpcValue[] | undefined, error: string): void {
  const session = ws.state.sessions[id];
  if (session === undefined || session.serving < 0) return;
  const called = session.face.functions[session.serving]!;
  const status = values === undefined ? statusOf(called, error) : 0;
  const results = status === 0 ? called.results : [];
  ws.changeSession(id, { serving: -1 });
  const given = (values ?? []).map((value, index) => {
    const field = results[index];
    return field !== undefined && isObject(called, field) ? capOfObject(ws, session.server, Number(value)) : value;
  });
  take(ws, sendReply(ws.ops.ipc, ws.state.nodes, session.thread, marshal(results, status, given)));
  awaitCalls(ws, session.thread);
}

/** A session ended: the call that is under way fails, and its server is free for others. */
export function failCalls(ws: Workspace, id: number): void {
  const session = ws.state.sessions[id]!;
  const component = ws.component(session.client);
  const [call, ...rest] = component.calls;
  if (!component.isCalling || call === undefined || component.handles[call.handle] !== id) return;
  ws.change({ nodes: cancelRequest(ws.ops.ipc, ws.state.nodes, component.mainThread).nodes });
  ws.changeComponent(session.client, { calls: rest, isCalling: false });
  failReply(ws, session.client, call.handle, session.face.functions[call.opcode]?.name ?? '');
  if (session.serving < 0) return;
  ws.changeSession(id, { serving: -1 });
  take(ws, sendReply(ws.ops.ipc, ws.state.nodes, session.thread, { data: [], caps: [] }));
  awaitCalls(ws, session.thread);
}
