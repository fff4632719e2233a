import { PhysicalMemory } from '../../impl/memory.ts';
import type { MemoryRegion, MemoryType, PolicyDocument } from '../../policy/document.ts';
import { type Hpa, hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { hex, type StructureDifference } from './report.ts';

/** A file of the user's own toolchain, unpacked. */
export interface GivenFile {
  /** Without `.gz`, for example `vt_pt`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Given files at the places that the policy allocates for them. */
export interface PlacedFiles {
  readonly memory: PhysicalMemory;
  /** File of each region that has one. */
  readonly files: ReadonlyMap<string, GivenFile>;
  /** What is wrong with the size of a region's file. */
  readonly problems: ReadonlyMap<string, StructureDifference>;
  /** Files that belong to no region of the policy. */
  readonly unknown: readonly string[];
  /** Names file and offset of an address; empty if it lies in no file. */
  locate(address: Hpa): string;
}

/** Most bytes of all given files together. */
export const MAX_GIVEN_BYTES = 256 * 1024 * 1024;

/** Sizes that a file for a type of region can have; other types hold no structure that is judged. */
const SIZES: Partial<
  Record<MemoryType, { readonly least: number; readonly unit: number; readonly exact: boolean; readonly what: string }>
> = {
  system_pt: { least: PAGE_SIZE_BYTES, unit: PAGE_SIZE_BYTES, exact: false, what: 'page tables' },
  system_iobm: { least: 0x2000, unit: 1, exact: true, what: 'I/O bitmaps' },
  system_msrbm: { least: 0x1000, unit: 1, exact: true, what: 'an MSR bitmap' },
  system_vtd_root: { least: 0x1000, unit: 1, exact: true, what: 'a root table' },
  system_vtd_context: { least: 0x1000, unit: 1, exact: true, what: 'a context table' },
  system_vtd_ir: { least: 0x1000, unit: 1, exact: true, what: 'an interrupt-remapping table' },
  kernel_msrstore: { least: 0, unit: 16, exact: false, what: 'an MSR store' },
  subject_info: { least: 32720, unit: 1, exact: false, what: 'subject information' },
};

/** Name that the toolchain gives to the file of a region: `vt|pt` is `vt_pt`. */
export const fileNameOf = (region: string): string => region.replaceAll('|', '_');

/** What is wrong with a file's size; empty if nothing is. */
function sizeProblem(region: MemoryRegion, size: number): string {
  const rule = SIZES[region.type];
  if (rule === undefined) return '';
  if (size < rule.least) return `ends at offset ${hex(size)}, ${rule.what} need ${hex(rule.least)} bytes`;
  const most = rule.exact ? rule.least : region.sizeBytes;
  if (size > most) return `goes on at offset ${hex(most)}, where ${rule.what} end (it has ${hex(size)} bytes)`;
  return size % rule.unit === 0 ? '' : `ends at offset ${hex(size)}, inside of an entry or table`;
}

/** Region that a file belongs to: by the toolchain's name, or by the file name in the policy. */
function regionOf(document: PolicyDocument, name: string): MemoryRegion | undefined {
  return (
    document.memory.find(region => fileNameOf(region.name) === name) ??
    document.memory.find(region => region.content?.kind === 'file' && region.content.filename === name)
  );
}

/** Puts files where the policy says the kernel and the hardware find them. Any content and any size is allowed. */
export function placeFiles(document: PolicyDocument, given: readonly GivenFile[]): PlacedFiles {
  const memory = new PhysicalMemory();
  const files = new Map<string, GivenFile>();
  const problems = new Map<string, StructureDifference>();
  const unknown: string[] = [];
  const placed: { readonly base: number; readonly end: number; readonly name: string }[] = [];
  for (const file of given) {
    const region = regionOf(document, file.name);
    if (region === undefined) {
      unknown.push(file.name);
      continue;
    }
    if (SIZES[region.type] === undefined) continue;
    files.set(region.name, file);
    const problem = sizeProblem(region, file.bytes.length);
    if (problem !== '') {
      const message = `file ${file.name} ${problem}`;
      problems.set(region.name, { kind: 'wrong-size', message, policyLines: [region.at.line] });
    }
    const bytes = file.bytes.subarray(0, region.sizeBytes);
    memory.writeBytes(hpa(region.physicalAddress), bytes);
    placed.push({ base: region.physicalAddress, end: region.physicalAddress + bytes.length, name: file.name });
  }
  return {
    memory,
    files,
    problems,
    unknown,
    locate: address => {
      const found = placed.find(({ base, end }) => base <= address && address < end);
      return found === undefined ? '' : `file ${found.name}, offset ${hex(address - found.base)}`;
    },
  };
}
