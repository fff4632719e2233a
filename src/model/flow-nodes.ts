import type { PolicyDocument, Subject } from '../policy/document.ts';
import { type PolicyLine, policyLine } from './flow-line.ts';

export type FlowNodeKind = 'subject' | 'kernel' | 'device' | 'device-domain';

/** A party of the flow graph. */
export interface FlowNode {
  /** Unique: a subject's name as it stands; other nodes carry their kind. */
  readonly id: string;
  readonly kind: FlowNodeKind;
  readonly name: string;
  /** 1-based policy line that declares it. */
  readonly line: PolicyLine;
}

/** Lookups that every edge finder needs; derived once per document. */
export interface FlowParties {
  readonly document: PolicyDocument;
  readonly nodes: readonly FlowNode[];
  readonly kernel: string;
  readonly deviceIds: ReadonlyMap<string, string>;
  readonly domainIds: ReadonlyMap<string, string>;
  readonly subjects: ReadonlyMap<string, Subject>;
  /** Subject name to the name of its address-space origin (itself if it is no sibling). */
  readonly family: ReadonlyMap<string, string>;
  /** Subject name to its place in the scheduling plan. */
  readonly seats: ReadonlyMap<string, Seat>;
}

export interface Seat {
  readonly partition: string;
  readonly group: number;
  readonly line: PolicyLine;
}

/** Collects nodes and lookups; of two subjects with one name the first counts (an invalid policy, reported elsewhere). */
export function flowParties(document: PolicyDocument): FlowParties {
  const subjects = new Map<string, Subject>();
  for (const subject of document.subjects) if (!subjects.has(subject.name)) subjects.set(subject.name, subject);
  const taken = new Set(subjects.keys());
  const nodes: FlowNode[] = [...subjects.values()].map(({ name, at }) => ({
    id: name,
    kind: 'subject',
    name,
    line: policyLine({ at }),
  }));
  const add = (kind: FlowNodeKind, wanted: string, name: string, line: PolicyLine): string => {
    let id = wanted;
    while (taken.has(id)) id += "'";
    taken.add(id);
    nodes.push({ id, kind, name, line });
    return id;
  };
  const kernel = add('kernel', 'kernel', 'kernel', policyLine(document.kernel));
  const deviceIds = new Map<string, string>();
  const used = new Set([
    ...document.subjects.flatMap(subject => subject.devices.map(device => device.physical)),
    ...document.deviceDomains.flatMap(domain => domain.devices.map(device => device.physical)),
  ]);
  for (const { name, at } of document.hardware.devices) {
    if (used.has(name) && !deviceIds.has(name))
      deviceIds.set(name, add('device', `device:${name}`, name, policyLine({ at })));
  }
  const domainIds = new Map<string, string>();
  for (const { name, at } of document.deviceDomains) {
    if (!domainIds.has(name)) domainIds.set(name, add('device-domain', `domain:${name}`, name, policyLine({ at })));
  }
  return {
    document,
    nodes,
    kernel,
    deviceIds,
    domainIds,
    subjects,
    family: families(subjects),
    seats: seats(document),
  };
}

function families(subjects: ReadonlyMap<string, Subject>): Map<string, string> {
  const result = new Map<string, string>();
  for (const subject of subjects.values()) {
    const seen = new Set<string>();
    let origin = subject;
    while (origin.siblingOf !== undefined && !seen.has(origin.name)) {
      seen.add(origin.name);
      const next = subjects.get(origin.siblingOf);
      if (!next) break;
      origin = next;
    }
    result.set(subject.name, seen.has(origin.name) ? smallest(seen) : origin.name);
  }
  return result;
}

/** One name for all members of a cycle of sibling references, which no valid policy has. */
function smallest(names: ReadonlySet<string>): string {
  return [...names].sort()[0]!;
}

function seats(document: PolicyDocument): Map<string, Seat> {
  const result = new Map<string, Seat>();
  for (const partition of document.scheduling.partitions) {
    for (const group of partition.groups) {
      for (const { name, at } of group.subjects) {
        if (!result.has(name))
          result.set(name, { partition: partition.name, group: group.id, line: policyLine({ at }) });
      }
    }
  }
  return result;
}
