import { childrenNamed, cloneElement, createElement, elementsAt, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { setAttribute } from './regions.ts';
import { freeEventId, nameOf, subjectsOf } from './subjects.ts';

/** Exit reasons that the kernel handles itself, and numbers that mean none (SDM Vol. 3C, Appendix C). */
const NOT_FOR_SUBJECTS = new Set([1, 7, 35, 38, 41, 42, 52, 55]);
const LAST_EXIT_REASON = 59;
const LAST_VMCALL = 63;

/** Event numbers that a group may have. */
function validIds(group: TreeElement): readonly number[] {
  const isExit = group.attributes.name === 'vmx_exit';
  const ids = Array.from({ length: (isExit ? LAST_EXIT_REASON : LAST_VMCALL) + 1 }, (_, id) => id);
  return isExit ? ids.filter(id => !NOT_FOR_SUBJECTS.has(id)) : ids;
}

/** Replaces the default of a source group by an event for every number that has none. */
export function addDefaultEvents(workspace: Workspace): void {
  for (const group of workspace.all('subjects/subject/events/source/group')) {
    const fallback = childrenNamed(group, 'default')[0];
    if (fallback === undefined) continue;
    const taken = new Set(childrenNamed(group, 'event').map(event => Number(event.attributes.id)));
    const physical = workspace.text(fallback, 'physical');
    const added = validIds(group)
      .filter(id => !taken.has(id))
      .map(id => {
        const attributes = { id: String(id), logical: `default_event_${id}`, physical };
        return createElement(fallback, 'event', attributes, fallback.children.map(cloneElement));
      });
    group.children = [...group.children.filter(child => child.name !== 'default'), ...added];
  }
}

/** Numbers the target events that have no id: the lowest free one of the subject, in order. */
export function addTargetEventIds(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    const events = elementsAt(subject, 'events/target/event');
    for (const event of events) {
      if (event.attributes.id !== undefined) continue;
      const id = freeEventId(events);
      if (id === undefined) {
        const message = `subject '${nameOf(subject)}' has more than 64 target events`;
        workspace.refuse(event, 'EXPAND-EVENT-IDS', message, 'Remove target events.');
      }
      setAttribute(event, 'id', String(id));
    }
  }
}

/** Gives 'asap' events the mode that is fastest for where source and target run: across CPUs an interrupt. */
export function resolveAsapEvents(workspace: Workspace): void {
  const sources = new Map<string, Set<string>>();
  const targets = new Map<string, string>();
  for (const subject of subjectsOf(workspace)) {
    const cpu = subject.attributes.cpu ?? '';
    for (const { attributes } of elementsAt(subject, 'events/source/group/event')) {
      const physical = attributes.physical ?? '';
      sources.set(physical, (sources.get(physical) ?? new Set()).add(cpu));
    }
    for (const { attributes } of elementsAt(subject, 'events/target/event')) {
      if (!targets.has(attributes.physical ?? '')) targets.set(attributes.physical ?? '', cpu);
    }
  }
  for (const event of workspace.all('events/event')) {
    if (event.attributes.mode !== 'asap') continue;
    const target = targets.get(nameOf(event));
    const isRemote = [...(sources.get(nameOf(event)) ?? [])].some(cpu => cpu !== target);
    setAttribute(event, 'mode', isRemote ? 'ipi' : 'async');
  }
}
