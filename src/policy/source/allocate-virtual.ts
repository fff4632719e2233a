import type { Result } from '../../units/result.ts';
import type { Finding } from '../finding.ts';
import { placeOf } from '../finding.ts';
import { childNamed, elementsAt, type PolicyTree, type TreeElement } from '../tree.ts';
import { takeFree } from './allocate-component.ts';
import { FreeRanges } from './free-ranges.ts';
import { attempt, quote, refuse } from './problem.ts';
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
 * Gives every virtual address, vector and event id that the subjects of a joined policy leave open, as mucfgvresalloc
 * does, in place.
 *
 * A logical resource that the component of the subject has too gets the component's number; any other one the lowest
 * number that neither the subject nor its component uses. Siblings take theirs from the subject that they belong to.
 */
export function allocateVirtual(
  tree: PolicyTree,
  ranges: ResourceRanges = RESOURCE_RANGES,
): Result<PolicyTree, Finding[]> {
  return attempt(() => {
    const sizes = physicalSizes(tree);
    const components = new Map(
      elementsAt(tree.root, 'components/component').map(component => [component.attributes.name, component]),
    );
    const resources = new Map<TreeElement, ComponentResources>();
    for (const component of components.values()) resources.set(component, componentResources(component));
    for (const subject of elementsAt(tree.root, 'subjects/subject')) {
      if (childNamed(subject, 'sibling') !== undefined) continue;
      const reference = childNamed(subject, 'component');
      const component = components.get(reference?.attributes.ref);
      if (component === undefined) {
        if (reference === undefined) {
          const without = `the subject ${quote(subject.attributes.name ?? '')} has no component, so nothing runs in it`;
          refuse(subject, 'SRC-COMPONENT', without, 'Add <component ref="..."/>, or <sibling ref="..."/>.');
        }
        const name = quote(reference.attributes.ref ?? '');
        const message = `the subject ${quote(subject.attributes.name ?? '')} refers to the component ${name}, which is not there`;
        refuse(reference ?? subject, 'SRC-COMPONENT', message, 'Give its specification, or correct the name.');
      }
      const { profile } = component.attributes;
      for (const kind of RESOURCE_KINDS) {
        const { first, last } = kind.range(ranges, profile);
        const free = new FreeRanges(first, last);
        allocateSubject(kind, subject, { sizes, free, known: resources.get(component)!.get(kind)! });
      }
    }
    return tree;
  });
}

/** What a component says about one logical resource. */
interface Known {
  readonly value: bigint;
  readonly size: bigint;
  readonly from: TreeElement;
}

type ComponentResources = ReadonlyMap<ResourceKind, ReadonlyMap<string, Known>>;

function componentResources(component: TreeElement): ComponentResources {
  return new Map(RESOURCE_KINDS.map(kind => [kind, knownOf(kind, component)]));
}

function knownOf(kind: ResourceKind, component: TreeElement): ReadonlyMap<string, Known> {
  const known = new Map<string, Known>();
  const add = (element: TreeElement, value: bigint, size: bigint): void => {
    const { logical = '' } = element.attributes;
    const other = known.get(logical);
    if (other === undefined) known.set(logical, { value, size, from: element });
    else if (other.value !== value || other.size !== size) {
      const message = `the logical resource ${quote(logical)} has the ${kind.what} ${kind.format(value)}, and ${kind.format(other.value)} at ${placeOf(other.from)}`;
      refuse(element, 'SRC-RESOURCE', message, 'Give the two resources different names.');
    }
  };
  for (const element of [...kind.component.asking(component), ...kind.component.fixed(component)]) {
    if (isNone(kind, element)) continue;
    const size = resourceSize(kind, element);
    const value = resourceValue(kind, element);
    if (value === undefined) {
      const message = `<${element.name}> ${quote(element.attributes.logical ?? '')} has no ${kind.what}`;
      refuse(element, 'SRC-RESOURCE', message, 'A component specification gets its numbers when it is joined.');
    }
    if (element.name !== 'array') add(element, value, size);
    else for (const [index, part] of arrayElements(element).entries()) add(part, value + size * BigInt(index), size);
  }
  return known;
}

/** Most numbers of one kind that a subject may leave open. */
const MAX_OPEN = 2000;

interface SubjectContext {
  readonly sizes: PhysicalSizes;
  readonly free: FreeRanges;
  readonly known: ReadonlyMap<string, Known>;
}

function allocateSubject(kind: ResourceKind, subject: TreeElement, { sizes, free, known }: SubjectContext): void {
  const open: TreeElement[] = [];
  const size = (element: TreeElement): bigint => resourceSize(kind, element, sizes.of(kind, element));
  const reserve = (element: TreeElement): boolean => {
    if (isNone(kind, element)) return true;
    const value = resourceValue(kind, element);
    if (value === undefined) return false;
    checkAligned(kind, element, value);
    free.remove(value, size(element));
    return true;
  };
  for (const element of kind.subject.fixed(subject)) {
    if (reserve(element)) continue;
    const message = `<${element.name}> ${quote(element.attributes.logical ?? '')} has no ${kind.what}`;
    refuse(element, 'SRC-RESOURCE', message, 'It cannot be left to the toolchain here: give it.');
  }
  for (const element of kind.subject.asking(subject)) {
    if (reserve(element)) continue;
    const given = known.get(element.attributes.logical ?? '');
    if (given === undefined) open.push(element);
    else {
      checkAligned(kind, element, given.value);
      setResource(kind, element, given.value);
    }
  }
  if (open.length === 0) return;
  if (open.length > MAX_OPEN) {
    const message = `more than ${MAX_OPEN} numbers are left to the toolchain`;
    refuse(open[MAX_OPEN]!, 'SRC-LIMIT', message, 'No real subject has so many resources.');
  }
  for (const { value, size: knownSize, from } of known.values()) {
    checkAligned(kind, from, value);
    free.remove(value, knownSize);
  }
  for (const element of open) setResource(kind, element, takeFree(kind, element, size(element), free));
}

/** Sizes of physical memory regions and channels by name. */
interface PhysicalSizes {
  /** Size of what an element of a subject maps; undefined for kinds that have none. */
  readonly of: (kind: ResourceKind, element: TreeElement) => string | undefined;
}

function physicalSizes({ root }: PolicyTree): PhysicalSizes {
  const regions = sizesByName(elementsAt(root, 'memory/memory'));
  const channels = sizesByName(elementsAt(root, 'channels/channel'));
  return {
    of(kind, element) {
      if (kind.attribute !== 'virtualAddress') return undefined;
      const { physical = '' } = element.attributes;
      const size = (element.name === 'memory' ? regions : channels).get(physical)?.attributes.size;
      if (size !== undefined) return size;
      const what = element.name === 'memory' ? 'memory region' : 'channel';
      const message = `<${element.name}> refers to the ${what} ${quote(physical)}, which ${regions.has(physical) || channels.has(physical) ? 'has no size' : 'does not exist'}`;
      return refuse(element, 'SRC-RESOURCE', message, `Define the ${what}, or correct the name.`);
    },
  };
}

function sizesByName(elements: readonly TreeElement[]): ReadonlyMap<string, TreeElement> {
  const byName = new Map<string, TreeElement>();
  for (const element of elements) {
    const { name = '' } = element.attributes;
    const other = byName.get(name);
    if (other !== undefined) {
      const message = `<${element.name}> ${quote(name)} is defined twice, first at ${placeOf(other)}`;
      refuse(element, 'SRC-RESOURCE', message, 'Rename or remove one of the two.');
    }
    byName.set(name, element);
  }
  return byName;
}
