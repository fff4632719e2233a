import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { PacketDescriptor } from '../core/packet-stream.ts';
import { lastElement } from '../init/label.ts';
import { isYes } from '../init/values.ts';
import type { RpcValue } from '../proxy/values.ts';
import { addContent, checkContent } from './file-content.ts';
import {
  DIRECTORY_ENTRY_BYTES,
  decodeFileRequest,
  encodeDirectoryEntry,
  encodeFileRequest,
  type FileRequest,
  SEEK_TAIL,
} from './file-system-packet.ts';
import { FileCall, type FileOutcome, type FileSystemState, type OpenNode } from './file-system-session.ts';
import {
  changeNode,
  type DirectoryNode,
  directoryAt,
  EMPTY_TREE,
  type FileTree,
  lookup,
  MAX_FILE_BYTES,
  pathElements,
  ROOT,
  readFile,
  type TreeNode,
  writeFile,
} from './file-tree.ts';
import { interfaceNamed } from './interfaces.ts';
import {
  type Called,
  fails,
  returns,
  type Service,
  type ServiceEnv,
  type SessionNumber,
  withEntry,
} from './service.ts';
import { policyFor } from './service-config.ts';
import type { ServiceOps } from './service-ops.ts';

/** Longest target of a symbolic link. */
const MAX_TARGET = 1023;

/** Packets that wait for a change of one node; a stream has no more slots. */
const MAX_WAITING = 32;

/** How a packet goes back: with so many bytes done, or not done, or later. */
type Answer = { readonly tree: FileTree; readonly done: number | undefined } | 'later';

function readDirectory(
  tree: FileTree,
  { entries }: DirectoryNode,
  position: bigint,
  lengthBytes: number,
  rights: number,
) {
  const size = BigInt(DIRECTORY_ENTRY_BYTES);
  if (position % size !== 0n) return new Uint8Array(0);
  const first = position / size;
  if (first >= BigInt(entries.size)) return new Uint8Array(0);
  const count = Math.floor(lengthBytes / DIRECTORY_ENTRY_BYTES);
  const shown = [...entries].slice(Number(first), Number(first) + count);
  const bytes = new Uint8Array(shown.length * DIRECTORY_ENTRY_BYTES);
  for (const [index, [name, inode]] of shown.entries()) {
    const { type } = tree.nodes.get(inode)!;
    bytes.set(encodeDirectoryEntry({ inode, type, rights, name }), index * DIRECTORY_ENTRY_BYTES);
  }
  return bytes;
}

function readNode(
  tree: FileTree,
  node: TreeNode,
  { position, lengthBytes }: FileRequest,
  rights: number,
  env: ServiceEnv,
) {
  if (node.type === 'directory') return readDirectory(tree, node, position, lengthBytes, rights);
  const sizeBytes = node.type === 'file' ? node.sizeBytes : node.target.length;
  const tail = Math.max(0, sizeBytes - lengthBytes);
  const at = position === SEEK_TAIL ? tail : position > BigInt(sizeBytes) ? sizeBytes : Number(position);
  if (node.type === 'file') return readFile(node, at, lengthBytes, env);
  return Uint8Array.from(node.target.slice(at, at + lengthBytes), character => character.charCodeAt(0));
}

function writeNode(
  ops: ServiceOps,
  tree: FileTree,
  { inode }: OpenNode,
  node: TreeNode,
  { position }: FileRequest,
  bytes: Uint8Array,
  env: ServiceEnv,
): Answer {
  if (node.type === 'symlink') {
    const target = String.fromCharCode(...bytes.subarray(0, MAX_TARGET)).replace(/\0.*$/s, '');
    return { tree: changeNode(tree, inode, { ...node, target }), done: Math.min(bytes.length, MAX_TARGET) };
  }
  if (node.type !== 'file') return { tree, done: undefined };
  if (position !== SEEK_TAIL && position > BigInt(MAX_FILE_BYTES)) return { tree, done: undefined };
  const at = position === SEEK_TAIL ? ops.appendPlace(node.sizeBytes) : Number(position);
  const { file, written } = writeFile(node, at, bytes, env);
  if (bytes.length === 0) return { tree, done: 0 };
  // A write that found no room at all fails; one that found some says how much.
  return { tree: written === 0 ? tree : changeNode(tree, inode, file), done: written === 0 ? undefined : written };
}

/** Performs what one packet asks for. */
function perform(
  ops: ServiceOps,
  state: FileSystemState,
  session: SessionNumber,
  packet: PacketDescriptor,
  request: FileRequest,
  env: ServiceEnv,
): Answer {
  const { tree } = state;
  const own = state.sessions.get(session)!;
  const open = own.handles.get(request.handle);
  const node = open === undefined ? undefined : tree.nodes.get(open.inode);
  const refused: Answer = { tree, done: undefined };
  if (open === undefined || node === undefined || request.lengthBytes > packet.sizeBytes) return refused;
  switch (request.operation) {
    case 'read': {
      if (!open.isReading) return refused;
      const bytes = readNode(tree, node, request, own.isWriteable ? 3 : 1, env);
      env.writePacket(session, 'tx', packet, bytes);
      return { tree, done: bytes.length };
    }
    case 'write': {
      if (!ops.mayWriteFile(open.isWriting, own.isWriteable)) return refused;
      const bytes = env.readPacket(session, 'tx', { ...packet, sizeBytes: request.lengthBytes });
      return writeNode(ops, tree, open, node, request, bytes, env);
    }
    case 'write-timestamp':
      if (!own.isWriteable) return refused;
      return {
        tree: { ...tree, nodes: withEntry(tree.nodes, open.inode, { ...node, mtimeMs: request.position }) },
        done: 0,
      };
    case 'content-changed':
      return open.kind === 'watch' && open.waiting.length < MAX_WAITING ? 'later' : refused;
    case 'read-ready':
    case 'sync':
      // Memory is always ready, and as it should be.
      return { tree, done: 0 };
    default:
      return refused;
  }
}

function acknowledge(
  session: SessionNumber,
  packet: PacketDescriptor,
  request: FileRequest,
  done: number | undefined,
  env: ServiceEnv,
): void {
  const words = encodeFileRequest({ ...request, lengthBytes: done ?? 0, isDone: done !== undefined });
  // The words as they came: an unknown operation goes back as it is, too.
  env.acknowledge(session, 'tx', packet, [words[0]!, packet.more[1] ?? 0, ...words.slice(2)]);
}

/** Gives watchers whose node changed, or is gone, the packet that they wait with. */
function tellWatchers(ops: ServiceOps, before: FileSystemState, env: ServiceEnv): FileSystemState {
  let state = before;
  for (const [session, own] of before.sessions) {
    for (const [handle, open] of own.handles) {
      const version = state.tree.nodes.get(open.inode)?.version ?? -1;
      if (open.waiting.length === 0 || !ops.isUnseen(version, open.told)) continue;
      for (const packet of open.waiting) acknowledge(session, packet, decodeFileRequest(packet.more), 0, env);
      const known = state.sessions.get(session)!;
      const handles = withEntry(known.handles, handle, { ...open, told: version, waiting: [] });
      state = { ...state, sessions: withEntry(state.sessions, session, { ...known, handles }) };
    }
  }
  return state;
}

/** Serves all packets of a session. */
function servePackets(ops: ServiceOps, before: FileSystemState, session: SessionNumber, env: ServiceEnv) {
  let state = before;
  for (;;) {
    const packet = env.takePacket(session, 'tx');
    if (packet === undefined) return tellWatchers(ops, state, env);
    const request = decodeFileRequest(packet.more);
    const answer = perform(ops, state, session, packet, request, env);
    if (answer === 'later') {
      const own = state.sessions.get(session)!;
      const open = own.handles.get(request.handle)!;
      const handles = withEntry(own.handles, request.handle, { ...open, waiting: [...open.waiting, packet] });
      state = { ...state, sessions: withEntry(state.sessions, session, { ...own, handles }) };
    } else {
      acknowledge(session, packet, request, answer.done, env);
      state = { ...state, tree: answer.tree };
    }
  }
}

function performCall(call: FileCall, name: string, [first, second, third, fourth]: readonly RpcValue[]): FileOutcome {
  const [text, other] = [String(second), String(fourth)];
  switch (name) {
    case 'file':
      return call.file(Number(first), text, Number(third), Number(fourth) === 1);
    case 'symlink':
      return call.symlink(Number(first), text, Number(third) === 1);
    case 'dir':
      return call.dir(String(first), Number(second) === 1);
    case 'node':
    case 'watch':
      return call.node(String(first), name);
    case 'close':
      return call.close(Number(first));
    case 'status':
      return call.status(Number(first));
    case 'control':
      return call.control(Number(first));
    case 'unlink':
      return call.unlink(Number(first), text);
    case 'truncate':
      return call.truncate(Number(first), BigInt.asUintN(64, BigInt(second as bigint)));
    case 'move':
      return call.move(Number(first), text, Number(third), other);
    default:
      return call.countEntries(Number(first));
  }
}

/** Root of a session: the policy's, and below it what the client's label or argument asks for. */
function rootOf(tree: FileTree, policy: XmlElement, label: string, asked: string | undefined): number | undefined {
  const outer = pathElements(policy.attributes.root ?? '/');
  const last = lastElement(label);
  const inner = pathElements(asked ?? (last.startsWith('/') ? last : '/'));
  const inode = outer === undefined || inner === undefined ? undefined : lookup(tree, ROOT, [...outer, ...inner]);
  return inode !== undefined && directoryAt(tree, inode) !== undefined ? inode : undefined;
}

/**
 * ram_fs: directories, files and symbolic links in memory, with what `<content>` lists. A policy gives each session its
 * root and says whether it may write.
 */
export function fileSystemService(
  config: XmlElement | undefined,
  ops: ServiceOps,
): Result<Service<FileSystemState>, string> {
  const content = config?.children.find(({ name }) => name === 'content')?.children ?? [];
  const wrong = checkContent(content);
  if (wrong !== '') return err(wrong);
  return ok({
    faces: [interfaceNamed('File_system')],
    initial: { tree: EMPTY_TREE, isComplete: false, sessions: new Map() },
    start(state, env) {
      const tree = addContent(EMPTY_TREE, ROOT, content, env);
      return tree === undefined ? state : { ...state, tree, isComplete: true };
    },
    open(state, session, { label, args }) {
      const policy = policyFor(config, label);
      if (policy === undefined) return err('DENIED');
      if (!state.isComplete) return err('INSUFFICIENT_RAM');
      const root = rootOf(state.tree, policy, label, args.root);
      if (root === undefined) return err('DENIED');
      const isWriteable = isYes(policy.attributes.writeable) && isYes(args.writeable);
      const own = { root, isWriteable, handles: new Map(), nextHandle: 1 };
      return ok({ ...state, sessions: withEntry(state.sessions, session, own) });
    },
    close: (state, session) => ({ ...state, sessions: withEntry(state.sessions, session, undefined) }),
    call(state, session, name, values, env): Called<FileSystemState> {
      const outcome = performCall(new FileCall(ops, state, session, env), name, values);
      if ('error' in outcome) return fails(state, outcome.error);
      return returns(tellWatchers(ops, outcome.state, env), ...outcome.values);
    },
    packets: (state, session, env) => servePackets(ops, state, session, env),
  });
}
