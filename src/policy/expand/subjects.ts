import { childNamed, childrenNamed, createElement, ensureElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';

/** All subjects in document order. */
export const subjectsOf = (workspace: Workspace): TreeElement[] =>
  childrenNamed(workspace.section('subjects'), 'subject');

export const nameOf = (element: TreeElement): string => element.attributes.name ?? '';

/** First subject of each name. */
export function subjectsByName(workspace: Workspace): ReadonlyMap<string, TreeElement> {
  const found = new Map<string, TreeElement>();
  for (const subject of subjectsOf(workspace)) {
    if (!found.has(nameOf(subject))) found.set(nameOf(subject), subject);
  }
  return found;
}

/** Name of the subject whose sibling this one is. */
export const originOf = (subject: TreeElement): string | undefined => childNamed(subject, 'sibling')?.attributes.ref;

/** Siblings of `origin` in document order, without itself. */
export const siblingsOf = (workspace: Workspace, origin: TreeElement): TreeElement[] =>
  subjectsOf(workspace).filter(subject => originOf(subject) === nameOf(origin));

/** Memory mappings of a subject. */
export const mappingsOf = (subject: TreeElement): TreeElement[] => ensureElement(subject, 'memory').children;

/** Logical devices of a subject. */
export const devicesOf = (subject: TreeElement): TreeElement[] => ensureElement(subject, 'devices').children;

/** The source event group of that name, added at the end when it is missing. */
export function sourceGroup(subject: TreeElement, name: 'vmcall' | 'vmx_exit'): TreeElement {
  const source = ensureFirst(ensureElement(subject, 'events'), 'source');
  const known = childrenNamed(source, 'group').find(group => group.attributes.name === name);
  if (known !== undefined) return known;
  const group = createElement(source, 'group', { name });
  source.children.push(group);
  return group;
}

/** Target events of a subject. */
export const targetEvents = (subject: TreeElement): TreeElement[] =>
  ensureElement(ensureElement(subject, 'events'), 'target').children;

function ensureFirst(parent: TreeElement, name: string): TreeElement {
  const known = childNamed(parent, name);
  if (known !== undefined) return known;
  const child = createElement(parent, name);
  parent.children.unshift(child);
  return child;
}

/** Lowest number from 0 that no event of `events` has; undefined when all of 0 .. 63 are taken. */
export function freeEventId(events: readonly TreeElement[]): number | undefined {
  const taken = new Set(events.map(event => Number(event.attributes.id)));
  for (let id = 0; id < 64; id++) if (!taken.has(id)) return id;
  return undefined;
}

/** The subjects that share an address space with `subject`: the origin, its siblings in order; alone without siblings. */
export function familyOf(workspace: Workspace, subject: TreeElement): TreeElement[] {
  const origin = originOf(subject) ?? nameOf(subject);
  const all = subjectsOf(workspace);
  return [...all.filter(other => nameOf(other) === origin), ...all.filter(other => originOf(other) === origin)];
}

/** What a subject monitors and loads. */
export const monitorsOf = (subject: TreeElement): TreeElement[] =>
  childrenNamed(subject, 'monitor').flatMap(monitor => monitor.children);
