import { placeOf } from '../../finding.ts';
import { childrenNamed, elementsAt, type TreeElement } from '../../tree.ts';
import type { Workspace } from '../../workspace.ts';
import { nameOf, subjectsOf } from '../subjects.ts';
import { reportUnknown, type SourceCheck } from './source-check.ts';

/** An end of a channel or of an event at a subject. */
interface End {
  readonly subject: TreeElement;
  readonly element: TreeElement;
}

/** Ends of channels by the channel's name. */
function channelEnds(workspace: Workspace, kind: 'reader' | 'writer'): ReadonlyMap<string, readonly End[]> {
  return endsAt(workspace, `channels/${kind}`);
}

function endsAt(workspace: Workspace, path: string): ReadonlyMap<string, readonly End[]> {
  const ends = new Map<string, End[]>();
  for (const subject of subjectsOf(workspace)) {
    for (const element of elementsAt(subject, path)) {
      const physical = element.attributes.physical ?? '';
      ends.set(physical, [...(ends.get(physical) ?? []), { subject, element }]);
    }
  }
  return ends;
}

/** Sources of events by the event's name; the default of a group counts as one. */
function eventSources(workspace: Workspace): ReadonlyMap<string, readonly End[]> {
  const [explicit, defaults] = ['event', 'default'].map(name => endsAt(workspace, `events/source/group/${name}`));
  const all = new Map(explicit);
  for (const [physical, ends] of defaults!) all.set(physical, [...(all.get(physical) ?? []), ...ends]);
  return all;
}

const eventTargets = (workspace: Workspace): ReadonlyMap<string, readonly End[]> =>
  endsAt(workspace, 'events/target/event');

const physicalOf = ({ attributes }: TreeElement): string => attributes.physical ?? '';

const channelsOf = (workspace: Workspace): TreeElement[] => workspace.all('channels/channel');

/** How many ends there are, and the first of them. */
function listed(ends: readonly End[] = [], what: string): string {
  const shown = ends.slice(0, 4).map(({ subject, element }) => `'${nameOf(subject)}' (${placeOf(element)})`);
  return `${ends.length} ${what}${shown.length === 0 ? '' : `: ${shown.join(', ')}${ends.length > 4 ? ', ...' : ''}`}`;
}

/** Checks of channels. */
export const CHANNEL_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-CHANNEL-REFERENCE',
    name: 'Subject_Channel_References',
    title: 'Validate that channels which subjects use exist.',
    check(workspace, report) {
      const known = new Set(channelsOf(workspace).map(nameOf));
      for (const subject of subjectsOf(workspace)) {
        const ends = childrenNamed(subject, 'channels').flatMap(section => section.children);
        const what = (end: TreeElement): string =>
          `the channel '${end.attributes.logical ?? ''}' of subject '${nameOf(subject)}' names`;
        const names = { names: known, hint: 'Add the channel, or correct the name.' };
        reportUnknown(report, names, ends, physicalOf, what);
      }
    },
  },
  {
    code: 'EXPAND-CHANNEL-ENDS',
    name: 'Channel_Reader_Writer',
    title: 'Validate that each channel has one writer, and one reader if it has an event, else at least one.',
    check(workspace, report) {
      const [readers, writers] = [channelEnds(workspace, 'reader'), channelEnds(workspace, 'writer')];
      for (const channel of channelsOf(workspace)) {
        const [reading, writing] = [readers, writers].map(ends => ends.get(nameOf(channel)) ?? []);
        const hasEvent = channel.attributes.hasEvent !== undefined;
        const hint = 'Correct the subjects that use it, or remove it.';
        if (hasEvent ? reading?.length !== 1 : reading?.length === 0) {
          const expected = hasEvent ? 'one' : 'at least one';
          report(channel, `channel '${nameOf(channel)}' has ${listed(reading, 'readers')}, expected ${expected}`, hint);
        }
        if (writing?.length !== 1) {
          report(channel, `channel '${nameOf(channel)}' has ${listed(writing, 'writers')}, expected one`, hint);
        }
      }
    },
  },
  {
    code: 'EXPAND-CHANNEL-WRITER-EVENT',
    name: 'Channel_Writer_Has_Event_ID',
    title: 'Validate that writers of channels with an event have an event number.',
    check(workspace, report) {
      const writers = channelEnds(workspace, 'writer');
      for (const channel of channelsOf(workspace).filter(({ attributes }) => attributes.hasEvent !== undefined)) {
        for (const { subject, element } of writers.get(nameOf(channel)) ?? []) {
          const message = `writer '${element.attributes.logical}' of subject '${nameOf(subject)}' has no event number`;
          if (element.attributes.event === undefined) report(element, message, 'Add event="...".');
        }
      }
    },
  },
  {
    code: 'EXPAND-CHANNEL-READER-VECTOR',
    name: 'Channel_Reader_Has_Event_Vector',
    title: 'Validate that readers of channels with an event have a vector, or none in so many words.',
    check(workspace, report) {
      const readers = channelEnds(workspace, 'reader');
      for (const channel of channelsOf(workspace)) {
        const { hasEvent } = channel.attributes;
        if (hasEvent === undefined || hasEvent === 'switch') continue;
        for (const { subject, element } of readers.get(nameOf(channel)) ?? []) {
          const message = `reader '${element.attributes.logical}' of subject '${nameOf(subject)}' has no vector`;
          if (element.attributes.vector === undefined) report(element, message, 'Add vector="..." or vector="none".');
        }
      }
    },
  },
];

/** Checks of events. */
export const EVENT_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-EVENT-REFERENCE',
    name: 'Subject_Event_References',
    title: 'Validate that events which subjects use exist.',
    check(workspace, report) {
      const known = new Set(workspace.all('events/event').map(nameOf));
      for (const ends of [...eventSources(workspace).values(), ...eventTargets(workspace).values()]) {
        const owners = new Map(ends.map(({ subject, element }) => [element, nameOf(subject)]));
        const what = (element: TreeElement): string => `subject '${owners.get(element) ?? ''}' names the event`;
        const names = { names: known, hint: 'Add the event, or correct the name.' };
        reportUnknown(report, names, [...owners.keys()], physicalOf, what);
      }
    },
  },
  {
    code: 'EXPAND-EVENT-ENDS',
    name: 'Source_Targets',
    title: 'Validate that each event has a source, and one target unless the kernel handles it.',
    check(workspace, report) {
      const [sources, targets] = [eventSources(workspace), eventTargets(workspace)];
      for (const event of workspace.all('events/event')) {
        const [from, to] = [sources, targets].map(ends => ends.get(nameOf(event))?.length ?? 0);
        const isKernel = event.attributes.mode === 'kernel';
        if (from === 0) report(event, `event '${nameOf(event)}' has no source`, 'Add a source, or remove the event.');
        const wanted = isKernel ? 0 : 1;
        const message = `event '${nameOf(event)}' has ${to} targets, expected ${wanted}`;
        if (to !== wanted) report(event, message, 'Correct the target events that name it.');
      }
    },
  },
  {
    code: 'EXPAND-EVENT-SELF',
    name: 'Self_References',
    title: 'Validate that self events stay in their subject, and other events leave it.',
    check(workspace, report) {
      const targets = eventTargets(workspace);
      const modes = new Map(workspace.all('events/event').map(event => [nameOf(event), event.attributes.mode]));
      for (const [physical, sources] of eventSources(workspace)) {
        const target = targets.get(physical)?.[0];
        const mode = modes.get(physical);
        if (target === undefined || mode === undefined || mode === 'kernel') continue;
        for (const { subject, element } of sources) {
          const isSelf = subject === target.subject;
          if (isSelf === (mode === 'self')) continue;
          const message = isSelf
            ? `event '${physical}' goes from subject '${nameOf(subject)}' to itself`
            : `self event '${physical}' goes from subject '${nameOf(subject)}' to '${nameOf(target.subject)}'`;
          report(element, message, isSelf ? 'Use mode="self".' : 'Use another mode, or correct source or target.');
        }
      }
    },
  },
];
