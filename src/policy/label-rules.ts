import type { MajorFrame, MinorFrame, PolicyDocument, PolicyNode } from './document.ts';
import type { Finding } from './finding.ts';
import { FindingList } from './finding-list.ts';
import { indexOf } from './policy-index.ts';

/** Findings about subjects of different confidentiality labels that can observe each other's use of time and caches. */
export const LABEL_FINDINGS = {
  'LABEL-PARTITION': {
    severity: 'warning',
    title: 'Validate that subjects of different labels do not share a scheduling partition.',
    hint: 'They see from their own time when the other one sleeps, yields or runs; give each label its partitions.',
  },
  'LABEL-SLOT': {
    severity: 'warning',
    title: 'Validate that subjects of different labels do not use caches right after each other or at the same time.',
    hint: 'The kernel flushes no caches at a frame switch: put an unlabelled scrubber between them, or separate their frames.',
  },
  'LABEL-CORE': {
    severity: 'warning',
    title: 'Validate that subjects of different labels do not share a core.',
    hint: 'Branch predictors and private caches outlive a minor frame; schedule each label on cores of its own.',
  },
} as const;
type LabelCode = keyof typeof LABEL_FINDINGS;

interface Slot {
  readonly frame: MinorFrame;
  readonly cpu: number;
  readonly start: number;
  readonly end: number;
}

function slotsOf(major: MajorFrame): readonly (readonly Slot[])[] {
  return major.cpus.map(({ id, minorFrames }) => {
    let tick = 0;
    return minorFrames.map(frame => {
      const start = tick;
      tick += frame.ticks;
      return { frame, cpu: id, start, end: tick };
    });
  });
}

/** Collects one finding for each pair of labels in each place, at the first node that shows it. */
class Pairs {
  readonly #findings = new FindingList('LABEL-PARTITION');
  readonly #known = new Set<string>();

  add(code: LabelCode, place: string, node: PolicyNode, pair: readonly [string, string], how: string): void {
    const key = `${code} ${place} ${[...pair].sort().join(' ')}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    const { severity, hint } = LABEL_FINDINGS[code];
    this.#findings.add(code, severity, node.at, how, hint);
  }

  all(): readonly Finding[] {
    return this.#findings.all();
  }
}

/** Labels of the labelled subjects of each partition, with one subject that has it. */
function partitionLabels(
  { scheduling }: PolicyDocument,
  labels: ReadonlyMap<string, string>,
): ReadonlyMap<string, ReadonlyMap<string, string>> {
  return new Map(
    scheduling.partitions.map(({ name, groups }) => {
      const found = new Map<string, string>();
      for (const member of groups.flatMap(group => group.subjects)) {
        const label = labels.get(member.name);
        if (label !== undefined && !found.has(label)) found.set(label, member.name);
      }
      return [name, found] as const;
    }),
  );
}

/** Pairs of different labels of two parties, with a subject of each. */
function* mixed(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): Generator<readonly [labels: readonly [string, string], subjects: readonly [string, string]]> {
  for (const [label, subject] of a) {
    for (const [other, neighbour] of b)
      if (label !== other)
        yield [
          [label, other],
          [subject, neighbour],
        ];
  }
}

const said = ([label, other]: readonly [string, string], [subject, neighbour]: readonly [string, string]): string =>
  `'${subject}' (label '${label}') and '${neighbour}' (label '${other}')`;

/**
 * Looks for subjects of different labels that share a scheduling partition, a cache-visible slot (the frame right after
 * another one on a core, or at the same time on another core) or a core. Subjects without label are not looked at.
 */
export function labelFindings(document: PolicyDocument, labels: ReadonlyMap<string, string>): readonly Finding[] {
  const pairs = new Pairs();
  const byPartition = partitionLabels(document, labels);
  const { partitions } = indexOf(document);
  for (const partition of document.scheduling.partitions) {
    const own = byPartition.get(partition.name)!;
    for (const [pair, subjects] of mixed(own, own)) {
      const how = `${said(pair, subjects)} share the scheduling partition '${partition.name}'`;
      pairs.add('LABEL-PARTITION', partition.name, partition, pair, how);
    }
  }
  for (const major of document.scheduling.majorFrames) addSlots(major, byPartition, pairs);
  for (const [name, own] of byPartition) {
    for (const [other, theirs] of byPartition) {
      const [partition, neighbour] = [partitions.get(name), partitions.get(other)];
      if (partition === undefined || neighbour === undefined || name >= other || partition.cpu !== neighbour.cpu)
        continue;
      for (const [pair, subjects] of mixed(own, theirs)) {
        const how = `${said(pair, subjects)} share CPU ${partition.cpu}`;
        pairs.add('LABEL-CORE', `${partition.cpu}`, partition, pair, how);
      }
    }
  }
  return pairs.all();
}

function addSlots(
  major: MajorFrame,
  byPartition: ReadonlyMap<string, ReadonlyMap<string, string>>,
  pairs: Pairs,
): void {
  const none: ReadonlyMap<string, string> = new Map();
  const labelsOf = ({ frame }: Slot): ReadonlyMap<string, string> => byPartition.get(frame.partition) ?? none;
  const add = (first: Slot, second: Slot, how: string): void => {
    if (first.frame.partition === second.frame.partition) return;
    for (const [pair, subjects] of mixed(labelsOf(first), labelsOf(second))) {
      const place = `${first.cpu} ${second.cpu}`;
      pairs.add('LABEL-SLOT', place, second.frame, pair, `${said(pair, subjects)} ${how}`);
    }
  };
  const cpus = slotsOf(major);
  for (const slots of cpus) {
    // The major frame begins anew, or another one follows.
    slots.forEach((slot, position) => {
      const next = slots[(position + 1) % slots.length]!;
      add(slot, next, `run right after each other on CPU ${slot.cpu}`);
    });
  }
  cpus.forEach((slots, position) => {
    for (const others of cpus.slice(position + 1)) {
      let from = 0;
      for (const slot of slots) {
        while (from < others.length && others[from]!.end <= slot.start) from += 1;
        for (let at = from; at < others.length && others[at]!.start < slot.end; at++) {
          const other = others[at]!;
          add(slot, other, `run at the same time on the CPUs ${slot.cpu} and ${other.cpu}, which share a cache`);
        }
      }
    }
  });
}
