import { joinPath, listFolder, readFileLimited, writeFileAtomic } from '../host/files.ts';
import { compileOps, compilePolicy } from '../impl/muen/compile.ts';
import { structureImages } from '../impl/muen/structures/build.ts';
import { structureOps } from '../impl/muen/structures/ops.ts';
import { bootFiles } from '../policy/derive/boot-files.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import { toJson } from '../trace/json.ts';
import { err, ok, type Result } from '../units/result.ts';

/** A file that follows from a policy. */
export interface DerivedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Files that were made, and warnings about those that could not be. */
export interface DerivedFiles {
  readonly files: readonly DerivedFile[];
  readonly findings: readonly Finding[];
}

/** Name of the file for a region: as the policy says, else as Muen's generators call it (`vt|iobm` is `vt_iobm`). */
function fileNameOf(document: PolicyDocument, region: string): string {
  const content = document.memory.find(({ name }) => name === region)?.content;
  return content?.kind === 'file' ? content.filename : region.replace('|', '_');
}

/**
 * Everything that the generators of the real toolchain make of a policy in format B: boot files of Linux
 * subjects and unikernels, subject information, MSR stores, I/O and MSR bitmaps, tables of VT-d, and the kernel's tables as JSON.
 */
export function derivedFiles(document: PolicyDocument): DerivedFiles {
  const made = bootFiles(document);
  const boot = made.files.map(({ filename, bytes }) => ({ name: filename, bytes }));
  const structures = structureImages(document, structureOps).map(({ region, bytes }) => ({
    name: fileNameOf(document, region),
    bytes,
  }));
  const compiled = compilePolicy(document, compileOps);
  const kernel = compiled.ok
    ? [{ name: 'kernel_tables.json', bytes: new TextEncoder().encode(`${toJson(compiled.value.tables)}\n`) }]
    : [];
  return { files: [...boot, ...structures, ...kernel], findings: made.findings };
}

/** Writes the files into a folder. @returns how many, or why not. */
export function writeDerivedFiles(folder: string, files: readonly DerivedFile[]): Result<number, string> {
  for (const { name, bytes } of files) {
    if (/[/\\]|^\.\.?$/.test(name))
      return err(`the policy names the file ${JSON.stringify(name)}, which leads out of ${folder}`);
    const written = writeFileAtomic(joinPath(folder, name), bytes);
    if (!written.ok) return written;
  }
  return ok(files.length);
}

/** Files of a folder by name, read when they are asked for. */
export function folderFiles(folder: string): (name: string) => Uint8Array | undefined {
  const names = new Set(listFolder(folder));
  return name => {
    if (!names.has(name)) return undefined;
    const bytes = readFileLimited(joinPath(folder, name));
    return bytes.ok ? bytes.value : undefined;
  };
}
