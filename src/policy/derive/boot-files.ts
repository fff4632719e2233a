import { err, ok, type Result } from '../../units/result.ts';
import type { MemoryType, PolicyDocument, Subject } from '../document.ts';
import { type Finding, findingAt } from '../finding.ts';
import { buildDsdt } from './acpi-dsdt.ts';
import { buildFadt, buildRsdp, buildXsdt } from './acpi-tables.ts';
import { buildSolo5BootInfo } from './solo5-boot-info.ts';
import { buildZeroPage } from './zero-page.ts';

/** A file that the policy names as the content of a region and that follows from the policy itself. */
export interface BootFile {
  readonly filename: string;
  readonly region: string;
  readonly bytes: Uint8Array;
}

/** Files that were made, and a warning for each that could not be. */
export interface BootFiles {
  readonly files: readonly BootFile[];
  readonly findings: readonly Finding[];
}

type Builder = (document: PolicyDocument, subject: Subject) => Result<Uint8Array, string>;

const always =
  (build: (document: PolicyDocument, subject: Subject) => Uint8Array): Builder =>
  (document, subject) =>
    ok(build(document, subject));

/** How the content of each kind of region is made. */
const BUILDERS: ReadonlyMap<MemoryType, Builder> = new Map([
  ['subject_zeropage', always(buildZeroPage)],
  ['subject_acpi_rsdp', always(buildRsdp)],
  ['subject_acpi_xsdt', always(buildXsdt)],
  ['subject_acpi_fadt', always(buildFadt)],
  ['subject_acpi_dsdt', buildDsdt],
  ['subject_solo5_boot_info', buildSolo5BootInfo],
]);

/**
 * What Linux subjects and unikernels find as boot parameters and ACPI tables: one file for each region of such a type
 * that names one. The names of the regions begin with the owner; a loader may map them in its place.
 */
export function bootFiles(document: PolicyDocument): BootFiles {
  const subjects = new Map(document.subjects.map(subject => [subject.name, subject]));
  const files: BootFile[] = [];
  const findings: Finding[] = [];
  for (const region of document.memory) {
    const build = BUILDERS.get(region.type);
    if (build === undefined || region.content?.kind !== 'file') continue;
    const { filename } = region.content;
    const built = buildFor(region.name, region.sizeBytes, subjects, owner => build(document, owner));
    if (built.ok) files.push({ filename, region: region.name, bytes: built.value });
    else
      findings.push(
        findingAt(
          region.at,
          'DERIVE-FILE',
          'warning',
          `File '${filename}' of region '${region.name}' is not made: ${built.error}.`,
          'Give the file yourself, or change what the message names.',
        ),
      );
  }
  return { files, findings };
}

function buildFor(
  region: string,
  sizeBytes: number,
  subjects: ReadonlyMap<string, Subject>,
  build: (owner: Subject) => Result<Uint8Array, string>,
): Result<Uint8Array, string> {
  const [name = ''] = region.split('|');
  const owner = subjects.get(name);
  if (owner === undefined) return err(`there is no subject '${name}'`);
  const built = build(owner);
  if (built.ok && built.value.length > sizeBytes)
    return err(`it has ${built.value.length} bytes, the region ${sizeBytes}`);
  return built;
}
