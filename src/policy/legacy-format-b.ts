import type { Finding } from './finding.ts';
import { findingAt } from './finding.ts';
import { type LegacyPartition, legacyPartitions } from './legacy-scheduling.ts';
import type { XmlDocument, XmlElement } from './xml.ts';

/** A document in the present schema, and what was read into it. */
export interface LegacyReading {
  readonly xml: XmlDocument;
  /** Empty for a policy of the present schema. */
  readonly findings: readonly Finding[];
}

const named = (element: XmlElement, ...names: readonly string[]): readonly XmlElement[] =>
  names.reduce<readonly XmlElement[]>(
    (found, name) => found.flatMap(parent => parent.children.filter(child => child.name === name)),
    [element],
  );

/** Element that stands for something `cause` says, at its place. */
function derived(
  cause: XmlElement,
  name: string,
  attributes: Readonly<Record<string, string>>,
  children: readonly XmlElement[] = [],
): XmlElement {
  const own: Record<string, string> = Object.assign(Object.create(null), attributes);
  return { ...cause, name, attributes: own, children, text: '', textOffset: -1 };
}

/** Subjects that each switch event joins. */
function switchesOf(root: XmlElement): readonly (readonly string[])[] {
  const joined = new Map<string, string[]>();
  for (const { attributes } of named(root, 'events', 'event'))
    if (attributes.mode === 'switch') joined.set(attributes.name ?? '', []);
  for (const subject of named(root, 'subjects', 'subject')) {
    const ends = [
      ...named(subject, 'events', 'source', 'group').flatMap(({ children }) => children),
      ...named(subject, 'events', 'target', 'event'),
    ];
    for (const { attributes } of ends) joined.get(attributes.physical ?? '')?.push(subject.attributes.name ?? '');
  }
  return [...joined.values()];
}

/** A partition with one group, both with one id; its CPU is that of the first frame which names one of its subjects. */
function partitionElement(cause: XmlElement, { name, subjects }: LegacyPartition, id: string, cpu: string): XmlElement {
  const members = subjects.map(subject => derived(cause, 'subject', { name: subject }));
  return derived(cause, 'partition', { name, id, cpu }, [derived(cause, 'group', { id }, members)]);
}

/** Control bits that the kernel of those years kept at 0 and no policy could name (Muen 3e21acf59). */
const SHADOWS = ['cr0Shadow', 'cr4Shadow'] as const;

function withShadows(registers: XmlElement): XmlElement {
  const children = registers.children.flatMap(child => {
    const shadow = SHADOWS.find(name => name.startsWith(child.name));
    const isThere = shadow === undefined || registers.children.some(({ name }) => name === shadow);
    if (isThere) return [child];
    const zeros = child.children.map(bit => ({ ...derived(bit, bit.name, {}), text: '0', textOffset: bit.textOffset }));
    return [child, derived(child, shadow, {}, zeros)];
  });
  return { ...registers, children };
}

function modernSubject(subject: XmlElement, groupOf: ReadonlyMap<string, string>): XmlElement {
  const group = groupOf.get(subject.attributes.name ?? '');
  const needsGroup = group !== undefined && subject.attributes.schedGroupId === undefined;
  const attributes: Record<string, string> = Object.assign(
    Object.create(null),
    subject.attributes,
    needsGroup ? { schedGroupId: group } : {},
  );
  const children = subject.children.map(child =>
    child.name === 'vcpu'
      ? {
          ...child,
          children: child.children.map(part => (part.name === 'registers' ? withShadows(part) : part)),
        }
      : child,
  );
  return { ...subject, attributes, children };
}

/** Frame that names the partition of its subject. */
function modernFrame(frame: XmlElement, partitionOf: ReadonlyMap<string, string>): XmlElement {
  const { subject, ...others } = frame.attributes;
  const partition = partitionOf.get(subject ?? '') ?? '';
  return { ...frame, attributes: Object.assign(Object.create(null), { ...others, partition }) };
}

const mapChildren = (element: XmlElement, name: string, change: (child: XmlElement) => XmlElement): XmlElement => ({
  ...element,
  children: element.children.map(child => (child.name === name ? change(child) : child)),
});

/**
 * The section that only format B policies of the time before 2021 have, undefined in any other. Their kernel kept FPU state, pending
 * interrupts, timed events and subject state in memory of its own: the regions in which the present kernel keeps them do not exist.
 */
function oldSection(root: XmlElement): XmlElement | undefined {
  const [features] = named(root, 'features');
  const hasSubjectPages = named(root, 'memory', 'memory').some(({ attributes: { type = '' } }) =>
    ['kernel_fpu', 'subject_interrupts', 'subject_timed_event'].includes(type),
  );
  return hasSubjectPages ? undefined : features;
}

/**
 * Reads a format B policy of 2021 and 2022, whose minor frames name subjects, into the present schema: every set of subjects
 * that hand over to each other by switch events becomes a scheduling group in a partition of its own (muen.md 6.2). A policy
 * of the present schema, or one that mixes both, comes back as it is.
 */
export function readLegacy(xml: XmlDocument): LegacyReading {
  const { root } = xml;
  const old = oldSection(root);
  if (old !== undefined) {
    const finding = findingAt(
      old.at,
      'POL-OLD-FORMAT-B',
      'error',
      'a format B policy from before 2021 cannot be read: it has no regions for FPU state, pending interrupts and timed events of its subjects, and names neither processors nor their APIC ids',
      'Give the source policy instead: those of 2015 and later are read, expanded and allocated anew.',
    );
    return { xml, findings: [finding] };
  }
  const [scheduling] = named(root, 'scheduling');
  const cpus = named(root, 'scheduling', 'majorFrame', 'cpu');
  const frames = cpus.flatMap(cpu => named(cpu, 'minorFrame').map(frame => ({ frame, cpu })));
  const isLegacy = ({ frame }: (typeof frames)[number]): boolean =>
    frame.attributes.subject !== undefined && frame.attributes.partition === undefined;
  if (scheduling === undefined || frames.length === 0 || !frames.every(isLegacy)) return { xml, findings: [] };
  if (named(scheduling, 'partitions').length > 0) return { xml, findings: [] };
  const partitions = legacyPartitions({
    subjects: named(root, 'subjects', 'subject').map(({ attributes }) => attributes.name ?? ''),
    switches: switchesOf(root),
    frames: frames.map(({ frame }) => frame.attributes.subject!),
  });
  const ids = new Map(partitions.map(({ name }, index) => [name, String(index + 1)]));
  const membership = partitions.flatMap(({ name, subjects }) => subjects.map(subject => [subject, name] as const));
  const partitionOf = new Map(membership);
  const groupOf = new Map(membership.map(([subject, name]) => [subject, ids.get(name)!]));
  const elements = partitions.map(partition => {
    const place = frames.find(({ frame }) => partitionOf.get(frame.attributes.subject!) === partition.name)!;
    return partitionElement(place.frame, partition, ids.get(partition.name)!, place.cpu.attributes.id ?? '');
  });
  const modernScheduling = {
    ...mapChildren(scheduling, 'majorFrame', major =>
      mapChildren(major, 'cpu', cpu => mapChildren(cpu, 'minorFrame', frame => modernFrame(frame, partitionOf))),
    ),
  };
  const children = [derived(scheduling, 'partitions', {}, elements), ...modernScheduling.children];
  const modern = mapChildren(root, 'subjects', subjects =>
    mapChildren(subjects, 'subject', subject => modernSubject(subject, groupOf)),
  );
  const finding = findingAt(
    scheduling.at,
    'POL-OLD-SCHEDULING',
    'notice',
    `the minor frames name subjects, as before October 2022: ${partitions.length} partitions were made of the sets of subjects that switch to each other`,
    'Names of partitions are those of the first subject that a frame names; bring the policy to the schema of 2024 to state them.',
  );
  const replaced = mapChildren(modern, 'scheduling', () => ({ ...modernScheduling, children }));
  return { xml: { ...xml, root: replaced }, findings: [finding] };
}
