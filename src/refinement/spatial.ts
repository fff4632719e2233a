import type { PhysicalMemory } from '../impl/memory.ts';
import type { AddressSpace } from '../impl/muen/address-spaces.ts';
import { EPT_READER, enumerateEpt } from '../impl/vmx/ept-enumerate.ts';
import { DMA_READER, enumerateDma } from '../impl/vtd/second-level.ts';
import {
  type Enumeration,
  entriesOnPath,
  enumerateIa32e,
  IA32E_READER,
  type LeafRun,
  type MalformedEntry,
} from '../impl/x86/paging-enumerate.ts';
import type { TableRegion } from '../impl/x86/paging-layout.ts';
import type { Grant } from '../model/grants.ts';
import { formatAddress, type Hpa, hpa, PAGE_SIZE_BYTES } from '../units/address.ts';
import {
  describePhysical,
  describePlace,
  type PhysicalAtlas,
  type PhysicalPlace,
  placesWithin,
} from './spatial-atlas.ts';

/** Ways in which tables and policy can differ, most dangerous first. */
export const DIFFERENCE_KINDS = [
  'control-structure',
  'not-granted',
  'wrong-frame',
  'too-permissive',
  'too-restrictive',
  'not-mapped',
  'caching',
  'foreign-table',
  'malformed-entry',
  'incomplete',
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** One place where the tables of a subject or kernel do not say what the policy declares. */
export interface SpatialDifference {
  readonly kind: DifferenceKind;
  /** First address concerned, in the holder's address space; an entry's physical address for foreign-table. */
  readonly address: number;
  readonly sizeBytes: number;
  readonly message: string;
  /** Policy lines involved; empty if the policy says nothing about it. */
  readonly policyLines: readonly number[];
  /** Physical address of the table entry that says so; absent where no single one does. */
  readonly entry?: Hpa;
}

/** Second-level tables of a device domain; memory types and execute rights do not count in them. */
export interface DmaSpace {
  readonly kind: 'dma';
  readonly levels: 3 | 4;
  readonly root: Hpa;
  readonly region: TableRegion;
}

/** Tables to judge, and what the policy declares for them. */
export interface SpaceUnderTest {
  /** For messages, for example "subject 'vt'". */
  readonly holder: string;
  readonly holderKind: 'subject' | 'kernel' | 'domain';
  readonly space: AddressSpace | DmaSpace;
  readonly grants: readonly Grant[];
}

/** Result of judging one address space; page counts are in 4 KiB pages. */
export interface SpatialReport {
  /** Most dangerous kind first, then by address; at most MAX_DIFFERENCES. */
  readonly differences: readonly SpatialDifference[];
  readonly differenceCount: number;
  readonly pages: number;
  readonly writablePages: number;
  readonly readOnlyPages: number;
  readonly noExecutePages: number;
  readonly executablePages: number;
  readonly leafCount: number;
  readonly tableCount: number;
}

/** Most differences that a report keeps. */
export const MAX_DIFFERENCES = 256;

/** Stretch of addresses within which neither the leaf run nor the set of grants changes. */
interface Segment {
  readonly va: number;
  readonly sizeBytes: number;
  readonly run: LeafRun | undefined;
  readonly grants: readonly Grant[];
}

const endOfRun = (run: LeafRun): number => run.virtualAddress + run.sizeBytes;
const endOfGrant = (grant: Grant): number => grant.va + grant.sizeBytes;

/** Splits all addresses that are mapped or granted into segments, ascending. */
function segmentsOf(runs: readonly LeafRun[], grants: readonly Grant[]): readonly Segment[] {
  const sortedRuns = [...runs].sort((a, b) => a.virtualAddress - b.virtualAddress);
  const sortedGrants = [...grants].sort((a, b) => a.va - b.va);
  const cuts = [
    ...new Set([
      ...sortedRuns.flatMap(run => [run.virtualAddress, endOfRun(run)]),
      ...sortedGrants.flatMap(grant => [grant.va, endOfGrant(grant)]),
    ]),
  ].sort((a, b) => a - b);
  const segments: Segment[] = [];
  let runIndex = 0;
  let grantIndex = 0;
  let active: readonly Grant[] = [];
  cuts.forEach((va, position) => {
    const end = cuts[position + 1];
    if (end === undefined) return;
    while (runIndex < sortedRuns.length && endOfRun(sortedRuns[runIndex]!) <= va) runIndex += 1;
    active = active.filter(grant => endOfGrant(grant) > va);
    while (grantIndex < sortedGrants.length && sortedGrants[grantIndex]!.va <= va)
      active = [...active, sortedGrants[grantIndex++]!];
    const candidate = sortedRuns[runIndex];
    const run = candidate !== undefined && candidate.virtualAddress <= va ? candidate : undefined;
    if (run !== undefined || active.length > 0) segments.push({ va, sizeBytes: end - va, run, grants: active });
  });
  return segments;
}

/** Address in the holder's space; the upper canonical half is negative as a number. */
const formatVirtual = (address: number): string =>
  address < 0 ? `0x${BigInt.asUintN(64, BigInt(address)).toString(16)}` : formatAddress(address);

function formatPages(va: number, sizeBytes: number): string {
  if (sizeBytes <= PAGE_SIZE_BYTES) return `page ${formatVirtual(va)}`;
  return `pages ${formatVirtual(va)} .. ${formatVirtual(va + sizeBytes - 1)} (${sizeBytes / PAGE_SIZE_BYTES})`;
}

const formatRights = (rights: {
  readonly readable?: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
}): string => {
  const access = rights.writable ? 'writable' : rights.readable === false ? 'unreadable' : 'read-only';
  return rights.executable ? `${access} and executable` : access;
};

/** Physical address of a run or grant at `va`. */
const physicalOfRun = (run: LeafRun, va: number): number => run.physicalAddress + (va - run.virtualAddress);
const physicalOfGrant = (grant: Grant, va: number): number => grant.pa + (va - grant.va);

/** Compares a mapped segment with one grant. */
function compareWithGrant(
  { holder, space }: SpaceUnderTest,
  atlas: PhysicalAtlas,
  segment: Segment,
  run: LeafRun,
  grant: Grant,
): SpatialDifference[] {
  const { va, sizeBytes } = segment;
  const pages = formatPages(va, sizeBytes);
  const mapped = physicalOfRun(run, va);
  const granted = physicalOfGrant(grant, va);
  const base = { address: va, sizeBytes, policyLines: [grant.line] };
  if (mapped !== granted) {
    const message = `${holder}: ${pages} maps ${describePhysical(atlas, mapped, sizeBytes)} ${formatRights(run)}, policy grants ${describePhysical(atlas, granted, sizeBytes)} (policy line ${grant.line})`;
    return [{ kind: 'wrong-frame', ...base, message }];
  }
  const differences: SpatialDifference[] = [];
  const where = `${holder}: ${pages} maps ${describePhysical(atlas, mapped, sizeBytes)}`;
  const isDma = space.kind === 'dma';
  const executes = isDma ? run.executable : grant.executable;
  const isTooPermissive = (run.writable && !grant.writable) || (run.executable && !executes);
  const isTooRestrictive = !run.readable || (!run.writable && grant.writable) || (!run.executable && executes);
  if (isTooPermissive || isTooRestrictive) {
    const message = `${where} ${formatRights(run)}, policy grants ${formatRights(grant)} (policy line ${grant.line})`;
    differences.push({ kind: isTooPermissive ? 'too-permissive' : 'too-restrictive', ...base, message });
  }
  if (!isDma && (run.memoryType !== grant.caching || !run.forcesMemoryType)) {
    const type = run.forcesMemoryType ? run.memoryType : `${run.memoryType} unless the guest's PAT says otherwise`;
    const message = `${where} with memory type ${type}, policy says ${grant.caching} (policy line ${grant.line})`;
    differences.push({ kind: 'caching', ...base, message });
  }
  return differences;
}

/** Differences of one segment; of overlapping grants one must be met exactly. */
function judgeSegment(underTest: SpaceUnderTest, atlas: PhysicalAtlas, segment: Segment): readonly SpatialDifference[] {
  const { holder } = underTest;
  const { va, sizeBytes, run, grants } = segment;
  const pages = formatPages(va, sizeBytes);
  if (run === undefined) {
    return grants.map(grant => ({
      kind: 'not-mapped' as const,
      address: va,
      sizeBytes,
      message: `${holder}: ${pages} is not mapped, policy grants ${describePhysical(atlas, physicalOfGrant(grant, va), sizeBytes)} ${formatRights(grant)} (policy line ${grant.line})`,
      policyLines: [grant.line],
    }));
  }
  if (grants.length === 0) {
    const mapped = physicalOfRun(run, va);
    const message = `${holder}: ${pages} maps ${describePhysical(atlas, mapped, sizeBytes)} ${formatRights(run)}, although the policy grants nothing there`;
    return [
      {
        kind: 'not-granted',
        address: va,
        sizeBytes,
        message,
        policyLines: placesWithin(atlas, mapped, sizeBytes)
          .slice(0, 1)
          .map(place => place.line),
      },
    ];
  }
  const perGrant = grants.map(grant => compareWithGrant(underTest, atlas, segment, run, grant));
  return perGrant.some(differences => differences.length === 0) ? [] : perGrant[0]!;
}

/**
 * True for memory that confines its holder, so that a writable mapping voids every other statement about the tables: the
 * system types for everyone, kernel memory for subjects. tau0's interface page is kernel memory that a policy declares.
 */
function confines(place: PhysicalPlace, underTest: SpaceUnderTest): boolean {
  if (place.type.startsWith('system')) return true;
  if (underTest.holderKind === 'kernel' || !place.type.startsWith('kernel')) return false;
  return !(place.type === 'kernel_interface' && underTest.grants.some(grant => grant.name === place.name));
}

/** Writable leaves that reach page tables, VMCS, bitmaps, VT-d tables or kernel memory. */
function judgeControlStructures(
  atlas: PhysicalAtlas,
  underTest: SpaceUnderTest,
  runs: readonly LeafRun[],
): readonly SpatialDifference[] {
  const confining = { places: atlas.places.filter(place => confines(place, underTest)) };
  return runs.flatMap(run =>
    (run.writable ? placesWithin(confining, run.physicalAddress, run.sizeBytes) : []).map(place => {
      const first = Math.max(place.base, run.physicalAddress);
      const sizeBytes = Math.min(place.base + place.sizeBytes, run.physicalAddress + run.sizeBytes) - first;
      const va = run.virtualAddress + (first - run.physicalAddress);
      const declaring = underTest.grants
        .filter(grant => grant.va < va + sizeBytes && va < endOfGrant(grant))
        .map(grant => grant.line);
      const declared = declaring.length > 0 ? ` (declared by policy line ${declaring.join(', ')})` : '';
      return {
        kind: 'control-structure' as const,
        address: va,
        sizeBytes,
        message: `${underTest.holder}: ${formatPages(va, sizeBytes)} gives write access to ${describePlace(place)}, which confines it${declared}`,
        policyLines: [...declaring, place.line],
      };
    }),
  );
}

function judgeMalformed(underTest: SpaceUnderTest, entries: readonly MalformedEntry[]): readonly SpatialDifference[] {
  return entries.map(entry => ({
    kind: 'malformed-entry' as const,
    address: entry.virtualAddress,
    sizeBytes: PAGE_SIZE_BYTES,
    message: `${underTest.holder}: the table entry at hpa ${formatAddress(entry.entryAddress)} for ${formatVirtual(entry.virtualAddress)} is malformed: ${entry.reason}`,
    policyLines: [],
    entry: entry.entryAddress,
  }));
}

/** Tables that the CPU would read outside the region which the policy allocates for them. */
function judgeTables(
  atlas: PhysicalAtlas,
  underTest: SpaceUnderTest,
  enumeration: Enumeration,
): readonly SpatialDifference[] {
  const { region } = underTest.space;
  const isOutside = (table: number): boolean =>
    table < region.physicalAddress || table >= region.physicalAddress + region.sizeBytes;
  return enumeration.tables.filter(isOutside).map(table => ({
    kind: 'foreign-table' as const,
    address: table,
    sizeBytes: PAGE_SIZE_BYTES,
    message: `${underTest.holder}: ${describePhysical(atlas, table, PAGE_SIZE_BYTES)} is used as a page table, outside the table region at ${formatAddress(region.physicalAddress)}`,
    policyLines: [],
  }));
}

const countPages = (runs: readonly LeafRun[], accept: (run: LeafRun) => boolean): number =>
  runs.reduce((sum, run) => sum + (accept(run) ? run.sizeBytes / PAGE_SIZE_BYTES : 0), 0);

function enumerate(memory: PhysicalMemory, space: SpaceUnderTest['space']): Enumeration {
  switch (space.kind) {
    case 'ept':
      return enumerateEpt(memory, space.root);
    case 'ia32e':
      return enumerateIa32e(memory, space.root);
    case 'dma':
      return enumerateDma(memory, space.root, space.levels);
  }
}

/** Adds the table entry that decides about the difference's address, inside of the tables' region if possible. */
function withEntry(memory: PhysicalMemory, { space }: SpaceUnderTest, found: SpatialDifference): SpatialDifference {
  if (found.entry !== undefined || found.kind === 'incomplete') return found;
  if (found.kind === 'foreign-table') return { ...found, entry: hpa(found.address) };
  const reader = space.kind === 'ept' ? EPT_READER : space.kind === 'dma' ? DMA_READER : IA32E_READER;
  const topLevel = space.kind === 'dma' ? space.levels : 4;
  const path = entriesOnPath(memory, space.root, found.address, reader, topLevel);
  // A path that leaves the tables' region is decided by the entry that leads out of it.
  const { physicalAddress: base, sizeBytes } = space.region;
  const entry = path.findLast(candidate => candidate >= base && candidate < base + sizeBytes) ?? path.at(-1)!;
  return { ...found, entry };
}

/**
 * Compares everything that the tables of a subject or kernel translate with everything that the policy declares, in both
 * directions and page-exact (DESIGN: spatial isolation is decided completely).
 */
export function checkSpace(memory: PhysicalMemory, atlas: PhysicalAtlas, underTest: SpaceUnderTest): SpatialReport {
  const { space, holder } = underTest;
  const enumeration = enumerate(memory, space);
  const { runs } = enumeration;
  const found: SpatialDifference[] = [
    ...judgeControlStructures(atlas, underTest, runs),
    ...segmentsOf(runs, underTest.grants).flatMap(segment => judgeSegment(underTest, atlas, segment)),
    ...judgeTables(atlas, underTest, enumeration),
    ...judgeMalformed(underTest, enumeration.malformed),
  ];
  if (enumeration.incomplete !== '') {
    const message = `${holder}: the tables were not enumerated completely: ${enumeration.incomplete}`;
    found.push({ kind: 'incomplete', address: 0, sizeBytes: 0, message, policyLines: [] });
  }
  const rank = (difference: SpatialDifference): number => DIFFERENCE_KINDS.indexOf(difference.kind);
  found.sort((a, b) => rank(a) - rank(b) || a.address - b.address);
  return {
    differences: found.slice(0, MAX_DIFFERENCES).map(difference => withEntry(memory, underTest, difference)),
    differenceCount: found.length,
    pages: countPages(runs, () => true),
    writablePages: countPages(runs, run => run.writable),
    readOnlyPages: countPages(runs, run => !run.writable),
    noExecutePages: countPages(runs, run => !run.executable),
    executablePages: countPages(runs, run => run.executable),
    leafCount: enumeration.leafCount,
    tableCount: enumeration.tables.length,
  };
}
