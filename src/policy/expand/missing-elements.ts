import { childNamed, childrenNamed, createElement, insertBefore, setText } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { subjectsOf } from './subjects.ts';

/** Children of a subject in schema order. */
const ORDER = [
  'vcpu',
  'bootparams',
  'memory',
  'devices',
  'events',
  'channels',
  'monitor',
  'component',
  'sibling',
] as const;

/** Those that format A has for every subject, and channels, which later steps fill. */
const NEEDED = new Set<string>(['vcpu', 'bootparams', 'memory', 'devices', 'events', 'channels']);

/** Gives every subject the elements that later steps add to. */
export function addMissingElements(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    ORDER.forEach((name, index) => {
      if (!NEEDED.has(name) || childNamed(subject, name) !== undefined) return;
      insertBefore(subject, createElement(subject, name), ORDER.slice(index + 1));
    });
  }
}

/** Joins the boot parameters of each subject to one element, separated by blanks. */
export function mergeBootparams(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    const [first, ...others] = childrenNamed(subject, 'bootparams');
    if (first === undefined || others.length === 0) continue;
    setText(
      first,
      [first, ...others]
        .map(({ text }) => text.trim())
        .filter(text => text !== '')
        .join(' '),
    );
    subject.children = subject.children.filter(child => !others.includes(child));
  }
}
