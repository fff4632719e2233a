import type {
  DeviceDomain,
  LogicalDevice,
  MemoryMapping,
  MemoryRegion,
  PhysicalDevice,
  PolicyDocument,
  SourcePosition,
  Subject,
} from './document.ts';
import type { Finding } from './finding.ts';
import type { ExplanationRule, IntentCode } from './intent-rules.ts';
import { INTENT_FINDINGS } from './intent-rules.ts';
import type { Sentence } from './intent-text.ts';

/** Why one mapping or assignment is taken to be meant. */
export interface Explanation {
  readonly rule: ExplanationRule;
  /** False for what a claims file states; a format B policy itself states no intent. */
  readonly inferred: boolean;
  /** Subject or device domain. */
  readonly holder: string;
  /** Logical name in the holder. */
  readonly logical: string;
  /** Region or device. */
  readonly resource: string;
  /** 1-based policy line of the mapping or assignment. */
  readonly line: number;
  /** 1-based policy line of the resource. */
  readonly resourceLine: number;
  readonly text: string;
}

/** A finding about sharing, with the lines that it mentions besides its own. */
export interface IntentFinding extends Finding {
  readonly code: IntentCode;
  /** 1-based policy lines of the region and of other mappings, in order of mention. */
  readonly relatedLines: readonly number[];
}

/** What judging one mapping gives: one explanation, or findings. */
export interface Judgement {
  readonly explained: readonly Explanation[];
  readonly findings: readonly IntentFinding[];
}

/** A memory mapping together with who holds it and what it names. */
export interface HeldMapping {
  readonly holder: Subject;
  readonly mapping: MemoryMapping;
  readonly region: MemoryRegion;
}

/** Lookups over a document; of several elements with one name the first counts. */
export interface IntentFacts {
  readonly document: PolicyDocument;
  readonly regions: ReadonlyMap<string, MemoryRegion>;
  readonly subjects: ReadonlyMap<string, Subject>;
  readonly devices: ReadonlyMap<string, PhysicalDevice>;
  readonly kernels: ReadonlySet<string>;
  /** Mappings by subjects, in document order, without those that name no region. */
  readonly held: readonly HeldMapping[];
  readonly heldByRegion: ReadonlyMap<string, readonly HeldMapping[]>;
  readonly seats: ReadonlyMap<string, { readonly partition: number; readonly group: number }>;
  /** Event name to the families that trigger it, and to those that receive it. */
  readonly eventSources: ReadonlyMap<string, ReadonlySet<string>>;
  readonly eventTargets: ReadonlyMap<string, ReadonlySet<string>>;
  familyOf(subject: string): string;
  ownersOfDomain(domain: DeviceDomain): readonly Subject[];
}

export function intentFacts(document: PolicyDocument): IntentFacts {
  const subjects = firstByName(document.subjects);
  const regions = firstByName(document.memory);
  const held = [...subjects.values()].flatMap(holder =>
    holder.memory.flatMap(mapping => {
      const region = regions.get(mapping.physical);
      return region ? [{ holder, mapping, region }] : [];
    }),
  );
  const family = new Map([...subjects.values()].map(subject => [subject.name, originOf(subject, subjects)]));
  const familyOf = (subject: string): string => family.get(subject) ?? subject;
  const users = (eventsOf: (subject: Subject) => readonly { readonly physical: string }[]) => {
    const result = new Map<string, Set<string>>();
    for (const subject of subjects.values()) {
      for (const { physical } of eventsOf(subject)) {
        const names = result.get(physical) ?? new Set<string>();
        result.set(physical, names.add(familyOf(subject.name)));
      }
    }
    return result;
  };
  return {
    document,
    regions,
    subjects,
    devices: firstByName(document.hardware.devices),
    kernels: new Set(document.kernel.cpus.map(cpu => `kernel_${cpu.id}`)),
    held,
    heldByRegion: groupBy(held, entry => entry.region.name),
    seats: seatsOf(document),
    eventSources: users(subject => subject.sourceGroups.flatMap(group => group.events)),
    eventTargets: users(subject => subject.targetEvents),
    familyOf,
    ownersOfDomain: domain => {
      const devices = new Set(domain.devices.map(device => device.physical));
      return [...subjects.values()].filter(subject => subject.devices.some(device => devices.has(device.physical)));
    },
  };
}

/** Name before the first `|` of a region name; undefined for an unowned region. */
export function ownerOf(region: MemoryRegion): string | undefined {
  const bar = region.name.indexOf('|');
  return bar < 0 ? undefined : region.name.slice(0, bar);
}

/** True for an assignment that grants at most the PCI configuration space (`mmconf`), as a device manager has it. */
export function hasOnlyConfiguration(device: LogicalDevice): boolean {
  const memoryOnly = device.irqs.length === 0 && device.ioPorts.length === 0;
  return memoryOnly && device.memory.every(mapping => mapping.physical === 'mmconf');
}

export function finding(code: IntentCode, at: SourcePosition, sentence: Sentence): IntentFinding {
  const { severity, hint } = INTENT_FINDINGS[code];
  const related = [...new Set(sentence.lines)].filter(line => line !== at.line);
  return { code, severity, message: sentence.text, line: at.line, column: at.column, hint, relatedLines: related };
}

export function explainedBy(rule: ExplanationRule, { holder, mapping, region }: HeldMapping, why: Sentence): Judgement {
  const place = { line: mapping.at.line, resourceLine: region.at.line };
  const names = { holder: holder.name, logical: mapping.logical, resource: region.name };
  return { explained: [{ rule, inferred: true, ...names, ...place, text: why.text }], findings: [] };
}

export function unexplained(...findings: readonly IntentFinding[]): Judgement {
  return { explained: [], findings };
}

/** `read-only` or `writable`, as the policy grants it. */
export function rights(mapping: MemoryMapping): string {
  return mapping.writable ? 'writable' : 'read-only';
}

export function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group) group.push(value);
    else groups.set(keyOf(value), [value]);
  }
  return groups;
}

function firstByName<T extends { readonly name: string }>(items: readonly T[]): Map<string, T> {
  const result = new Map<string, T>();
  for (const item of items) if (!result.has(item.name)) result.set(item.name, item);
  return result;
}

/** Follows sibling references; the members of a cycle, which no valid policy has, stay on their own. */
function originOf(subject: Subject, subjects: ReadonlyMap<string, Subject>): string {
  const seen = new Set<string>();
  let current = subject;
  while (current.siblingOf !== undefined && !seen.has(current.name)) {
    seen.add(current.name);
    const next = subjects.get(current.siblingOf);
    if (!next) break;
    current = next;
  }
  return seen.has(current.name) ? subject.name : current.name;
}

function seatsOf(document: PolicyDocument) {
  const seats = new Map<string, { partition: number; group: number }>();
  for (const partition of document.scheduling.partitions) {
    for (const group of partition.groups) {
      for (const { name } of group.subjects) {
        if (!seats.has(name)) seats.set(name, { partition: partition.id, group: group.id });
      }
    }
  }
  return seats;
}
