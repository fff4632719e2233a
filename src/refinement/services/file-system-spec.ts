import { DIRECTORY_ENTRY_BYTES, type NodeType } from '../../impl/genode/services/file-system-packet.ts';

/** A node as the specification keeps it: an object that directories refer to. */
export interface SpecNode {
  readonly type: NodeType;
  bytes: Uint8Array;
  readonly entries: Map<string, SpecNode>;
  isGone: boolean;
  /** Counts changes; a node that is gone has changed for the last time. */
  version: number;
}

export const specNode = (type: NodeType): SpecNode => ({
  type,
  bytes: new Uint8Array(0),
  entries: new Map(),
  isGone: false,
  version: 0,
});

/** A handle as the specification keeps it. */
export interface SpecHandle {
  readonly node: SpecNode;
  readonly kind: string;
  readonly isReading: boolean;
  readonly isWriting: boolean;
  told: number;
  waiting: number;
}

export interface SpecSession {
  readonly root: SpecNode;
  readonly isWriteable: boolean;
  readonly handles: Map<number, SpecHandle>;
}

/** What a function must do: succeed with a node to open, succeed, or fail with an error. */
export type SpecOutcome = { readonly error: string } | { readonly opens: SpecHandle | undefined };

const failed = (error: string): SpecOutcome => ({ error });
const DONE: SpecOutcome = { opens: undefined };
const isBadName = (name: string): boolean => name === '' || name === '.' || name === '..' || name.includes('/');

/** Node behind a path. */
export function specLookup(root: SpecNode, path: string): SpecNode | undefined {
  let node: SpecNode | undefined = path.startsWith('/') && !root.isGone ? root : undefined;
  for (const name of path.split('/')) if (name !== '') node = node?.entries.get(name);
  return node;
}

const handleOf = (node: SpecNode, kind: string, isReading: boolean, isWriting: boolean): SpecOutcome => ({
  opens: { node, kind, isReading, isWriting, told: node.version, waiting: 0 },
});

const live = (session: SpecSession, handle: number): SpecHandle | undefined => {
  const found = session.handles.get(handle);
  return found?.node.isGone === true ? undefined : found;
};

const directory = (session: SpecSession, handle: number): SpecNode | undefined => {
  const found = live(session, handle);
  return found?.kind === 'dir' ? found.node : undefined;
};

function named(
  session: SpecSession,
  handle: number,
  name: string,
  isNew: boolean,
  type: NodeType,
  mode: number,
): SpecOutcome {
  const inside = directory(session, handle);
  if (inside === undefined) return failed('Invalid_handle');
  if (isBadName(name)) return failed('Invalid_name');
  if ((isNew || mode >= 2) && !session.isWriteable) return failed('Permission_denied');
  const known = inside.entries.get(name);
  if (isNew && known !== undefined) return failed('Node_already_exists');
  if (!isNew && known?.type !== type) return failed('Lookup_failed');
  if (isNew) {
    inside.entries.set(name, specNode(type));
    inside.version += 1;
  }
  return handleOf(inside.entries.get(name)!, type === 'file' ? 'file' : 'symlink', (mode & 1) === 1, (mode & 2) === 2);
}

function makeDirectory(session: SpecSession, path: string): SpecOutcome {
  if (!path.startsWith('/')) return failed('Lookup_failed');
  if (!session.isWriteable) return failed('Permission_denied');
  const names = path.split('/').filter(name => name !== '');
  const name = names.pop();
  if (name === undefined) return failed('Node_already_exists');
  const parent = specLookup(session.root, `/${names.join('/')}`);
  if (parent?.type !== 'directory' || isBadName(name)) return failed('Lookup_failed');
  if (parent.entries.has(name)) return failed('Node_already_exists');
  const made = specNode('directory');
  parent.entries.set(name, made);
  parent.version += 1;
  return handleOf(made, 'dir', true, false);
}

function openPath(session: SpecSession, path: string, kind: string): SpecOutcome {
  const node = specLookup(session.root, path);
  if (node === undefined || (kind === 'dir' && node.type !== 'directory')) return failed('Lookup_failed');
  return handleOf(node, kind, kind === 'dir', false);
}

function unlink(session: SpecSession, handle: number, name: string): SpecOutcome {
  const inside = directory(session, handle);
  if (inside === undefined) return failed('Invalid_handle');
  if (isBadName(name)) return failed('Invalid_name');
  if (!session.isWriteable) return failed('Permission_denied');
  const node = inside.entries.get(name);
  if (node === undefined) return failed('Lookup_failed');
  if (node.entries.size > 0) return failed('Not_empty');
  inside.entries.delete(name);
  inside.version += 1;
  node.isGone = true;
  return DONE;
}

const contains = (outer: SpecNode, inner: SpecNode): boolean =>
  outer === inner || [...outer.entries.values()].some(node => contains(node, inner));

function move(session: SpecSession, from: number, fromName: string, to: number, toName: string): SpecOutcome {
  const [source, target] = [directory(session, from), directory(session, to)];
  if (source === undefined || target === undefined) return failed('Invalid_handle');
  if (isBadName(fromName) || isBadName(toName)) return failed('Invalid_name');
  if (!session.isWriteable) return failed('Permission_denied');
  const node = source.entries.get(fromName);
  if (node === undefined) return failed('Lookup_failed');
  const replaced = target.entries.get(toName);
  if (replaced === node) return DONE;
  if (contains(node, target)) return failed('Permission_denied');
  if (replaced !== undefined && (replaced.type === 'directory' || node.type === 'directory'))
    return failed('Permission_denied');
  source.entries.delete(fromName);
  target.entries.set(toName, node);
  source.version += 1;
  target.version += 1;
  if (replaced !== undefined) replaced.isGone = true;
  return DONE;
}

/** Bytes of a file after it was cut or extended to a size. */
export function resized(bytes: Uint8Array, sizeBytes: number): Uint8Array {
  const next = new Uint8Array(sizeBytes);
  next.set(bytes.subarray(0, sizeBytes));
  return next;
}

function truncate(session: SpecSession, handle: number, size: bigint, maxBytes: number): SpecOutcome {
  const found = live(session, handle);
  if (found === undefined) return failed('Invalid_handle');
  const { node, isWriting } = found;
  if (node.type !== 'file' || !isWriting || !session.isWriteable) return failed('Permission_denied');
  if (size > BigInt(maxBytes)) return failed('No_space');
  node.bytes = resized(node.bytes, Number(size));
  node.version += 1;
  return DONE;
}

/** A call of the interface with its arguments. */
export interface SpecCall {
  readonly name: string;
  readonly values: readonly (number | bigint | string)[];
}

/** Performs a call on the objects of the specification. */
export function performSpec(session: SpecSession, { name, values }: SpecCall, maxBytes: number): SpecOutcome {
  const [first, second, third, fourth] = values;
  const handle = Number(first);
  switch (name) {
    case 'file':
      return named(session, handle, String(second), fourth === 1, 'file', Number(third));
    case 'symlink':
      return named(session, handle, String(second), third === 1, 'symlink', third === 1 ? 3 : 1);
    case 'dir':
      return second === 1 ? makeDirectory(session, String(first)) : openPath(session, String(first), 'dir');
    case 'node':
    case 'watch':
      return openPath(session, String(first), name);
    case 'close':
      return session.handles.delete(handle) ? DONE : failed('Invalid_handle');
    case 'unlink':
      return unlink(session, handle, String(second));
    case 'truncate':
      return truncate(session, handle, BigInt(second!), maxBytes);
    case 'move':
      return move(session, handle, String(second), Number(third), String(fourth));
    case 'num_entries':
      return directory(session, handle) === undefined ? failed('Invalid_handle') : DONE;
    default:
      return live(session, handle) === undefined ? failed('Invalid_handle') : DONE;
  }
}

/** Size of a node as a status says it. */
export const specSize = (node: SpecNode): number =>
  node.type === 'directory' ? node.entries.size * DIRECTORY_ENTRY_BYTES : node.bytes.length;
