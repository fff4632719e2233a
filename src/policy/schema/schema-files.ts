import { err, ok, type Result } from '../../units/result.ts';
import { directoryOf, joinPath, normalPath } from '../source/paths.ts';
import type { PolicyFormat } from '../toolchain.ts';

/** Most schema files that are read, and their largest sum of bytes. */
const MAX_FILES = 256;
const MAX_TOTAL_BYTES = 8 * 2 ** 20;

/** Reads one file below the folder of the schemas; `undefined` when there is none, a sentence when it may not be read. */
export type ReadSchema = (path: string) => Result<Uint8Array | undefined, string>;

/** All files of a schema, by normal path; `main` is the one that declares the root element. */
export interface SchemaFiles {
  readonly main: string;
  readonly files: ReadonlyMap<string, string>;
}

/** The schema file of a folder that declares each root element. */
const MAIN_FILES: ReadonlyMap<string, string> = new Map([
  ['system', 'system.xsd'],
  ['component', 'component.xsd'],
  ['library', 'component.xsd'],
  ['config', 'system_config.xsd'],
  ['hardware', 'hardware_config.xsd'],
  ['vcpu', 'vcpu_profile.xsd'],
]);

/** Path of the schema of a folder for documents with that root element; undefined when there is none. */
export function mainSchema(folder: string, root: string): string | undefined {
  const name = MAIN_FILES.get(root);
  return name === undefined ? undefined : joinPath(folder, name);
}

/**
 * Collects a schema with all that it includes.
 *
 * Muen's schemas have one file for the three formats, whose `include_format` elements stand for files of the folder of
 * a format; they become includes here. The error is a sentence.
 */
export function collectSchema(main: string, format: PolicyFormat, read: ReadSchema): Result<SchemaFiles, string> {
  const files = new Map<string, string>();
  const open = [normalPath(main)];
  let total = 0;
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (files.has(path)) continue;
    const bytes = read(path);
    if (!bytes.ok) return bytes;
    if (bytes.value === undefined) return err(`cannot read ${path}: there is no such file`);
    total += bytes.value.length;
    if (files.size >= MAX_FILES || total > MAX_TOTAL_BYTES) {
      return err(`the schema ${main} has more than ${MAX_FILES} files or ${MAX_TOTAL_BYTES} bytes`);
    }
    const text = new TextDecoder().decode(bytes.value);
    if (/<!DOCTYPE/i.test(text)) return err(`${path} has a document type declaration, which is not accepted`);
    const plain = text.replace(
      /<(\w+:)?include_format(\s+schemaLocation=["'])(?:\.\/)?/g,
      (_, prefix: string | undefined, rest: string) => `<${prefix ?? ''}include${rest}system_${format}/`,
    );
    files.set(path, plain);
    for (const [, location] of plain.matchAll(
      /<(?:\w+:)?(?:include|import|redefine)\s[^>]*?schemaLocation=["']([^"']*)["']/g,
    )) {
      open.push(joinPath(directoryOf(path), location ?? ''));
    }
  }
  return ok({ main: normalPath(main), files });
}
