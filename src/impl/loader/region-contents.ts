import type { MemoryMapping, MemoryRegion, MemoryType, PolicyDocument, Subject } from '../../policy/document.ts';
import { type Finding, findingAt } from '../../policy/finding.ts';
import { formatAddress } from '../../units/address.ts';
import { err, ok, type Result } from '../../units/result.ts';
import { type ElfFile, type ElfSection, type ElfSegment, isElf, readElf } from './elf-file.ts';

/** A file that a policy may name as the content of memory. */
export interface ContentFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Bytes at the beginning of a memory region when the kernel starts; the rest of it is zero. */
export interface RegionContent {
  readonly region: string;
  readonly physicalAddress: number;
  /** File that the bytes come from. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** What the given files are to the regions of a policy. */
export interface RegionContents {
  readonly contents: readonly RegionContent[];
  /** Problems of files, and of files with the policy. */
  readonly findings: readonly Finding[];
  /** Bytes of memory that a file name of the policy stands for. */
  readonly bytesOf: ReadonlyMap<string, number>;
}

/** Types of memory whose files are part of the image; the kernel's own and what follows from the policy are built elsewhere. */
const LOADED_TYPES: ReadonlySet<MemoryType> = new Set<MemoryType>([
  'subject',
  'subject_binary',
  'subject_zeropage',
  'subject_initrd',
  'subject_channel',
  'subject_bios',
  'subject_acpi_rsdp',
  'subject_acpi_xsdt',
  'subject_acpi_fadt',
  'subject_acpi_dsdt',
  'subject_solo5_boot_info',
]);
/** Most bytes of all contents together. */
export const MAX_CONTENT_BYTES = 0x1000_0000;

/** Where software sees a region: as its owner maps it, or the region that a loader fills from it. */
interface Home {
  readonly subject: Subject;
  readonly mapping: MemoryMapping;
}

const isVm = ({ vcpu }: Subject): boolean => vcpu.controls.proc2.EnableEPT === 1;
const ownerOf = (region: string): string => region.split('|')[0]!;

function homesOf(document: PolicyDocument, region: MemoryRegion): readonly Home[] {
  const filled = document.memory.filter(({ hashRef }) => hashRef === region.name).map(({ name }) => name);
  // What a loader maps to copy it from there runs elsewhere.
  const names = filled.length > 0 ? filled : [region.name];
  const homes = document.subjects.flatMap(subject =>
    subject.memory.filter(({ physical }) => names.includes(physical)).map(mapping => ({ subject, mapping })),
  );
  const own = homes.filter(({ subject }) => subject.name === ownerOf(region.name));
  return own.length > 0 ? own : homes;
}

const problem = (file: string, code: string, offset: number, message: string, hint: string): Finding => ({
  file,
  code,
  severity: 'error',
  message: `offset 0x${offset.toString(16)}: ${message}`,
  line: 0,
  column: 0,
  hint,
});

const elfProblem = (file: string, offset: number, message: string): Finding =>
  problem(file, 'LOAD-ELF', offset, message, 'Give an ELF64 executable for x86-64, or the raw bytes of the region.');

/** Address at which a subject's loader places a segment: VMs start without paging. */
const placeOf = (segment: ElfSegment, subject: Subject): number =>
  isVm(subject) ? segment.physicalAddress : segment.virtualAddress;

/** Memory image of an ELF file that is the content of one region. */
function imageOf(
  { name, bytes }: ContentFile,
  elf: ElfFile,
  region: MemoryRegion,
  home: Home | undefined,
): Result<Uint8Array, Finding> {
  if (home === undefined)
    return err(elfProblem(name, 0, `no subject maps '${region.name}', so there is no address to load segments at`));
  const { subject, mapping } = home;
  if (elf.segments.length === 0) return err(elfProblem(name, 56, 'no segment is to be loaded'));
  const base = mapping.virtualAddress;
  let end = 0;
  for (const segment of elf.segments) {
    const at = placeOf(segment, subject);
    if (at < base || at + segment.memoryBytes > base + region.sizeBytes) {
      const message = `a segment at ${formatAddress(at)} of 0x${segment.memoryBytes.toString(16)} bytes lies outside of '${region.name}', which '${subject.name}' has at ${formatAddress(base)} with 0x${region.sizeBytes.toString(16)} bytes`;
      return err(
        problem(name, 'LOAD-ELF', segment.headerOffset, message, 'Link the program for the region, or enlarge it.'),
      );
    }
    end = Math.max(end, at + segment.memoryBytes - base);
  }
  const image = new Uint8Array(end);
  for (const segment of elf.segments)
    image.set(bytes.subarray(segment.offset, segment.offset + segment.fileBytes), placeOf(segment, subject) - base);
  return ok(image);
}

/** Why a section of a component is not what the policy maps, empty if it is (as Muen's mucheckelf judges). */
function sectionProblem(section: ElfSection, region: MemoryRegion, { subject, mapping }: Home): string {
  if (section.memoryBytes > region.sizeBytes)
    return `section ${section.name} has 0x${section.memoryBytes.toString(16)} bytes, region '${region.name}' 0x${region.sizeBytes.toString(16)}`;
  if (section.address !== mapping.virtualAddress)
    return `section ${section.name} is linked at ${formatAddress(section.address)}, '${subject.name}' maps '${mapping.logical}' at ${formatAddress(mapping.virtualAddress)}`;
  for (const right of ['writable', 'executable'] as const)
    if (section[right] !== mapping[right])
      return `section ${section.name} is ${section[right] ? '' : 'not '}${right}, but '${subject.name}' maps '${mapping.logical}' ${mapping[right] ? '' : 'not '}${right}`;
  return '';
}

/** Resolves the regions of one policy against given files. */
class Resolver {
  readonly contents: RegionContent[] = [];
  readonly findings: Finding[] = [];
  readonly bytesOf = new Map<string, number>();
  readonly #document: PolicyDocument;
  readonly #files: ReadonlyMap<string, ContentFile>;
  readonly #used = new Set<string>();
  readonly #elfs = new Map<string, ElfFile | undefined>();
  #total = 0;

  constructor(document: PolicyDocument, files: readonly ContentFile[]) {
    this.#document = document;
    this.#files = new Map(files.map(file => [file.name, file]));
  }

  resolve(region: MemoryRegion): void {
    if (region.content?.kind !== 'file') return;
    const { filename, offset } = region.content;
    const file = this.#files.get(filename);
    if (!LOADED_TYPES.has(region.type)) {
      this.#used.add(filename);
      return;
    }
    if (file === undefined) this.#takeSection(region, filename);
    else if (region.type === 'subject_binary' && offset === 'none' && isElf(file.bytes)) this.#takeElf(region, file);
    else this.#takeBytes(region, file, offset === 'none' ? 0 : offset);
  }

  /** Files that nothing was made of. */
  reportUnused(): void {
    for (const { name } of this.#files.values()) {
      if (this.#used.has(name)) continue;
      this.findings.push({
        file: name,
        code: 'LOAD-UNUSED',
        severity: 'notice',
        message: `no memory region of the policy names ${name} or a section of it`,
        line: 0,
        column: 0,
        hint: 'Name files as the policy does; an ELF file dm stands for dm_text, dm_rodata and dm_data.',
      });
    }
  }

  #add(region: MemoryRegion, filename: string, file: string, bytes: Uint8Array): void {
    this.#total += bytes.length;
    this.bytesOf.set(filename, Math.max(bytes.length, this.bytesOf.get(filename) ?? 0));
    if (this.#total > MAX_CONTENT_BYTES) {
      const message = `the files fill more than ${MAX_CONTENT_BYTES} bytes of memory`;
      this.findings.push(findingAt(region.at, 'LOAD-LIMIT', 'error', message, 'Give only the files that matter.'));
      return;
    }
    this.contents.push({ region: region.name, physicalAddress: region.physicalAddress, file, bytes });
  }

  #takeBytes(region: MemoryRegion, { name, bytes }: ContentFile, offset: number): void {
    this.#used.add(name);
    if (offset > bytes.length) {
      const message = `region '${region.name}' begins at offset 0x${offset.toString(16)} of ${name}, which has ${bytes.length} bytes`;
      this.findings.push(
        findingAt(region.at, 'LOAD-OFFSET', 'error', message, 'Give the file that the policy was made for.'),
      );
      return;
    }
    // A file that is longer than its region is reported by the check of file sizes.
    this.#add(region, name, name, bytes.subarray(offset, offset + region.sizeBytes));
    this.bytesOf.set(name, bytes.length);
  }

  #elfOf(file: ContentFile): ElfFile | undefined {
    if (this.#elfs.has(file.name)) return this.#elfs.get(file.name);
    this.#used.add(file.name);
    const read = readElf(file.bytes);
    if (!read.ok) this.findings.push(elfProblem(file.name, read.error.offset, read.error.message));
    this.#elfs.set(file.name, read.ok ? read.value : undefined);
    return read.ok ? read.value : undefined;
  }

  #takeElf(region: MemoryRegion, file: ContentFile): void {
    const elf = this.#elfOf(file);
    if (elf === undefined) return;
    const home = homesOf(this.#document, region)[0];
    const image = imageOf(file, elf, region, home);
    if (!image.ok) {
      this.findings.push(image.error);
      return;
    }
    this.#add(region, file.name, file.name, image.value);
    const start = home === undefined ? 0 : Number(home.subject.vcpu.gpr.rip ?? 0n);
    if (home === undefined || elf.entry === start) return;
    this.findings.push({
      ...elfProblem(
        file.name,
        24,
        `the entry point is ${formatAddress(elf.entry)}, '${home.subject.name}' starts at ${formatAddress(start)}`,
      ),
      code: 'LOAD-ENTRY',
      severity: 'warning',
      hint: 'The subject starts where the policy says.',
    });
  }

  /** A section of a component's ELF file, which the toolchain splits into one file a region (mucbinsplit). */
  #takeSection(region: MemoryRegion, filename: string): void {
    const split = /^(.+)_([a-z0-9]+)$/.exec(filename);
    if (split === null) return;
    const [, base = '', sectionName = ''] = split;
    const file = this.#files.get(base) ?? this.#files.get(`${base}.elf`);
    if (file === undefined || !isElf(file.bytes)) return;
    const elf = this.#elfOf(file);
    if (elf === undefined) return;
    const section = elf.sections.find(({ name }) => name === `.${sectionName}`);
    if (section === undefined) {
      this.findings.push(elfProblem(file.name, 40, `there is no section .${sectionName} for region '${region.name}'`));
      return;
    }
    const wrong = homesOf(this.#document, region)
      .map(home => sectionProblem(section, region, home))
      .find(text => text !== '');
    if (wrong !== undefined) {
      const hint = 'Build the component for this policy: its specification says where sections lie.';
      this.findings.push(problem(file.name, 'LOAD-SECTION', section.headerOffset, wrong, hint));
      return;
    }
    this.#add(region, filename, file.name, file.bytes.subarray(section.offset, section.offset + section.fileBytes));
  }
}

/**
 * Finds the content of memory regions in given files: the file that the region names, raw or (for a subject's binary) as ELF, or a
 * section of the component's ELF file. Total: any bytes give contents and findings.
 */
export function regionContents(document: PolicyDocument, files: readonly ContentFile[]): RegionContents {
  const resolver = new Resolver(document, files);
  for (const region of document.memory) resolver.resolve(region);
  resolver.reportUnused();
  const { contents, findings, bytesOf } = resolver;
  return { contents, findings, bytesOf };
}

/** True if a subject finds code at its entry point, or has a loader that puts it there. */
export function hasBinary(document: PolicyDocument, subject: Subject, contents: readonly RegionContent[]): boolean {
  const start = Number(subject.vcpu.gpr.rip ?? 0n);
  const origin = document.subjects.find(({ name }) => name === subject.siblingOf) ?? subject;
  const loaded = new Set(contents.map(({ region }) => region));
  return origin.memory.some(({ physical, virtualAddress }) => {
    const region = document.memory.find(({ name }) => name === physical);
    if (region === undefined || start < virtualAddress || start >= virtualAddress + region.sizeBytes) return false;
    return loaded.has(region.name) || (region.hashRef !== undefined && loaded.has(region.hashRef));
  });
}
