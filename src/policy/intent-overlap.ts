import type { SourcePosition } from './document.ts';
import type { IntentFacts, IntentFinding } from './intent-facts.ts';
import { finding, ownerOf } from './intent-facts.ts';
import { isKernelMemory } from './intent-memory.ts';
import type { Sentence } from './intent-text.ts';
import { listOf, quoted, say } from './intent-text.ts';

interface Extent {
  readonly name: string;
  readonly at: SourcePosition;
  /** Physical bytes start .. end-1. */
  readonly start: number;
  readonly end: number;
  /** Families, `kernel`, owners: who may touch these bytes. */
  readonly users: ReadonlySet<string>;
  /** Where the users say so. */
  readonly places: readonly Sentence[];
}

/** Most overlaps that are reported: one misplaced large region can cover thousands. */
const OVERLAPS_SHOWN = 200;

/** Differently named regions or device memories that share physical bytes and have different users, at most 200. */
export function findOverlaps(facts: IntentFacts): IntentFinding[] {
  const extents = [...regionExtents(facts), ...deviceExtents(facts)].filter(extent => extent.end > extent.start);
  extents.sort((a, b) => a.start - b.start || a.at.line - b.at.line);
  const findings: IntentFinding[] = [];
  let active: Extent[] = [];
  for (const extent of extents) {
    active = active.filter(other => other.end > extent.start);
    for (const other of active) {
      if (haveDifferentUsers(extent, other)) findings.push(overlap(extent, other));
      if (findings.length === OVERLAPS_SHOWN) return findings;
    }
    active.push(extent);
  }
  return findings;
}

/** Nothing is shared where one of the two has no user at all. */
function haveDifferentUsers(a: Extent, b: Extent): boolean {
  const [any] = a.users;
  const alike = a.users.size === 1 && b.users.size === 1 && any !== undefined && b.users.has(any);
  return a.users.size > 0 && b.users.size > 0 && !alike;
}

function overlap(a: Extent, b: Extent): IntentFinding {
  const [later, earlier] = a.at.line >= b.at.line ? [a, b] : [b, a];
  const describe = ({ name, at, places }: Extent): Sentence =>
    say`${quoted(name)} (${at}${places.length === 0 ? '' : say`, mapped by ${listOf(places)}`})`;
  const start = `0x${Math.max(a.start, b.start).toString(16)}`;
  return finding(
    'INTENT-OVERLAP',
    later.at,
    say`${describe(later)} and ${describe(earlier)} share physical memory from ${start}`,
  );
}

function regionExtents(facts: IntentFacts): Extent[] {
  const domainUsers = new Map<string, { user: string; place: Sentence }[]>();
  for (const domain of facts.document.deviceDomains) {
    const owners = facts.ownersOfDomain(domain);
    for (const mapping of domain.memory) {
      const place = say`domain ${quoted(domain.name)} (${mapping.at})`;
      const entries = owners.map(owner => ({ user: `subject ${facts.familyOf(owner.name)}`, place }));
      domainUsers.set(mapping.physical, [...(domainUsers.get(mapping.physical) ?? []), ...entries]);
    }
  }
  return facts.document.memory.map(region => {
    const held = facts.heldByRegion.get(region.name) ?? [];
    const byDomain = domainUsers.get(region.name) ?? [];
    const users = new Set([
      ...held.map(entry => `subject ${facts.familyOf(entry.holder.name)}`),
      ...byDomain.map(entry => entry.user),
    ]);
    const owner = ownerOf(region);
    if (owner !== undefined && facts.subjects.has(owner)) users.add(`subject ${facts.familyOf(owner)}`);
    if (isKernelMemory(region.type)) users.add('kernel');
    const places = held.map(entry => say`${quoted(entry.holder.name)} (${entry.mapping.at})`);
    return {
      name: region.name,
      at: region.at,
      start: region.physicalAddress,
      end: region.physicalAddress + region.sizeBytes,
      users,
      places: [...places, ...distinctPlaces(byDomain.map(entry => entry.place))],
    };
  });
}

function deviceExtents(facts: IntentFacts): Extent[] {
  const users = new Map<string, { user: string; place: Sentence }[]>();
  const add = (device: string, memory: string, user: string, place: Sentence): void => {
    const key = JSON.stringify([device, memory]);
    users.set(key, [...(users.get(key) ?? []), { user, place }]);
  };
  for (const subject of facts.subjects.values()) {
    for (const device of subject.devices) {
      for (const mapping of device.memory) {
        const place = say`${quoted(subject.name)} (${mapping.at})`;
        add(device.physical, mapping.physical, `subject ${facts.familyOf(subject.name)}`, place);
      }
    }
  }
  for (const device of facts.document.kernel.devices) {
    for (const mapping of device.memory) {
      add(device.physical, mapping.physical, 'kernel', say`the kernel (${mapping.at})`);
    }
  }
  return [...facts.devices.values()].flatMap(device =>
    device.memory.map(memory => {
      const found = users.get(JSON.stringify([device.name, memory.name])) ?? [];
      return {
        name: `${device.name}/${memory.name}`,
        at: memory.at,
        start: memory.physicalAddress,
        end: memory.physicalAddress + memory.sizeBytes,
        users: new Set(found.map(entry => entry.user)),
        places: found.map(entry => entry.place),
      };
    }),
  );
}

/** A domain with several subjects is one place. */
function distinctPlaces(places: readonly Sentence[]): Sentence[] {
  return [...new Map(places.map(place => [place.text, place])).values()];
}
