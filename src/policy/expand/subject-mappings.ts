import { childrenNamed, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import {
  PAGE_BYTES,
  SIBLING_TIMED_EVENTS_ADDRESS,
  SINFO,
  SUBJECT_SCHEDULING_INFO_ADDRESS,
  SUBJECT_TIMED_EVENT_ADDRESS,
} from './layout.ts';
import { addRegion, mappingElement } from './regions.ts';
import { placesOf } from './scheduling-ids.ts';
import { mappingsOf, nameOf, originOf, siblingsOf, subjectsByName, subjectsOf } from './subjects.ts';

/** Gives every subject the page that describes its own resources to it. */
export function addSinfoRegions(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    const name = `${nameOf(subject)}|sinfo`;
    const { sizeBytes } = SINFO;
    const file = { name: `${nameOf(subject)}_sinfo`, sizeBytes };
    addRegion(workspace, subject, { name, sizeBytes, type: 'subject_info', file });
    mappingsOf(subject).push(mappingElement(subject, 'sinfo', name, SINFO.address));
  }
}

/** What a monitor may ask for, and the region of the monitored subject that it gets. */
const MONITORED = ['state', 'timed_event', 'interrupts'] as const;

/** Maps what a subject monitors of others. */
export function addMonitorMappings(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    const monitors = childrenNamed(subject, 'monitor');
    for (const kind of MONITORED) {
      for (const element of monitors.flatMap(monitor => childrenNamed(monitor, kind))) {
        const physical = `${workspace.text(element, 'subject')}|${kind}`;
        const address = workspace.word(element, 'virtualAddress');
        const writable = element.attributes.writable === 'true';
        const logical = workspace.text(element, 'logical');
        mappingsOf(subject).push(mappingElement(element, logical, physical, address, { writable }));
      }
    }
  }
}

/** Shows every subject when its partition runs. */
export function mapSubjectSchedulingInfo(workspace: Workspace): void {
  const places = placesOf(workspace);
  for (const subject of subjectsOf(workspace)) {
    const id = places.get(nameOf(subject))?.partition.attributes.id ?? '';
    const region = `scheduling_info_${id}`;
    mappingsOf(subject).push(mappingElement(subject, 'scheduling_info', region, SUBJECT_SCHEDULING_INFO_ADDRESS));
  }
}

/** Position of a subject among its siblings, the origin first; undefined when it has none. */
export function siblingIndex(workspace: Workspace, subject: TreeElement): number | undefined {
  const origin = originOf(subject);
  if (origin === undefined) return siblingsOf(workspace, subject).length > 0 ? 0 : undefined;
  const parent = subjectsByName(workspace).get(origin);
  return parent === undefined ? undefined : siblingsOf(workspace, parent).indexOf(subject) + 1;
}

/** Maps each subject's timed event; siblings, which share an address space, have theirs side by side. */
export function mapSubjectTimedEvents(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    const index = siblingIndex(workspace, subject);
    const logical = index === undefined ? 'timed_event' : `timed_event${index}`;
    const address =
      index === undefined ? SUBJECT_TIMED_EVENT_ADDRESS : SIBLING_TIMED_EVENTS_ADDRESS + index * PAGE_BYTES;
    const region = `${nameOf(subject)}|timed_event`;
    mappingsOf(subject).push(mappingElement(subject, logical, region, address, { writable: true }));
  }
}

/** Removes the monitors: they are mappings now. */
export function removeMonitors(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    subject.children = subject.children.filter(({ name }) => name !== 'monitor');
  }
}
