import type { TreeElement } from '../tree.ts';
import { FreeRanges } from './free-ranges.ts';
import { quote, refuse } from './problem.ts';
import {
  arrayElements,
  checkAligned,
  isNone,
  RESOURCE_KINDS,
  RESOURCE_RANGES,
  type ResourceKind,
  type ResourceRanges,
  resourceSize,
  resourceValue,
  setResource,
} from './resource-kinds.ts';

/**
 * Gives every virtual address, vector and event id that a component specification leaves open, as mucfgcvresalloc
 * does: in the order of the file, each the lowest that nothing else of the component uses. Libraries keep theirs open.
 */
export function allocateComponent(component: TreeElement, ranges: ResourceRanges = RESOURCE_RANGES): void {
  if (component.name !== 'component') return;
  for (const kind of RESOURCE_KINDS) allocateKind(kind, component, ranges);
}

function allocateKind(kind: ResourceKind, component: TreeElement, ranges: ResourceRanges): void {
  const { first, last } = kind.range(ranges, component.attributes.profile);
  const free = new FreeRanges(first, last);
  const open: TreeElement[] = [];
  for (const element of kind.component.fixed(component)) {
    if (!reserve(kind, element, free)) {
      const message = `<${element.name}> ${quote(element.attributes.logical ?? '')} has no ${kind.what}`;
      refuse(element, 'SRC-RESOURCE', message, 'It cannot be left to the toolchain here: give it.');
    }
  }
  for (const element of kind.component.asking(component)) if (!reserve(kind, element, free)) open.push(element);
  for (const element of open) allocate(kind, element, free);
}

/** Takes away what the element has; false when that is left open. */
function reserve(kind: ResourceKind, element: TreeElement, free: FreeRanges): boolean {
  if (isNone(kind, element)) return true;
  const size = resourceSize(kind, element);
  const value = resourceValue(kind, element);
  if (value === undefined) return false;
  const count = element.name === 'array' ? BigInt(arrayElements(element).length) : 1n;
  // An empty array that went through this stage before has a number that stands for none.
  if (count === 0n && value === kind.unused) return true;
  checkAligned(kind, element, value);
  free.remove(value, size * count);
  return true;
}

function allocate(kind: ResourceKind, element: TreeElement, free: FreeRanges): void {
  const size = resourceSize(kind, element);
  const count = element.name === 'array' ? BigInt(arrayElements(element).length) : 1n;
  setResource(kind, element, count === 0n ? kind.unused : takeFree(kind, element, size * count, free));
}

/** The lowest free numbers in a row; refuses when there are not so many. */
export function takeFree(kind: ResourceKind, element: TreeElement, size: bigint, free: FreeRanges): bigint {
  const value = free.take(size);
  if (value !== undefined) return value;
  const wanted =
    size === 1n
      ? `no ${kind.what}`
      : `no ${kind.format(size)} ${kind.what === 'virtual address' ? 'bytes' : 'numbers'}`;
  const message = `${wanted} in a row are left for <${element.name}> ${quote(element.attributes.logical ?? '')}`;
  return refuse(element, 'SRC-RESOURCE', message, `Give it a ${kind.what} of its own, or make others smaller.`);
}
