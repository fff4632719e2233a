import { cloneElement, ensureElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { SIBLING_SINFO_STRIDE } from './layout.ts';
import { setAttribute, word } from './regions.ts';
import { mappingsOf, siblingsOf, subjectsOf } from './subjects.ts';

/** Mappings that every sibling has at a place of its own. */
const NUMBERED = new Set(['sinfo', 'scheduling_info']);

/** Gives siblings one address space: the origin's mappings and those that each sibling has of its own. */
export function shareSiblingMemory(workspace: Workspace): void {
  for (const origin of subjectsOf(workspace)) {
    const siblings = siblingsOf(workspace, origin);
    if (siblings.length === 0) continue;
    siblings.forEach((sibling, index) => {
      for (const mapping of mappingsOf(sibling)) moveNumbered(workspace, mapping, index + 1);
    });
    const shared = [...mappingsOf(origin), ...siblings.flatMap(mappingsOf)];
    for (const subject of [origin, ...siblings]) {
      ensureElement(subject, 'memory').children = subject === origin ? shared : shared.map(cloneElement);
    }
  }
}

function moveNumbered(workspace: Workspace, mapping: TreeElement, index: number): void {
  const { logical = '' } = mapping.attributes;
  if (!NUMBERED.has(logical)) return;
  setAttribute(mapping, 'logical', `${logical}${index}`);
  const address = workspace.word(mapping, 'virtualAddress') + index * SIBLING_SINFO_STRIDE;
  setAttribute(mapping, 'virtualAddress', word(address));
}
