import { fileExists, gunzipLimited, joinPath, listFolder, readFileLimited, sha256Hex } from '../host/files.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import { type GivenFile, MAX_GIVEN_BYTES, placeFiles } from '../refinement/structures/given.ts';
import { printable } from '../units/printable.ts';
import { err, ok, type Result } from '../units/result.ts';

/** Tables of the user's own toolchain, as plain data that every thread can read again. */
export interface TablesSpec {
  readonly folders: readonly string[];
  /** Digest of all names and contents. */
  readonly sha256: string;
}

/** Files of some folders, and what is wrong with them. */
export interface TablesInput {
  readonly spec: TablesSpec;
  readonly files: readonly GivenFile[];
  readonly findings: readonly Finding[];
}

const finding = (
  file: string,
  code: string,
  severity: Finding['severity'],
  message: string,
  hint: string,
): Finding => ({
  file,
  code,
  severity,
  message: printable(message),
  line: 0,
  column: 0,
  hint,
});

function unpack(name: string, bytes: Uint8Array): Result<GivenFile, string> {
  if (!name.endsWith('.gz')) return ok({ name, bytes });
  const unpacked = gunzipLimited(bytes);
  return unpacked.ok ? ok({ name: name.slice(0, -3), bytes: unpacked.value }) : unpacked;
}

const digestOf = (files: readonly GivenFile[]): string =>
  sha256Hex(new TextEncoder().encode(files.map(({ name, bytes }) => `${name} ${sha256Hex(bytes)}`).join('\n')));

/**
 * Reads all files of some folders, raw or `.gz`. A file that cannot be used is a finding; the error is a usage error: a folder
 * that is not there, or more than is read.
 */
export function readTables(folders: readonly string[]): Result<TablesInput, string> {
  const files = new Map<string, GivenFile>();
  const findings: Finding[] = [];
  let total = 0;
  for (const folder of folders) {
    const names = listFolder(folder);
    if (names.length === 0) return err(`--tables ${folder}: there is no such folder, or it is empty`);
    for (const entry of names) {
      const path = joinPath(folder, entry);
      if (!fileExists(path)) continue;
      const read = readFileLimited(path);
      const unpacked = read.ok ? unpack(entry, read.value) : read;
      if (!unpacked.ok) {
        findings.push(
          finding(path, 'TABLE-FILE', 'error', unpacked.error, 'give the file as the toolchain wrote it, or as gzip'),
        );
        continue;
      }
      const file = unpacked.value;
      total += file.bytes.length;
      if (total > MAX_GIVEN_BYTES) return err(`--tables: the files hold more than ${MAX_GIVEN_BYTES} bytes`);
      if (files.has(file.name))
        findings.push(finding(path, 'TABLE-TWICE', 'error', `'${file.name}' was already read`, 'give each file once'));
      else files.set(file.name, file);
    }
  }
  const all = [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return ok({ spec: { folders, sha256: digestOf(all) }, files: all, findings });
}

/** Files that belong to no region of the policy: a wrong policy, or a name that the toolchain does not give. */
export function unknownTables(document: PolicyDocument, files: readonly GivenFile[]): readonly Finding[] {
  return placeFiles(document, files).unknown.map(name =>
    finding(
      name,
      'TABLE-UNKNOWN',
      'warning',
      `the given file ${name} belongs to no memory region of the policy and is not read`,
      'files are named like their region, with _ for |: vt_pt, vt_iobm, vtd_root',
    ),
  );
}
