/** Half of a thread's state that serves others (Genode base-hw `Ipc_node::In`). */
export type InState = 'READY' | 'WAIT' | 'REPLY' | 'REPLY_NO_SENDER' | 'DESTRUCT';
/** Half of a thread's state that calls others (Genode base-hw `Ipc_node::Out`). */
export type OutState = 'READY' | 'SEND' | 'DESTRUCT';

/** Most capabilities in one message. */
export const MAX_CAPS_PER_MESSAGE = 4;
/** Bytes of a message, header included: one page. */
export const MESSAGE_BYTES = 4096;

export interface Message {
  readonly data: readonly number[];
  readonly caps: readonly number[];
}

/** A thread as the kernel's message passing sees it. */
export interface IpcNode {
  readonly in: InState;
  readonly out: OutState;
  /** Threads that send to this one, first come first; the one being served stays at the head until the reply. */
  readonly senders: readonly number[];
  /** Thread that it sends to, -1 for none. */
  readonly callee: number;
  readonly message: Message;
}

/** All threads, by index. */
export type IpcNodes = readonly IpcNode[];

/** What happened to a thread that called or waited. */
export interface IpcNotice {
  readonly thread: number;
  readonly what: 'request' | 'reply' | 'failed';
  readonly message: Message;
}

export interface IpcStep {
  readonly nodes: IpcNodes;
  readonly notices: readonly IpcNotice[];
  /** False if the thread may not do this now. */
  readonly isAllowed: boolean;
}

/** Leaf decisions of message passing; a seeded fault replaces one of them. */
export interface IpcOps {
  /** Sender to serve next. */
  nextSender(senders: readonly number[]): number;
  /** State of a server whose client died while it was served. */
  afterLostClient(): InState;
  /** Capabilities of a message that arrive. */
  deliveredCaps(caps: readonly number[]): readonly number[];
}

export const ipcOps: IpcOps = {
  nextSender: senders => senders[0]!,
  afterLostClient: () => 'REPLY_NO_SENDER',
  deliveredCaps: caps => caps.slice(0, MAX_CAPS_PER_MESSAGE),
};

export const NO_MESSAGE: Message = { data: [], caps: [] };

export const idleNode: IpcNode = { in: 'READY', out: 'READY', senders: [], callee: -1, message: NO_MESSAGE };

function change(nodes: IpcNodes, id: number, changes: Partial<IpcNode>): IpcNodes {
  return nodes.map((node, index) => (index === id ? { ...node, ...changes } : node));
}

const refused = (nodes: IpcNodes): IpcStep => ({ nodes, notices: [], isAllowed: false });

/** A copy of a message as the receiver gets it. */
const received = (ops: IpcOps, { data, caps }: Message): Message => ({
  data: data.slice(0, MESSAGE_BYTES),
  caps: ops.deliveredCaps(caps),
});

/** `caller` calls `callee` and blocks until it replies, dies or the call is cancelled. */
export function sendRequest(ops: IpcOps, nodes: IpcNodes, caller: number, callee: number, message: Message): IpcStep {
  const node = nodes[caller]!;
  if (node.out !== 'READY' || node.in === 'WAIT' || node.in === 'DESTRUCT') return refused(nodes);
  const target = nodes[callee];
  if (target === undefined || target.in === 'DESTRUCT' || callee === caller)
    return { nodes, notices: [{ thread: caller, what: 'failed', message: NO_MESSAGE }], isAllowed: true };
  const sent = change(nodes, caller, { out: 'SEND', callee, message });
  const queued = change(sent, callee, { senders: [...target.senders, caller] });
  return target.in === 'WAIT' ? takeRequest(ops, queued, callee) : { nodes: queued, notices: [], isAllowed: true };
}

/** `server` waits for a request; the head of its queue is served at once. */
export function awaitRequest(ops: IpcOps, nodes: IpcNodes, server: number): IpcStep {
  const node = nodes[server]!;
  if (node.in !== 'READY' || node.out !== 'READY') return refused(nodes);
  const waiting = change(nodes, server, { in: 'WAIT' });
  return node.senders.length > 0 ? takeRequest(ops, waiting, server) : { nodes: waiting, notices: [], isAllowed: true };
}

function takeRequest(ops: IpcOps, nodes: IpcNodes, server: number): IpcStep {
  const { senders } = nodes[server]!;
  const client = ops.nextSender(senders);
  const queue = [client, ...senders.filter(other => other !== client)];
  const message = received(ops, nodes[client]!.message);
  const serving = change(nodes, server, { in: 'REPLY', senders: queue });
  return { nodes: serving, notices: [{ thread: server, what: 'request', message }], isAllowed: true };
}

/** `server` replies to the client that it serves; without one the reply is dropped. */
export function sendReply(ops: IpcOps, nodes: IpcNodes, server: number, message: Message): IpcStep {
  const node = nodes[server]!;
  if (node.in === 'REPLY_NO_SENDER')
    return { nodes: change(nodes, server, { in: 'READY' }), notices: [], isAllowed: true };
  if (node.in !== 'REPLY') return refused(nodes);
  const [client, ...senders] = node.senders;
  const answered = change(nodes, server, { in: 'READY', senders });
  const freed = change(answered, client!, { out: 'READY', callee: -1, message: NO_MESSAGE });
  return {
    nodes: freed,
    notices: [{ thread: client!, what: 'reply', message: received(ops, message) }],
    isAllowed: true,
  };
}

/** The call of `caller` is cancelled, or the caller ends: it leaves its callee's queue. */
export function cancelRequest(ops: IpcOps, nodes: IpcNodes, caller: number): IpcStep {
  const { out, callee } = nodes[caller]!;
  if (out !== 'SEND') return refused(nodes);
  const server = nodes[callee]!;
  const isServed = server.in === 'REPLY' && server.senders[0] === caller;
  const senders = server.senders.filter(other => other !== caller);
  const left = change(nodes, callee, { senders, in: isServed ? ops.afterLostClient() : server.in });
  return {
    nodes: change(left, caller, { out: 'READY', callee: -1, message: NO_MESSAGE }),
    notices: [],
    isAllowed: true,
  };
}

/** A thread ends: its own call is withdrawn, and everyone who calls it learns that the call failed. */
export function destroyNode(ops: IpcOps, nodes: IpcNodes, id: number): IpcStep {
  if (nodes[id]!.in === 'DESTRUCT') return refused(nodes);
  const withdrawn = nodes[id]!.out === 'SEND' ? cancelRequest(ops, nodes, id).nodes : nodes;
  const { senders } = withdrawn[id]!;
  let ended = change(withdrawn, id, { in: 'DESTRUCT', out: 'DESTRUCT', senders: [], callee: -1, message: NO_MESSAGE });
  for (const sender of senders) ended = change(ended, sender, { out: 'READY', callee: -1, message: NO_MESSAGE });
  const notices = senders.map((thread): IpcNotice => ({ thread, what: 'failed', message: NO_MESSAGE }));
  return { nodes: ended, notices, isAllowed: true };
}
