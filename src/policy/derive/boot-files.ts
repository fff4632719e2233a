import type { MemoryType, PolicyDocument, Subject } from '../document.ts';
import { buildFadt, buildRsdp, buildXsdt } from './acpi-tables.ts';
import { buildZeroPage } from './zero-page.ts';

/** A file that the policy names as the content of a region and that follows from the policy itself. */
export interface BootFile {
  readonly filename: string;
  readonly region: string;
  readonly bytes: Uint8Array;
}

/** How the content of each kind of region is made. */
const BUILDERS: ReadonlyMap<MemoryType, (document: PolicyDocument, subject: Subject) => Uint8Array> = new Map([
  ['subject_zeropage', buildZeroPage],
  ['subject_acpi_rsdp', buildRsdp],
  ['subject_acpi_xsdt', buildXsdt],
  ['subject_acpi_fadt', buildFadt],
]);

/**
 * What Linux subjects find as boot parameters and ACPI tables: one file for each region of such a type that names one.
 * The names of the regions begin with the owner; a loader may map them in its place.
 */
export function bootFiles(document: PolicyDocument): readonly BootFile[] {
  const subjects = new Map(document.subjects.map(subject => [subject.name, subject]));
  return document.memory.flatMap(({ name, type, content }) => {
    const build = BUILDERS.get(type);
    const owner = subjects.get(name.split('|')[0] ?? '');
    if (build === undefined || owner === undefined || content?.kind !== 'file') return [];
    return [{ filename: content.filename, region: name, bytes: build(document, owner) }];
  });
}
