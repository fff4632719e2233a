import { fileExists, joinPath, listFolder, readFileLimited, sha256Hex } from '../host/files.ts';
import { standIns } from '../impl/components/registry.ts';
import {
  type ContentFile,
  hasBinary,
  MAX_CONTENT_BYTES,
  type RegionContents,
  regionContents,
} from '../impl/loader/region-contents.ts';
import { unstatedHashes } from '../impl/loader/unstated-hashes.ts';
import { bootFiles } from '../policy/derive/boot-files.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { checkFiles } from '../policy/library/library-rules.ts';
import { parseXml } from '../policy/xml.ts';
import { err, ok, type Result } from '../units/result.ts';
import { derivedFiles } from './derived-files.ts';
import type { OptionSpec } from './options.ts';
import type { PolicyInput } from './policy-input.ts';

/** Component binaries as plain data that every thread can read again. */
export interface FilesSpec {
  readonly folder: string;
  /** Digest of all names and contents. */
  readonly sha256: string;
}

export interface FilesInput {
  readonly spec: FilesSpec;
  readonly files: readonly ContentFile[];
}

/** Option of the commands that look at component binaries. */
export const filesOption = (more: string): OptionSpec => ({
  name: 'files',
  kind: 'text',
  placeholder: 'dir',
  help: `component binaries, as the policy names them or as ELF: ${more}`,
});

/** Reads the files of a folder. The error is a usage error. */
export function readFiles(folder: string): Result<FilesInput, string> {
  const names = listFolder(folder);
  if (names.length === 0) return err(`--files ${folder}: there is no such folder, or it is empty`);
  const files: ContentFile[] = [];
  let total = 0;
  for (const name of names) {
    const path = joinPath(folder, name);
    if (!fileExists(path)) continue;
    const bytes = readFileLimited(path);
    if (!bytes.ok) return err(`--files: ${bytes.error}`);
    total += bytes.value.length;
    if (total > MAX_CONTENT_BYTES) return err(`--files ${folder}: the files hold more than ${MAX_CONTENT_BYTES} bytes`);
    files.push({ name, bytes: bytes.value });
  }
  const digests = files.map(({ name, bytes }) => `${name} ${sha256Hex(bytes)}`);
  return ok({ spec: { folder, sha256: sha256Hex(new TextEncoder().encode(digests.join('\n'))) }, files });
}

/** Contents of memory: given files, and what follows from the policy itself and is not given (boot parameters and ACPI tables of Linux). */
export function contentsOf(document: PolicyDocument, given: readonly ContentFile[]): RegionContents {
  const names = new Set(given.map(({ name }) => name));
  const derived = bootFiles(document).files.filter(({ filename }) => !names.has(filename));
  return regionContents(document, [...given, ...derived.map(({ filename, bytes }) => ({ name: filename, bytes }))]);
}

/**
 * Adds what the checks of files say of a folder with the files that memory regions name; what follows from the policy
 * itself counts as given. The error is a usage error.
 */
export function withFiles(policy: PolicyInput, folder: string | undefined): Result<PolicyInput, string> {
  const { document } = policy;
  if (document === undefined) return ok(policy);
  if (folder === undefined) return ok({ ...policy, software: softwareOf(policy, document, new Set()) });
  const read = readFiles(folder);
  if (!read.ok) return read;
  const { files, spec } = read.value;
  const contents = contentsOf(document, files);
  const given = new Set(contents.contents.map(({ region }) => region));
  const software = softwareOf(policy, document, given);
  const root = policy.root ?? rootOf(policy.bytes);
  if (root === undefined) return ok(policy);
  const derived = policy.valid ? derivedFiles(document).files : [];
  const derivedBytes = new Map(derived.map(({ name, bytes }) => [name, bytes.length]));
  const givenBytes = new Map(files.map(({ name, bytes }) => [name, bytes.length]));
  const fileBytes = (name: string): number | undefined =>
    contents.bytesOf.get(name) ?? givenBytes.get(name) ?? derivedBytes.get(name);
  const outcomes = checkFiles(root, { fileBytes });
  const findings = [
    ...policy.findings,
    ...outcomes.flatMap(outcome => outcome.findings),
    ...contents.findings,
    ...unstatedHashes(document, given),
  ];
  const examined = Object.fromEntries(outcomes.map(outcome => [outcome.code, outcome.examined]));
  return ok({
    ...policy,
    files: spec,
    software: withBinaries(software, document, contents),
    findings,
    examined: { ...policy.examined, ...examined },
    valid: findings.every(({ severity }) => severity !== 'error'),
  });
}

/** A policy without a scenario has stand-ins for the components that it names. */
const softwareOf = (
  { software }: PolicyInput,
  document: PolicyDocument,
  given: ReadonlySet<string>,
): PolicyInput['software'] => (software.length > 0 ? software : standIns(document, given));

/** Subjects whose code was given run it; all others what they ran before. */
function withBinaries(
  software: PolicyInput['software'],
  document: PolicyDocument,
  { contents }: RegionContents,
): PolicyInput['software'] {
  const natives = document.subjects.filter(subject => hasBinary(document, subject, contents)).map(({ name }) => name);
  return [
    ...software.filter(({ subject }) => !natives.includes(subject)),
    ...natives.map(subject => ({ subject, software: 'machine-code', parameters: {} })),
  ];
}

function rootOf(bytes: Uint8Array): PolicyInput['root'] {
  const parsed = parseXml(bytes);
  return parsed.ok ? parsed.value.root : undefined;
}
