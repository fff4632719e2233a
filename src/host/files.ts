import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { err, ok, type Result } from '../units/result.ts';

/** Largest policy, trace or report file that is read, in bytes. */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;

const CHUNK_BYTES = 1 << 20;
/** End of the name of a file that is being written. */
const PARTIAL = '.partial';

/** Says in words why a file operation failed. */
function problem(action: string, path: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of the path is not a directory',
    ENOSPC: 'no space is left on the device',
    ENAMETOOLONG: 'the name is too long',
  };
  return `cannot ${action} ${path}: ${reasons[code] ?? (cause instanceof Error ? cause.message : String(cause))}`;
}

/**
 * Reads a whole file (also a pipe) of at most `maxBytes` bytes.
 *
 * @returns the bytes, or one sentence that says why not.
 */
export function readFileLimited(path: string, maxBytes: number = MAX_FILE_BYTES): Result<Uint8Array, string> {
  return readChunks(path, totalBytes => (totalBytes > maxBytes ? 'refuse' : 'go on'), maxBytes);
}

/** Reads chunk by chunk; `judge` looks at the number of bytes so far. */
function readChunks(
  path: string,
  judge: (totalBytes: number) => 'go on' | 'stop' | 'refuse',
  maxBytes: number = MAX_FILE_BYTES,
): Result<Uint8Array, string> {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    return err(problem('read', path, cause));
  }
  try {
    if (fstatSync(descriptor).isDirectory()) return err(`cannot read ${path}: it is a directory`);
    const chunks: Buffer[] = [];
    let totalBytes = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const count = readSync(descriptor, chunk, 0, CHUNK_BYTES, null);
      if (count === 0) break;
      totalBytes += count;
      const decision = judge(totalBytes);
      if (decision === 'refuse') return err(`cannot read ${path}: it is larger than ${maxBytes} bytes`);
      chunks.push(chunk.subarray(0, count));
      if (decision === 'stop') break;
    }
    return ok(new Uint8Array(Buffer.concat(chunks)));
  } catch (cause) {
    return err(problem('read', path, cause));
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads a file up to `maxBytes` bytes and one more: enough for the caller to see that it is too large.
 *
 * @returns the bytes, or one sentence that says why not.
 */
export function readFileStart(path: string, maxBytes: number): Result<Uint8Array, string> {
  return readChunks(path, totalBytes => (totalBytes > maxBytes ? 'stop' : 'go on'));
}

/** Writes a file by rename, so that a reader sees the old or the new content and never a part; makes its folder. */
export function writeFileAtomic(path: string, content: string | Uint8Array): Result<string, string> {
  const temporary = `${path}.${process.pid}.partial`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, content);
    renameSync(temporary, path);
    return ok(path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    return err(problem('write', path, cause));
  }
}

/** As writeFileAtomic, and the content is on the disk before the name is: no crash leaves a file that is empty or cut. */
export function writeFileDurable(path: string, content: string): Result<string, string> {
  const temporary = `${path}${PARTIAL}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const descriptor = openSync(temporary, 'w');
    try {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
    return ok(path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    return err(problem('write', path, cause));
  }
}

/** Brings the names in a folder to the disk, where the file system knows such a thing. */
function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (!['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR'].includes(code)) throw cause;
  } finally {
    closeSync(descriptor);
  }
}

/** Removes what `writeFileDurable` left behind in a folder when its process was killed; a folder that is not there has nothing. */
export function removePartialFiles(folder: string): Result<number, string> {
  if (!existsSync(folder)) return ok(0);
  try {
    const names = readdirSync(folder).filter(name => name.endsWith(PARTIAL));
    for (const name of names) rmSync(join(folder, name), { force: true });
    return ok(names.length);
  } catch (cause) {
    return err(problem('clean', folder, cause));
  }
}

/** Appends text to a file that another tool owns. */
export function appendToFile(path: string, text: string): Result<string, string> {
  try {
    appendFileSync(path, text);
    return ok(path);
  } catch (cause) {
    return err(problem('append to', path, cause));
  }
}

/** Removes a file if it is there. */
export function removeFile(path: string): void {
  rmSync(path, { force: true });
}

/** Bytes of a file; undefined when there is none. */
export function fileSize(path: string): number | undefined {
  return fileExists(path) ? statSync(path).size : undefined;
}

/** True when `path` names an existing file, pipe or device that is no directory. */
export function fileExists(path: string): boolean {
  return existsSync(path) && !statSync(path).isDirectory();
}

export const folderExists = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** Names of the entries of a folder, sorted; empty when there is no such folder. */
export function listFolder(path: string): readonly string[] {
  return existsSync(path) && statSync(path).isDirectory() ? readdirSync(path).sort() : [];
}

/** Joins path parts. */
export const joinPath = (...parts: readonly string[]): string => join(...parts);

/** SHA-256 as 64 hex digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 of the parts one after the other, as 64 hex digits. */
export function sha256OfParts(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Gzip (no file name, no time) in base64. */
export function gzipBase64(bytes: Uint8Array): string {
  return gzipSync(bytes, { level: 9 }).toString('base64');
}

/** Unpacks gzip as hostile input: at most `maxBytes` of output. */
export function gunzipLimited(bytes: Uint8Array, maxBytes: number = MAX_FILE_BYTES): Result<Uint8Array, string> {
  try {
    return ok(new Uint8Array(gunzipSync(bytes, { maxOutputLength: maxBytes })));
  } catch (cause) {
    return err(
      `not a gzip stream of at most ${maxBytes} bytes: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}

/** Reverses gzipBase64 for hostile input: at most `maxBytes` of output. */
export function gunzipBase64(text: string, maxBytes: number = MAX_FILE_BYTES): Result<Uint8Array, string> {
  return gunzipLimited(Buffer.from(text, 'base64'), maxBytes);
}
