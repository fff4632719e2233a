import type { PacketDescriptor } from '../core/packet-stream.ts';
import { DIRECTORY_ENTRY_BYTES, NODE_TYPES } from './file-system-packet.ts';
import {
  addNode,
  changeNode,
  childOf,
  directoryAt,
  dropNode,
  EMPTY_DIRECTORY,
  EMPTY_FILE,
  EMPTY_SYMLINK,
  type FileTree,
  isBelow,
  isNodeName,
  lookup,
  MAX_FILE_BYTES,
  pathElements,
  setEntry,
  type TreeNode,
  truncateFile,
} from './file-tree.ts';
import type { ServiceEnv, SessionNumber } from './service.ts';
import { withEntry } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

/** Handles that a session may have open. */
const MAX_HANDLES = 128;
/** Modes of `file`, by number. */
const MODES = [
  { isReading: false, isWriting: false },
  { isReading: true, isWriting: false },
  { isReading: false, isWriting: true },
  { isReading: true, isWriting: true },
] as const;

export interface OpenNode {
  readonly inode: number;
  readonly kind: 'file' | 'symlink' | 'dir' | 'node' | 'watch';
  readonly isReading: boolean;
  readonly isWriting: boolean;
  /** Version of the node when its watcher was told last. */
  readonly told: number;
  /** Packets that go back when the node changes. */
  readonly waiting: readonly PacketDescriptor[];
}

export interface FileSession {
  readonly root: number;
  readonly isWriteable: boolean;
  readonly handles: ReadonlyMap<number, OpenNode>;
  readonly nextHandle: number;
}

export interface FileSystemState {
  readonly tree: FileTree;
  /** False if there was not enough RAM for the contents of the configuration. */
  readonly isComplete: boolean;
  readonly sessions: ReadonlyMap<SessionNumber, FileSession>;
}

/** Outcome of a function: a changed state with results, or the name of an error. */
export type FileOutcome =
  | { readonly state: FileSystemState; readonly values: readonly (number | bigint)[] }
  | { readonly error: string };

const failed = (error: string): FileOutcome => ({ error });

/** A session's own view of the state while one of its calls is served. */
export class FileCall {
  readonly #ops: ServiceOps;
  readonly #env: ServiceEnv;
  readonly #session: SessionNumber;
  #state: FileSystemState;

  constructor(ops: ServiceOps, state: FileSystemState, session: SessionNumber, env: ServiceEnv) {
    this.#ops = ops;
    this.#state = state;
    this.#session = session;
    this.#env = env;
  }

  get #own(): FileSession {
    return this.#state.sessions.get(this.#session)!;
  }

  get #tree(): FileTree {
    return this.#state.tree;
  }

  #setTree(tree: FileTree): void {
    this.#state = { ...this.#state, tree };
  }

  #done(...values: (number | bigint)[]): FileOutcome {
    return { state: this.#state, values };
  }

  /** Node behind a handle, undefined if the handle is not open or its node is gone. */
  #opened(handle: number): { readonly open: OpenNode; readonly node: TreeNode } | undefined {
    const open = this.#own.handles.get(handle);
    const node = open === undefined ? undefined : this.#tree.nodes.get(open.inode);
    return open === undefined || node === undefined ? undefined : { open, node };
  }

  /** Inode of the directory behind a handle that `dir` gave. */
  #directory(handle: number): number | undefined {
    const opened = this.#opened(handle);
    return opened?.open.kind === 'dir' && opened.node.type === 'directory' ? opened.open.inode : undefined;
  }

  #open(inode: number, kind: OpenNode['kind'], mode: { isReading: boolean; isWriting: boolean }): FileOutcome {
    const own = this.#own;
    if (own.handles.size >= MAX_HANDLES) return failed('Out_of_ram');
    const told = this.#tree.nodes.get(inode)?.version ?? 0;
    const open: OpenNode = { inode, kind, ...mode, told, waiting: [] };
    const changed = { ...own, handles: withEntry(own.handles, own.nextHandle, open), nextHandle: own.nextHandle + 1 };
    this.#state = { ...this.#state, sessions: withEntry(this.#state.sessions, this.#session, changed) };
    return this.#done(own.nextHandle);
  }

  #full(): boolean {
    return this.#own.handles.size >= MAX_HANDLES;
  }

  /** Opens the node `name` of a directory, or makes it. */
  #named(
    directory: number | undefined,
    name: string,
    isNew: boolean,
    fresh: TreeNode,
    mode: { isReading: boolean; isWriting: boolean },
  ): FileOutcome {
    if (directory === undefined) return failed('Invalid_handle');
    if (!isNodeName(name)) return failed('Invalid_name');
    if ((isNew || mode.isWriting) && !this.#own.isWriteable) return failed('Permission_denied');
    if (this.#full()) return failed('Out_of_ram');
    const kind = fresh.type === 'file' ? 'file' : 'symlink';
    const known = childOf(this.#tree, directory, name);
    if (!isNew) {
      const isKind = known !== undefined && this.#tree.nodes.get(known)?.type === fresh.type;
      return isKind ? this.#open(known, kind, mode) : failed('Lookup_failed');
    }
    if (known !== undefined) return failed('Node_already_exists');
    const added = addNode(this.#tree, directory, name, fresh);
    if (added === undefined) return failed('No_space');
    this.#setTree(added.tree);
    return this.#open(added.inode, kind, mode);
  }

  file(directory: number, name: string, mode: number, isNew: boolean): FileOutcome {
    const rights = MODES[mode];
    if (rights === undefined) return failed('Permission_denied');
    return this.#named(this.#directory(directory), name, isNew, EMPTY_FILE, rights);
  }

  symlink(directory: number, name: string, isNew: boolean): FileOutcome {
    const rights = { isReading: true, isWriting: isNew };
    return this.#named(this.#directory(directory), name, isNew, EMPTY_SYMLINK, rights);
  }

  dir(path: string, isNew: boolean): FileOutcome {
    const rights = { isReading: true, isWriting: false };
    const elements = pathElements(path);
    if (elements === undefined) return failed('Lookup_failed');
    if (elements.some(name => name.length > 127)) return failed('Name_too_long');
    if (!isNew) {
      const inode = lookup(this.#tree, this.#own.root, elements);
      const isDirectory = inode !== undefined && directoryAt(this.#tree, inode) !== undefined;
      return isDirectory ? this.#open(inode, 'dir', rights) : failed('Lookup_failed');
    }
    if (!this.#own.isWriteable) return failed('Permission_denied');
    const name = elements.at(-1);
    const parent = lookup(this.#tree, this.#own.root, elements.slice(0, -1));
    if (name === undefined) return failed('Node_already_exists');
    if (parent === undefined || directoryAt(this.#tree, parent) === undefined || !isNodeName(name))
      return failed('Lookup_failed');
    if (childOf(this.#tree, parent, name) !== undefined) return failed('Node_already_exists');
    if (this.#full()) return failed('Out_of_ram');
    const added = addNode(this.#tree, parent, name, EMPTY_DIRECTORY);
    if (added === undefined) return failed('No_space');
    this.#setTree(added.tree);
    return this.#open(added.inode, 'dir', rights);
  }

  /** Opens any node for its status, or to watch it. */
  node(path: string, kind: 'node' | 'watch'): FileOutcome {
    const elements = pathElements(path);
    const inode = elements === undefined ? undefined : lookup(this.#tree, this.#own.root, elements);
    if (inode === undefined) return failed('Lookup_failed');
    return this.#open(inode, kind, { isReading: false, isWriting: false });
  }

  close(handle: number): FileOutcome {
    const own = this.#own;
    const open = own.handles.get(handle);
    if (open === undefined) return failed('Invalid_handle');
    for (const packet of open.waiting)
      this.#env.acknowledge(this.#session, 'tx', packet, [...packet.more.slice(0, 5), 0]);
    const changed = { ...own, handles: withEntry(own.handles, handle, undefined) };
    this.#state = { ...this.#state, sessions: withEntry(this.#state.sessions, this.#session, changed) };
    return this.#done();
  }

  status(handle: number): FileOutcome {
    const opened = this.#opened(handle);
    if (opened === undefined) return failed('Invalid_handle');
    const { node, open } = opened;
    const rights = 1 | (this.#own.isWriteable ? 2 : 0) | (node.type === 'directory' ? 4 : 0);
    return this.#done(
      BigInt(sizeOfNode(node)),
      NODE_TYPES.indexOf(node.type),
      rights,
      BigInt(open.inode),
      node.mtimeMs,
    );
  }

  control(handle: number): FileOutcome {
    // There is nothing to control in a tree in memory.
    return this.#opened(handle) === undefined ? failed('Invalid_handle') : this.#done();
  }

  unlink(directory: number, name: string): FileOutcome {
    const inode = this.#directory(directory);
    if (inode === undefined) return failed('Invalid_handle');
    if (!isNodeName(name)) return failed('Invalid_name');
    if (!this.#own.isWriteable) return failed('Permission_denied');
    const found = childOf(this.#tree, inode, name);
    if (found === undefined) return failed('Lookup_failed');
    if ((directoryAt(this.#tree, found)?.entries.size ?? 0) > 0) return failed('Not_empty');
    this.#setTree(dropNode(setEntry(this.#tree, inode, name, undefined), found, this.#env));
    return this.#done();
  }

  truncate(handle: number, size: bigint): FileOutcome {
    const opened = this.#opened(handle);
    if (opened === undefined) return failed('Invalid_handle');
    const { open, node } = opened;
    const isAllowed = node.type === 'file' && this.#ops.mayWriteFile(open.isWriting, this.#own.isWriteable);
    if (!isAllowed) return failed('Permission_denied');
    if (size > BigInt(MAX_FILE_BYTES)) return failed('No_space');
    const file = truncateFile(this.#ops, node, Number(size), this.#env);
    this.#setTree(changeNode(this.#tree, open.inode, file));
    return this.#done();
  }

  move(from: number, fromName: string, to: number, toName: string): FileOutcome {
    const source = this.#directory(from);
    const target = this.#directory(to);
    if (source === undefined || target === undefined) return failed('Invalid_handle');
    if (!isNodeName(fromName) || !isNodeName(toName)) return failed('Invalid_name');
    if (!this.#own.isWriteable) return failed('Permission_denied');
    const inode = childOf(this.#tree, source, fromName);
    if (inode === undefined) return failed('Lookup_failed');
    const replaced = childOf(this.#tree, target, toName);
    if (replaced === inode) return this.#done();
    if (this.#ops.refusesCycle() && isBelow(this.#tree, inode, target)) return failed('Permission_denied');
    // A directory is not replaced, and replaces nothing: its contents would be lost.
    const isLoss =
      replaced !== undefined &&
      (directoryAt(this.#tree, replaced) !== undefined || directoryAt(this.#tree, inode) !== undefined);
    if (isLoss) return failed('Permission_denied');
    const without = setEntry(this.#tree, source, fromName, undefined);
    const moved = setEntry(without, target, toName, inode);
    this.#setTree(replaced === undefined ? moved : dropNode(moved, replaced, this.#env));
    return this.#done();
  }

  countEntries(directory: number): FileOutcome {
    const inode = this.#directory(directory);
    return inode === undefined ? failed('Invalid_handle') : this.#done(directoryAt(this.#tree, inode)!.entries.size);
  }
}

/** Bytes that a node can be read for. */
export function sizeOfNode(node: TreeNode): number {
  if (node.type === 'file') return node.sizeBytes;
  return node.type === 'symlink' ? node.target.length : node.entries.size * DIRECTORY_ENTRY_BYTES;
}
