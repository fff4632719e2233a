import { legacyPartitions } from '../../legacy-scheduling.ts';
import { createElement, elementsAt, type TreeElement } from '../../tree.ts';

/** Minor frames named subjects; since then scheduling partitions, whose groups hold the subjects that switch to each other. */
export function schedulingPartitions(root: TreeElement): readonly TreeElement[] {
  const frames = elementsAt(root, 'scheduling/majorFrame/cpu/minorFrame').filter(
    ({ attributes }) => attributes.subject !== undefined && attributes.partition === undefined,
  );
  const [first] = frames;
  const scheduling = root.children.find(({ name }) => name === 'scheduling');
  if (first === undefined || scheduling === undefined) return [];
  const partitions = legacyPartitions({
    subjects: elementsAt(root, 'subjects/subject').map(({ attributes }) => attributes.name ?? ''),
    switches: switchesOf(root),
    frames: frames.map(({ attributes }) => attributes.subject!),
  });
  const partitionOf = new Map(partitions.flatMap(({ name, subjects }) => subjects.map(subject => [subject, name])));
  for (const { attributes } of frames) {
    const { subject, ticks = '', ...others } = attributes;
    for (const name of Object.keys(attributes)) delete attributes[name];
    Object.assign(attributes, { partition: partitionOf.get(subject!)!, ticks, ...others });
  }
  scheduling.children.unshift(
    createElement(
      scheduling,
      'partitions',
      {},
      partitions.map(({ name, subjects }) =>
        createElement(first, 'partition', { name }, [
          createElement(
            first,
            'group',
            {},
            subjects.map(subject => createElement(first, 'subject', { name: subject })),
          ),
        ]),
      ),
    ),
  );
  return frames;
}

/** Subjects that refer to each switch event or channel, in events, channels or the maps of their component. */
function switchesOf(root: TreeElement): readonly (readonly string[])[] {
  const subjects = new Map<string, string[]>();
  for (const { attributes } of elementsAt(root, 'events/event')) {
    if (attributes.mode === 'switch') subjects.set(attributes.name ?? '', []);
  }
  for (const { attributes } of elementsAt(root, 'channels/channel')) {
    if (attributes.hasEvent === 'switch') subjects.set(attributes.name ?? '', []);
  }
  for (const subject of elementsAt(root, 'subjects/subject')) {
    const references = [
      ...elementsAt(subject, 'events/source/group').flatMap(({ children }) => children),
      ...elementsAt(subject, 'events/target/event'),
      ...elementsAt(subject, 'channels').flatMap(({ children }) => children),
      ...elementsAt(subject, 'component/map'),
    ];
    for (const { attributes } of references) {
      subjects.get(attributes.physical ?? '')?.push(subject.attributes.name ?? '');
    }
  }
  return [...subjects.values()];
}
