import { realpathSync, statSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { err, ok, type Result } from '../units/result.ts';
import { MAX_FILE_BYTES, readFileLimited } from './files.ts';

/** Files below some directories, and nothing else. */
export interface ConfinedFiles {
  /** Bytes of a file; `undefined` when there is none, a sentence when it may not or cannot be read. */
  readonly read: (path: string) => Result<Uint8Array | undefined, string>;
  /** True for a regular file that may be read. */
  readonly has: (path: string) => boolean;
}

/**
 * Reads regular files in `roots` (directories, or single files) and refuses all others, also when a symbolic link in a
 * root leads out of it. Files larger than `maxBytes` are refused.
 */
export function confinedFiles(roots: readonly string[], maxBytes: number = MAX_FILE_BYTES): ConfinedFiles {
  const places = roots.flatMap(root => {
    const real = realPath(root);
    return real === undefined ? [] : [real];
  });
  const isInside = (path: string): boolean =>
    places.some(place => path === place || path.startsWith(place.endsWith(sep) ? place : place + sep));
  return {
    has(path) {
      const real = realPath(path);
      return real !== undefined && isInside(real) && statSync(real, { throwIfNoEntry: false })?.isFile() === true;
    },
    read(path) {
      const real = realPath(path);
      if (real === undefined) return ok(undefined);
      if (!isInside(real)) return err(`${path} leads to ${real}, outside of the directories that may be read`);
      const stats = statSync(real, { throwIfNoEntry: false });
      if (stats === undefined || stats.isDirectory()) return ok(undefined);
      if (!stats.isFile()) return err(`cannot read ${path}: it is no regular file`);
      return readFileLimited(real, maxBytes);
    },
  };
}

/** The path with all symbolic links followed; undefined when it leads nowhere. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(resolve(path));
  } catch {
    return undefined;
  }
}
