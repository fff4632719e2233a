import { childNamed, childrenNamed, cloneElement, createElement, insertBefore, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { nameOf } from './subjects.ts';
import { mergeVcpu } from './vcpu-merge.ts';

/** Adds what the libraries that a component depends on require and provide, each library once. */
export function addLibraryResources(workspace: Workspace): void {
  const libraries = new Map(workspace.all('components/library').map(library => [nameOf(library), library]));
  for (const component of workspace.all('components/component')) {
    for (const library of dependencies(component, libraries)) addLibrary(component, library);
  }
}

/** Libraries that a component needs, directly or through others, in the order in which they are met. */
function dependencies(component: TreeElement, libraries: ReadonlyMap<string, TreeElement>): readonly TreeElement[] {
  const found = new Set<TreeElement>();
  const visit = (user: TreeElement): void => {
    for (const reference of childrenNamed(user, 'depends').flatMap(depends => childrenNamed(depends, 'library'))) {
      const library = libraries.get(reference.attributes.ref ?? '');
      if (library === undefined || found.has(library)) continue;
      found.add(library);
      visit(library);
    }
  };
  visit(component);
  return [...found];
}

function addLibrary(component: TreeElement, library: TreeElement): void {
  for (const requires of childrenNamed(library, 'requires')) {
    for (const section of requires.children) addRequirement(part(component, 'requires', ['provides']), section);
  }
  for (const provides of childrenNamed(library, 'provides')) {
    insertContents(part(component, 'provides', []), provides);
  }
}

function part(component: TreeElement, name: string, before: readonly string[]): TreeElement {
  const known = childNamed(component, name);
  if (known !== undefined) return known;
  const created = createElement(component, name);
  insertBefore(component, created, before);
  return created;
}

/** Adds one section of requirements (vcpu, memory, channels, devices or events) to those of a component. */
function addRequirement(requires: TreeElement, section: TreeElement): void {
  const own = childNamed(requires, section.name);
  if (own === undefined) requires.children.push(cloneElement(section));
  else if (section.name === 'vcpu') mergeVcpu(own, section);
  else if (section.name === 'events') addEvents(own, section);
  else insertContents(own, section);
}

function addEvents(own: TreeElement, events: TreeElement): void {
  for (const side of events.children) {
    const known = childNamed(own, side.name);
    if (known === undefined) own.children.push(cloneElement(side));
    else insertContents(known, side);
  }
}

/** Adds copies of the children of `section`, each after the last one of its name; an array has been written out already. */
function insertContents(own: TreeElement, section: TreeElement): void {
  for (const child of section.children) {
    if (child.name === 'array') continue;
    const last = own.children.findLastIndex(({ name }) => name === child.name);
    own.children.splice(last < 0 ? own.children.length : last + 1, 0, cloneElement(child));
  }
}
