import type { Result } from '../../units/result.ts';
import type { SourcePosition } from '../document.ts';
import { cloneElement, type PolicyTree, parseTree, type TreeElement } from '../tree.ts';
import { XML_LIMITS } from '../xml.ts';
import { isWithin, joinPath, normalPath } from './paths.ts';
import { quote, refuse, refuseFile, SourceProblem } from './problem.ts';

/** How the toolchain reads files; src/host implements it, tests give maps. */
export interface PolicyFiles {
  /** Bytes of a file; `undefined` when there is none, a sentence when it may not or cannot be read. */
  readonly read: (path: string) => Result<Uint8Array | undefined, string>;
  /** True when `read` would give bytes; without it, files are read to find out. */
  readonly has?: (path: string) => boolean;
}

/** Bounds on what a policy may read and grow to; the largest real one has 25 000 elements in 40 files. */
export interface SourceLimits {
  readonly maxBytes: number;
  readonly maxElements: number;
  readonly maxDepth: number;
  readonly maxFiles: number;
}

export const SOURCE_LIMITS: SourceLimits = {
  maxBytes: XML_LIMITS.maxBytes,
  maxElements: 500_000,
  maxDepth: XML_LIMITS.maxDepth,
  maxFiles: 2000,
};

/** Who asks for a file: an element, or the command line. */
export type Asker = { readonly at: SourcePosition } | undefined;

/** Reads the files of one policy, within the directories it may read and the bounds on its size. */
export class SourceReader {
  readonly #files: PolicyFiles;
  readonly #directories: readonly string[];
  readonly limits: SourceLimits;
  #bytes = 0;
  #elements = 0;
  #fileCount = 0;

  constructor(files: PolicyFiles, directories: readonly string[], limits: SourceLimits = SOURCE_LIMITS) {
    this.#files = files;
    this.#directories = [...new Set(directories.map(normalPath))];
    this.limits = limits;
  }

  /** Counts elements that the policy grows by; refuses when it becomes too large. */
  grow(count: number, cause: { readonly at: SourcePosition }): void {
    this.#elements += count;
    if (this.#elements > this.limits.maxElements) {
      const hint = 'Includes or templates multiply each other; no real system comes near this size.';
      refuse(cause, 'SRC-LIMIT', `the policy grows beyond ${this.limits.maxElements} elements here`, hint);
    }
  }

  /** Reads the file that `name` stands for, searched in `directories` in order. */
  find(name: string, asker: Asker, directories: readonly string[] = this.#directories): PolicyTree {
    const searched = [...new Set(directories.map(normalPath))];
    for (const directory of searched) {
      const path = joinPath(directory, name);
      if (![...searched, ...this.#directories].some(allowed => isWithin(allowed, path))) continue;
      const tree = this.#read(path, asker);
      if (tree !== undefined) return tree;
    }
    const paths = searched.map(directory => joinPath(directory, name));
    const inside = paths.some(path => [...searched, ...this.#directories].some(allowed => isWithin(allowed, path)));
    const where = searched.join(', ') || 'no directory';
    if (inside)
      return fail(
        asker,
        name,
        'SRC-FILE',
        `${quote(name)} is in none of: ${where}`,
        'Correct the name, or give its directory with --include.',
      );
    const hint = 'Name files relative to an include directory, without leaving it.';
    return fail(asker, name, 'SRC-ESCAPE', `${quote(name)} leads out of the include directories (${where})`, hint);
  }

  /** True when one of the directories has a file of that name. */
  has(name: string, directories: readonly string[]): boolean {
    return directories.some(directory => {
      const path = joinPath(directory, name);
      if (!isWithin(normalPath(directory), path)) return false;
      if (this.#files.has !== undefined) return this.#files.has(path);
      const bytes = this.#files.read(path);
      return bytes.ok && bytes.value !== undefined;
    });
  }

  /** Reads a file that the user named. */
  open(path: string): PolicyTree {
    const tree = this.#read(normalPath(path), undefined);
    return tree ?? refuseFile(path, 'SRC-FILE', `there is no file ${quote(path)}`, 'Check the path.');
  }

  #read(path: string, asker: Asker): PolicyTree | undefined {
    const bytes = this.#files.read(path);
    if (!bytes.ok)
      return fail(asker, path, 'SRC-FILE', bytes.error, 'Give a readable file inside the include directories.');
    if (bytes.value === undefined) return undefined;
    this.#fileCount += 1;
    this.#bytes += bytes.value.length;
    const { maxBytes, maxDepth, maxFiles, maxElements } = this.limits;
    if (this.#bytes > maxBytes || this.#fileCount > maxFiles) {
      const message = `the policy reads more than ${maxBytes} bytes or ${maxFiles} files`;
      return fail(asker, path, 'SRC-LIMIT', message, 'No real system comes near this size.');
    }
    const tree = parseTree(bytes.value, path, { maxBytes, maxDepth, maxElements });
    if (!tree.ok) throw new SourceProblem([tree.error]);
    this.grow(countElements(tree.value.root), tree.value.root);
    return tree.value;
  }

  /** Copy of an element, counted. */
  copy(element: TreeElement): TreeElement {
    this.grow(countElements(element), element);
    return cloneElement(element);
  }
}

function fail(
  asker: Asker,
  path: string,
  code: 'SRC-FILE' | 'SRC-ESCAPE' | 'SRC-LIMIT',
  message: string,
  hint: string,
): never {
  return asker === undefined ? refuseFile(path, code, message, hint) : refuse(asker, code, message, hint);
}

/** Number of elements of a tree, its root included. */
export function countElements(element: TreeElement): number {
  let count = 1;
  for (const child of element.children) count += countElements(child);
  return count;
}
