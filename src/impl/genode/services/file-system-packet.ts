import { bytesOfNumber, numberAt } from '../instance/guest.ts';

/** Operations on the contents of nodes; the place is the number. */
export const FILE_OPERATIONS = ['read', 'write', 'write-timestamp', 'content-changed', 'read-ready', 'sync'] as const;
export type FileOperation = (typeof FILE_OPERATIONS)[number];

/** Position that means the end of a file. */
export const SEEK_TAIL = 2n ** 64n - 1n;

/** What a packet of a File_system session asks for. */
export interface FileRequest {
  readonly handle: number;
  /** Undefined for a number that is none of an operation. */
  readonly operation: FileOperation | undefined;
  /** Position in the file, or the time in milliseconds of a time stamp. */
  readonly position: bigint;
  readonly lengthBytes: number;
  readonly isDone: boolean;
}

/** Words of a packet descriptor beyond offset and size. */
export const encodeFileRequest = (request: FileRequest): readonly number[] => [
  request.handle,
  request.operation === undefined ? FILE_OPERATIONS.length : FILE_OPERATIONS.indexOf(request.operation),
  Number(request.position & 0xffff_ffffn),
  Number((request.position >> 32n) & 0xffff_ffffn),
  request.lengthBytes,
  request.isDone ? 1 : 0,
];

/** Reads the words that the other side may have written at will. */
export function decodeFileRequest(words: readonly number[]): FileRequest {
  const [handle = 0, operation = FILE_OPERATIONS.length, low = 0, high = 0, lengthBytes = 0, done = 0] = words;
  return {
    handle,
    operation: FILE_OPERATIONS[operation],
    position: (BigInt(high) << 32n) | BigInt(low),
    lengthBytes,
    isDone: done === 1,
  };
}

/** Kinds of nodes; the place is the number in a status and in a directory entry. */
export const NODE_TYPES = ['directory', 'symlink', 'file', 'transactional-file'] as const;
export type NodeType = (typeof NODE_TYPES)[number];

/** Bytes of an entry that a directory is read by: inode, type, rights, name. */
export const DIRECTORY_ENTRY_BYTES = 144;
const NAME_BYTES = 128;

export interface DirectoryEntry {
  readonly inode: number;
  readonly type: NodeType;
  /** Bit 0: readable, 1: writeable, 2: executable. */
  readonly rights: number;
  readonly name: string;
}

export function encodeDirectoryEntry({ inode, type, rights, name }: DirectoryEntry): Uint8Array {
  const bytes = new Uint8Array(DIRECTORY_ENTRY_BYTES);
  bytes.set(bytesOfNumber(inode, 8));
  bytes.set(bytesOfNumber(NODE_TYPES.indexOf(type), 4), 8);
  bytes[12] = rights;
  for (let index = 0; index < name.length && index < NAME_BYTES - 1; index++)
    bytes[16 + index] = name.charCodeAt(index);
  return bytes;
}

/** Reads an entry that its server may have written at will; undefined if it has no such type. */
export function decodeDirectoryEntry(bytes: Uint8Array): DirectoryEntry | undefined {
  const type = NODE_TYPES[numberAt(bytes, 8, 4)];
  if (type === undefined) return undefined;
  const text = bytes.subarray(16, 16 + NAME_BYTES);
  const end = text.indexOf(0);
  const name = String.fromCharCode(...text.subarray(0, end < 0 ? NAME_BYTES : end));
  return { inode: numberAt(bytes, 0, 8), type, rights: bytes[12]!, name };
}
