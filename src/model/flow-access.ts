import type { MemoryMapping, MemoryRegion, MemoryType, Subject } from '../policy/document.ts';
import { type PolicyLine, policyLine } from './flow-line.ts';
import type { FlowParties } from './flow-nodes.ts';

/** What one party may do with one stretch of physical memory. */
export interface MemoryAccess {
  /** Node id. */
  readonly party: string;
  readonly partyKind: 'subject' | 'device-domain' | 'kernel';
  /** Region name, or `device/memory`. */
  readonly region: string;
  /** Undefined for device memory. */
  readonly type: MemoryType | undefined;
  /** Physical bytes start .. end-1. */
  readonly start: number;
  readonly end: number;
  readonly writable: boolean;
  /** True if the kernel makes the access on the party's behalf (a saved state page, for example). */
  readonly implied: boolean;
  readonly logical: readonly string[];
  readonly lines: readonly PolicyLine[];
}

const KEPT_FOR_OWNER: ReadonlySet<MemoryType> = new Set([
  'subject_state',
  'subject_interrupts',
  'subject_timed_event',
  'system_pt',
  'system_iobm',
  'system_msrbm',
  'kernel_fpu',
  'kernel_msrstore',
  'kernel_vmcs',
]);

/** Name before the first `|` of a region name (`linux|zp`), undefined if there is none. */
export function regionOwner(region: string): string | undefined {
  const bar = region.indexOf('|');
  return bar < 0 ? undefined : region.slice(0, bar);
}

/** True for types that belong to the kernel or to the hardware it programs, apart from the tau0 interface page. */
export function isKernelType(type: MemoryType): boolean {
  return (type.startsWith('kernel') && type !== 'kernel_interface') || type.startsWith('system');
}

/** All memory accesses the document declares or implies; mappings of unknown regions are left out. */
export function memoryAccesses(parties: FlowParties): MemoryAccess[] {
  const { document } = parties;
  const regions = new Map<string, MemoryRegion>();
  for (const region of document.memory) if (!regions.has(region.name)) regions.set(region.name, region);
  const accesses: MemoryAccess[] = [];
  for (const subject of parties.subjects.values()) accesses.push(...subjectAccesses(parties, subject, regions));
  for (const domain of document.deviceDomains) {
    const party = parties.domainIds.get(domain.name)!;
    for (const mapping of domain.memory) {
      const region = regions.get(mapping.physical);
      if (region) accesses.push(regionAccess(party, 'device-domain', mapping, region));
    }
  }
  for (const region of regions.values()) accesses.push(...impliedAccesses(parties, region));
  return mergeSameParty(accesses);
}

/** A sibling runs on the page tables of its origin, so it reaches the origin's mappings too. */
function subjectAccesses(
  parties: FlowParties,
  subject: Subject,
  regions: ReadonlyMap<string, MemoryRegion>,
): MemoryAccess[] {
  const origin = parties.subjects.get(parties.family.get(subject.name) ?? subject.name) ?? subject;
  const effective = origin === subject ? [subject] : [subject, origin];
  return effective.flatMap(holder => [
    ...holder.memory.flatMap(mapping => {
      const region = regions.get(mapping.physical);
      return region ? [regionAccess(subject.name, 'subject', mapping, region)] : [];
    }),
    ...deviceAccesses(parties, subject.name, holder),
  ]);
}

function deviceAccesses(parties: FlowParties, party: string, holder: Subject): MemoryAccess[] {
  return holder.devices.flatMap(device => {
    const physical = parties.document.hardware.devices.find(candidate => candidate.name === device.physical);
    return device.memory.flatMap(mapping => {
      const memory = physical?.memory.find(candidate => candidate.name === mapping.physical);
      if (!memory) return [];
      return [
        {
          party,
          partyKind: 'subject' as const,
          region: `${device.physical}/${memory.name}`,
          type: undefined,
          start: memory.physicalAddress,
          end: memory.physicalAddress + memory.sizeBytes,
          writable: mapping.writable,
          implied: false,
          logical: [`${device.logical}/${mapping.logical}`],
          lines: [policyLine(mapping)],
        },
      ];
    });
  });
}

function regionAccess(
  party: string,
  partyKind: 'subject' | 'device-domain',
  mapping: MemoryMapping,
  region: MemoryRegion,
): MemoryAccess {
  return {
    party,
    partyKind,
    ...extent(region),
    writable: mapping.writable,
    implied: false,
    logical: [mapping.logical],
    lines: [policyLine(mapping)],
  };
}

/** The owner of a state page runs from it and the kernel works on its own memory, without any mapping of theirs. */
function impliedAccesses(parties: FlowParties, region: MemoryRegion): MemoryAccess[] {
  const common = { ...extent(region), writable: true, implied: true, logical: [], lines: [policyLine(region)] };
  const result: MemoryAccess[] = [];
  const owner = regionOwner(region.name);
  if (owner !== undefined && KEPT_FOR_OWNER.has(region.type) && parties.subjects.has(owner)) {
    result.push({ party: owner, partyKind: 'subject', ...common });
  }
  if (isKernelType(region.type)) result.push({ party: parties.kernel, partyKind: 'kernel', ...common });
  return result;
}

function extent(region: MemoryRegion) {
  const { name, type, physicalAddress, sizeBytes } = region;
  return { region: name, type, start: physicalAddress, end: physicalAddress + sizeBytes };
}

function mergeSameParty(accesses: readonly MemoryAccess[]): MemoryAccess[] {
  const merged = new Map<string, MemoryAccess>();
  for (const access of accesses) {
    const key = JSON.stringify([access.party, access.type === undefined, access.region]);
    const previous = merged.get(key);
    merged.set(key, previous ? join(previous, access) : access);
  }
  return [...merged.values()];
}

function join(a: MemoryAccess, b: MemoryAccess): MemoryAccess {
  return {
    ...a,
    writable: a.writable || b.writable,
    implied: a.implied && b.implied,
    logical: [...new Set([...a.logical, ...b.logical])],
    lines: [...new Set([...a.lines, ...b.lines])],
  };
}

/** Calls `visit` once for each unordered pair of accesses of different parties that share a physical byte. */
export function forEachSharing(
  accesses: readonly MemoryAccess[],
  visit: (a: MemoryAccess, b: MemoryAccess) => void,
): void {
  const sorted = accesses.filter(access => access.end > access.start).sort((a, b) => a.start - b.start);
  let active: MemoryAccess[] = [];
  for (const access of sorted) {
    active = active.filter(other => other.end > access.start);
    for (const other of active) if (other.party !== access.party) visit(other, access);
    active.push(access);
  }
}
