import type { MemoryType, PolicyDocument, Subject } from '../document.ts';
import { buildFadt, buildRsdp, buildXsdt } from './acpi-tables.ts';
import { mappedRegions } from './subject-memory.ts';
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
 * What Linux subjects find as boot parameters and ACPI tables: one file for each region of such a type that names one,
 * for the first subject that maps it or the region that takes its place when it is loaded.
 */
export function bootFiles(document: PolicyDocument): readonly BootFile[] {
  const done = new Set<string>();
  return document.subjects.flatMap(subject =>
    mappedRegions(document, subject).flatMap(({ region }) => {
      const build = BUILDERS.get(region.type);
      const source =
        region.hashRef === undefined ? region : document.memory.find(({ name }) => name === region.hashRef);
      const { content } = source ?? {};
      // A loader maps the regions of others; the names begin with the owner.
      const isOwn = region.name.startsWith(`${subject.name}|`);
      if (build === undefined || content?.kind !== 'file' || !isOwn || done.has(content.filename)) return [];
      done.add(content.filename);
      return [{ filename: content.filename, region: source?.name ?? region.name, bytes: build(document, subject) }];
    }),
  );
}
