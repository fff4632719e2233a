import {
  appendAll,
  childNamed,
  childrenNamed,
  createElement,
  elementAt,
  ensureElement,
  setText,
  type TreeElement,
} from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { LOADER_SOURCES_ADDRESS } from './layout.ts';
import { mappingElement, setAttribute } from './regions.ts';
import { mappingsOf, nameOf, subjectsByName, subjectsOf } from './subjects.ts';

/** What the kernel keeps of a subject is not loaded. */
const NOT_LOADED = new Set(['subject_state', 'subject_timed_event', 'subject_interrupts']);

/**
 * Gives loaders what they load: the memory of the subject, and the content of each writable region with a file from a
 * region of its own. A subject that another one loads starts with VMX enabled in no CR4, so that its first entry
 * fails and its monitor learns of it.
 */
export function expandLoaders(workspace: Workspace): void {
  const subjects = subjectsByName(workspace);
  for (const loader of subjectsOf(workspace)) {
    let next = LOADER_SOURCES_ADDRESS;
    for (const element of childrenNamed(loader, 'monitor').flatMap(monitor => childrenNamed(monitor, 'loader'))) {
      const loadee = subjects.get(element.attributes.subject ?? '');
      if (loadee === undefined) continue;
      next = expandLoader(workspace, { loader, loadee, element, next });
      if (loadee !== loader) failFirstEntry(loadee);
    }
  }
}

interface Loading {
  readonly loader: TreeElement;
  readonly loadee: TreeElement;
  /** The loader's element of the policy. */
  readonly element: TreeElement;
  /** Next free address for the source of a region. */
  readonly next: number;
}

/** @returns the next free address for sources. */
function expandLoader(workspace: Workspace, { loader, loadee, element, next }: Loading): number {
  const regions = new Map(workspace.all('memory/memory').map(region => [nameOf(region), region]));
  const offset = workspace.word(element, 'virtualAddress');
  const added: TreeElement[] = [];
  let address = next;
  for (const mapping of mappingsOf(loadee)) {
    const region = regions.get(mapping.attributes.physical ?? '');
    if (region === undefined || NOT_LOADED.has(region.attributes.type ?? '')) continue;
    const logical = `${nameOf(loadee)}_${mapping.attributes.logical ?? ''}`;
    const writable = mapping.attributes.writable === 'true';
    const isSplit = writable && childNamed(region, 'file') !== undefined;
    const source = nameOf(region);
    if (isSplit) splitRegion(workspace, loadee, mapping, region);
    if (loadee !== loader) {
      const target = mapping.attributes.physical ?? '';
      const place = offset + workspace.word(mapping, 'virtualAddress');
      added.push(mappingElement(element, logical, target, place, { writable }));
    }
    if (isSplit) {
      added.push(mappingElement(element, `${logical}_src`, source, address));
      address += workspace.word(region, 'size');
    }
  }
  appendAll(ensureElement(loader, 'memory'), added);
  return address;
}

/** Puts an empty region before `region` that the loadee maps in its place; `region` keeps the content. */
function splitRegion(workspace: Workspace, loadee: TreeElement, mapping: TreeElement, region: TreeElement): void {
  const name = `${nameOf(region)}_${nameOf(loadee)}`;
  const { alignment, caching, size, type } = region.attributes;
  const attributes: Record<string, string> = { name };
  for (const [key, value] of Object.entries({ alignment, caching, size, type })) {
    if (value !== undefined) attributes[key] = value;
  }
  const content = createElement(region, 'hashRef', { memory: nameOf(region) });
  const target = createElement(region, 'memory', {}, [content]);
  for (const key of Object.keys(attributes).sort()) target.attributes[key] = attributes[key]!;
  const { children } = workspace.section('memory');
  children.splice(children.indexOf(region), 0, target);
  setAttribute(region, 'caching', 'WB');
  if (type === 'subject_initrd') setAttribute(region, 'type', 'subject');
  setAttribute(mapping, 'physical', name);
}

/** Takes VMX out of the subject's CR4, without which the processor refuses its first entry. */
export function failFirstEntry(subject: TreeElement): void {
  const bit = elementAt(subject, 'vcpu/registers/cr4/VMXEnable');
  if (bit !== undefined) setText(bit, '0');
}
