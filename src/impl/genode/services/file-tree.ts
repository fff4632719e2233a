import type { DataspaceId, ServiceEnv } from './service.ts';
import { withEntry } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

/** Contents are kept in pages, each a dataspace of its own; a hole reads as zeros. */
export const FILE_PAGE_BYTES = 0x1000;
export const MAX_FILE_BYTES = 0x100_0000;
/** Nodes of the whole tree. */
export const MAX_NODES = 4096;
export const ROOT = 1;

interface NodeFacts {
  readonly mtimeMs: bigint;
  /** Counts changes of the contents. */
  readonly version: number;
}

export interface FileNode extends NodeFacts {
  readonly type: 'file';
  readonly sizeBytes: number;
  readonly pages: ReadonlyMap<number, DataspaceId>;
}

export interface DirectoryNode extends NodeFacts {
  readonly type: 'directory';
  /** Inodes by name, in the order in which they were made. */
  readonly entries: ReadonlyMap<string, number>;
}

export interface SymlinkNode extends NodeFacts {
  readonly type: 'symlink';
  readonly target: string;
}

export type TreeNode = FileNode | DirectoryNode | SymlinkNode;

/** All nodes by inode; inodes are not used again. */
export interface FileTree {
  readonly nodes: ReadonlyMap<number, TreeNode>;
  readonly nextInode: number;
}

const FACTS: NodeFacts = { mtimeMs: 0n, version: 0 };
export const EMPTY_FILE: FileNode = { ...FACTS, type: 'file', sizeBytes: 0, pages: new Map() };
export const EMPTY_DIRECTORY: DirectoryNode = { ...FACTS, type: 'directory', entries: new Map() };
export const EMPTY_SYMLINK: SymlinkNode = { ...FACTS, type: 'symlink', target: '' };

export const EMPTY_TREE: FileTree = { nodes: new Map([[ROOT, EMPTY_DIRECTORY]]), nextInode: ROOT + 1 };

/** True for a name that an entry may have. */
export const isNodeName = (name: string): boolean => /^[^/\0]{1,127}$/.test(name) && name !== '.' && name !== '..';

const setNode = (tree: FileTree, inode: number, node: TreeNode | undefined): FileTree => ({
  ...tree,
  nodes: withEntry(tree.nodes, inode, node),
});

/** Replaces a node's contents: it counts as changed. */
export function changeNode(tree: FileTree, inode: number, node: TreeNode): FileTree {
  const version = (tree.nodes.get(inode)?.version ?? 0) + 1;
  return setNode(tree, inode, { ...node, version });
}

export function directoryAt(tree: FileTree, inode: number): DirectoryNode | undefined {
  const node = tree.nodes.get(inode);
  return node?.type === 'directory' ? node : undefined;
}

/** Inode of a name in a directory. */
export const childOf = (tree: FileTree, directory: number, name: string): number | undefined =>
  directoryAt(tree, directory)?.entries.get(name);

/** Elements of an absolute path; undefined if it is none. Neither `.` nor `..` is a name here. */
export function pathElements(path: string): readonly string[] | undefined {
  if (!path.startsWith('/')) return undefined;
  return path.split('/').filter(element => element !== '');
}

/** Inode behind a path below `from`; undefined if there is none. */
export function lookup(tree: FileTree, from: number, elements: readonly string[]): number | undefined {
  let inode = tree.nodes.has(from) ? from : undefined;
  for (const name of elements) {
    inode = inode === undefined ? undefined : childOf(tree, inode, name);
    if (inode === undefined) return undefined;
  }
  return inode;
}

/** Sets or removes an entry of a directory. */
export function setEntry(tree: FileTree, directory: number, name: string, inode: number | undefined): FileTree {
  const node = directoryAt(tree, directory)!;
  return changeNode(tree, directory, { ...node, entries: withEntry(node.entries, name, inode) });
}

/** Adds a node to a directory; undefined if there are too many. */
export function addNode(
  tree: FileTree,
  directory: number,
  name: string,
  node: TreeNode,
): { readonly tree: FileTree; readonly inode: number } | undefined {
  if (tree.nodes.size >= MAX_NODES) return undefined;
  const inode = tree.nextInode;
  const added = { nodes: withEntry(tree.nodes, inode, node), nextInode: inode + 1 };
  return { tree: setEntry(added, directory, name, inode), inode };
}

/** Frees a node that no directory names any longer, with its contents. */
export function dropNode(tree: FileTree, inode: number, env: ServiceEnv): FileTree {
  const node = tree.nodes.get(inode);
  if (node?.type === 'file') for (const page of node.pages.values()) env.release(page);
  return setNode(tree, inode, undefined);
}

/** True if a node is a directory or lies below it. */
export function isBelow(tree: FileTree, directory: number, inode: number): boolean {
  if (directory === inode) return true;
  const entries = directoryAt(tree, directory)?.entries.values() ?? [];
  return [...entries].some(child => isBelow(tree, child, inode));
}

/** Bytes of a file from a position on, at most `lengthBytes`. */
export function readFile(file: FileNode, position: number, lengthBytes: number, env: ServiceEnv): Uint8Array {
  const end = Math.min(file.sizeBytes, position + lengthBytes);
  const bytes = new Uint8Array(Math.max(0, end - position));
  for (let done = 0; done < bytes.length; ) {
    const at = position + done;
    const offset = at % FILE_PAGE_BYTES;
    const piece = Math.min(bytes.length - done, FILE_PAGE_BYTES - offset);
    const page = file.pages.get((at - offset) / FILE_PAGE_BYTES);
    if (page !== undefined) bytes.set(env.read(page, offset, piece), done);
    done += piece;
  }
  return bytes;
}

/** Writes as many bytes as there is room for; the file grows as needed. */
export function writeFile(
  file: FileNode,
  position: number,
  bytes: Uint8Array,
  env: ServiceEnv,
): { readonly file: FileNode; readonly written: number } {
  const pages = new Map(file.pages);
  let written = 0;
  while (written < bytes.length && position + written < MAX_FILE_BYTES) {
    const at = position + written;
    const offset = at % FILE_PAGE_BYTES;
    const index = (at - offset) / FILE_PAGE_BYTES;
    const page = pages.get(index) ?? env.allocate(FILE_PAGE_BYTES);
    if (page === undefined) break;
    pages.set(index, page);
    const piece = bytes.subarray(written, written + FILE_PAGE_BYTES - offset);
    env.write(page, offset, piece);
    written += piece.length;
  }
  const sizeBytes = written === 0 ? file.sizeBytes : Math.max(file.sizeBytes, position + written);
  return { file: { ...file, pages, sizeBytes }, written };
}

/** Cuts or extends a file; what is cut off is gone, also for who extends it again. */
export function truncateFile(ops: ServiceOps, file: FileNode, sizeBytes: number, env: ServiceEnv): FileNode {
  const pages = new Map(file.pages);
  for (const [index, page] of file.pages) {
    const start = index * FILE_PAGE_BYTES;
    if (start >= sizeBytes) {
      env.release(page);
      pages.delete(index);
    } else if (start + FILE_PAGE_BYTES > sizeBytes && ops.clearsCutBytes())
      env.write(page, sizeBytes - start, new Uint8Array(start + FILE_PAGE_BYTES - sizeBytes));
  }
  return { ...file, pages, sizeBytes };
}
