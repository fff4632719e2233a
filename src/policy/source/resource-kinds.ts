import { formatWord64 } from '../literal.ts';
import { childNamed, elementsAt, type TreeElement } from '../tree.ts';
import { quote, refuse } from './problem.ts';

/** First and last number that an automatic allocation may hand out. */
export interface NumberRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** What automatic allocation may use. */
export interface ResourceRanges {
  readonly nativeAddresses: NumberRange;
  readonly vmAddresses: NumberRange;
  readonly vectors: NumberRange;
  readonly events: NumberRange;
}

/** Muen's own ranges (mucfgcvresalloc, mucfgvresalloc). */
export const RESOURCE_RANGES: ResourceRanges = {
  nativeAddresses: { first: 0x1_0000_0000n, last: 0x7_ffff_ffffn },
  vmAddresses: { first: 0x1_0000_0000n, last: 0x7_ffff_ffffn },
  vectors: { first: 64n, last: 255n },
  events: { first: 16n, last: 63n },
};

/** A kind of number that a policy may leave to the toolchain. */
export interface ResourceKind {
  readonly what: 'virtual address' | 'vector' | 'event id';
  readonly attribute: 'virtualAddress' | 'vector' | 'event';
  /** Attribute of an array; its elements follow one after the other. */
  readonly base: 'virtualAddressBase' | 'vectorBase' | 'eventBase';
  readonly range: (ranges: ResourceRanges, profile: string | undefined) => NumberRange;
  /** What an empty array gets. */
  readonly unused: bigint;
  readonly format: (value: bigint) => string;
  /** Elements of a component that may ask for a number, and others that have one. */
  readonly component: ResourceElements;
  /** The same in a subject. */
  readonly subject: ResourceElements;
}

interface ResourceElements {
  readonly asking: (root: TreeElement) => readonly TreeElement[];
  readonly fixed: (root: TreeElement) => readonly TreeElement[];
}

const PAGE = 0x1000n;

const having = (attribute: string, elements: readonly TreeElement[]): readonly TreeElement[] =>
  elements.filter(element => element.attributes[attribute] !== undefined);

const channels = (parent: TreeElement, names: readonly string[]): readonly TreeElement[] =>
  elementsAt(parent, 'channels').flatMap(section => section.children.filter(child => names.includes(child.name)));

const required = (component: TreeElement): readonly TreeElement[] => elementsAt(component, 'requires');

const injected = (parent: TreeElement, path: string): readonly TreeElement[] =>
  elementsAt(parent, path).filter(event => childNamed(event, 'inject_interrupt') !== undefined);

const ADDRESSES: ResourceKind = {
  what: 'virtual address',
  attribute: 'virtualAddress',
  base: 'virtualAddressBase',
  range: (ranges, profile) => (profile === 'native' ? ranges.nativeAddresses : ranges.vmAddresses),
  unused: 2n ** 64n - 1n,
  format: formatWord64,
  component: {
    asking: component =>
      required(component).flatMap(section => [
        ...elementsAt(section, 'memory').flatMap(({ children }) =>
          children.filter(({ name }) => name === 'memory' || name === 'array'),
        ),
        ...channels(section, ['reader', 'writer', 'array']),
      ]),
    fixed: component => elementsAt(component, 'provides/memory'),
  },
  subject: {
    asking: subject => [...elementsAt(subject, 'memory/memory'), ...channels(subject, ['reader', 'writer'])],
    fixed: () => [],
  },
};

const VECTORS: ResourceKind = {
  what: 'vector',
  attribute: 'vector',
  base: 'vectorBase',
  range: ranges => ranges.vectors,
  unused: 255n,
  format: String,
  component: {
    asking: component =>
      required(component).flatMap(section =>
        channels(section, ['reader', 'array']).filter(element => hasOwn(element, 'reader', 'vector', 'vectorBase')),
      ),
    fixed: component => injected(component, 'requires/events/target/event'),
  },
  subject: {
    asking: subject => having('vector', channels(subject, ['reader'])),
    fixed: subject => injected(subject, 'events/target/event'),
  },
};

const EVENTS: ResourceKind = {
  what: 'event id',
  attribute: 'event',
  base: 'eventBase',
  range: ranges => ranges.events,
  unused: 63n,
  format: String,
  component: {
    asking: component =>
      required(component).flatMap(section =>
        channels(section, ['writer', 'array']).filter(element => hasOwn(element, 'writer', 'event', 'eventBase')),
      ),
    fixed: component => elementsAt(component, 'requires/events/source/event'),
  },
  subject: {
    asking: subject => having('event', channels(subject, ['writer'])),
    fixed: subject =>
      elementsAt(subject, 'events/source/group')
        .filter(({ attributes }) => attributes.name === 'vmcall')
        .flatMap(group => elementsAt(group, 'event')),
  },
};

/** In the order in which they are allocated. */
export const RESOURCE_KINDS: readonly ResourceKind[] = [ADDRESSES, VECTORS, EVENTS];

function hasOwn({ name, attributes }: TreeElement, single: string, attribute: string, base: string): boolean {
  return name === 'array' ? attributes[base] !== undefined : name === single && attributes[attribute] !== undefined;
}

/** The number that an element has; undefined when it is left to the toolchain (`auto`, or none). */
export function resourceValue(kind: ResourceKind, element: TreeElement): bigint | undefined {
  const text = resourceText(kind, element);
  if (text === undefined || text === '' || text === 'auto') return undefined;
  // A vector may also be `none`: nothing is injected, and nothing taken.
  if (text === 'none') return undefined;
  return parseNumber(text, element, kind.what);
}

/** True for `vector="none"`: a number that is neither given nor wanted. */
export const isNone = (kind: ResourceKind, element: TreeElement): boolean => resourceText(kind, element) === 'none';

function resourceText(kind: ResourceKind, element: TreeElement): string | undefined {
  if (element.name === 'array') return element.attributes[kind.base];
  if (element.name !== 'event') return element.attributes[kind.attribute];
  return kind === VECTORS ? childNamed(element, 'inject_interrupt')?.attributes.vector : element.attributes.id;
}

/** Gives a number to an element that left it to the toolchain. */
export function setResource(kind: ResourceKind, element: TreeElement, value: bigint): void {
  element.attributes[element.name === 'array' ? kind.base : kind.attribute] = kind.format(value);
}

/** Elements of an array that take up numbers. */
export const arrayElements = (array: TreeElement): readonly TreeElement[] =>
  array.children.filter(({ name }) => name === 'reader' || name === 'writer' || name === 'memory');

/** Numbers that one element, or one element of an array, takes up: bytes of a mapping, else one. */
export function resourceSize(kind: ResourceKind, element: TreeElement, sizeText?: string): bigint {
  if (kind !== ADDRESSES) return 1n;
  const attribute = element.name === 'array' ? 'elementSize' : 'size';
  const text = sizeText ?? element.attributes[attribute];
  if (text === undefined) {
    refuse(element, 'SRC-RESOURCE', `<${element.name}> has no ${attribute}`, `Add ${attribute}="16#1000#".`);
  }
  const size = parseNumber(text, element, attribute);
  if (size <= 0n || size % PAGE !== 0n) {
    const message = `the ${attribute} ${quote(text)} is no positive multiple of 16#1000#`;
    refuse(element, 'SRC-RESOURCE', message, 'Memory is mapped in pages of 4 KiB.');
  }
  return size;
}

/** Refuses an address that is not at a page. */
export function checkAligned(kind: ResourceKind, element: TreeElement, value: bigint): void {
  if (kind !== ADDRESSES || value % PAGE === 0n) return;
  const message = `the virtual address ${formatWord64(value)} is no multiple of 16#1000#`;
  refuse(element, 'SRC-RESOURCE', message, 'Memory is mapped in pages of 4 KiB.');
}

/** Reads a number of up to 64 bits, decimal or based. */
export function parseNumber(text: string, element: TreeElement, what: string): bigint {
  const match = /^(?:16#([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)#|([0-9]+))$/.exec(text.trim());
  const digits = match?.[1]?.replaceAll('_', '') ?? match?.[2];
  const value =
    digits === undefined || digits.length > 20 ? undefined : BigInt(match![1] === undefined ? digits : `0x${digits}`);
  if (value === undefined || value >= 2n ** 64n) {
    refuse(
      element,
      'SRC-RESOURCE',
      `${what} is ${quote(text)}, no number of 64 bits`,
      'Write 16#0010_0000# or a decimal.',
    );
  }
  return value;
}
