import { err, ok, type Result } from '../units/result.ts';
import type { SourcePosition } from './document.ts';
import { type Finding, findingAt, type Severity } from './finding.ts';
import { parseXml, XML_LIMITS, type XmlDocument, type XmlElement, type XmlLimits, type XmlSource } from './xml.ts';

/**
 * Element of a policy that the toolchain rewrites in place; every XmlElement reader takes it too.
 *
 * Attributes and children keep their order. `at`, `offset` and `source` name the start tag in the file that the
 * element comes from; an element that the toolchain adds has those of the element that caused it.
 */
export interface TreeElement {
  name: string;
  at: SourcePosition;
  offset: number;
  source: XmlSource;
  /** Has no prototype, so every name is safe. */
  attributes: Record<string, string>;
  children: TreeElement[];
  /** Character data directly in this element, concatenated: policies have no mixed content. */
  text: string;
  textOffset: number;
}

/** A policy in any stage of the toolchain. */
export interface PolicyTree {
  readonly root: TreeElement;
}

/** Reads one file into a tree; every place in it names `file`. Refuses what parseXml refuses. */
export function parseTree(
  bytes: Uint8Array,
  file: string,
  limits: XmlLimits = XML_LIMITS,
): Result<PolicyTree, Finding> {
  const document = parseXml(bytes, limits, file);
  // The parser gives every element of a named file its source, and hands the whole tree over.
  return document.ok ? ok({ root: document.value.root as TreeElement }) : err(document.error);
}

/** The tree as the readers of XML documents take it; nothing is copied, so later changes of the tree show. */
export function toXmlDocument({ root }: PolicyTree): XmlDocument {
  return { root: root satisfies XmlElement, ...root.source };
}

/** A new element that stands for something `cause` says; place and source are those of `cause`. */
export function createElement(
  cause: TreeElement,
  name: string,
  attributes: Readonly<Record<string, string>> = {},
  children: TreeElement[] = [],
): TreeElement {
  const own: Record<string, string> = Object.assign(Object.create(null), attributes);
  const { at, offset, source } = cause;
  return { name, at, offset, source, attributes: own, children, text: '', textOffset: -1 };
}

/** A new element with character data. */
export function createText(cause: TreeElement, name: string, text: string): TreeElement {
  const element = createElement(cause, name);
  setText(element, text);
  return element;
}

/** Deep copy with the same places. */
export function cloneElement(element: TreeElement): TreeElement {
  return {
    name: element.name,
    at: element.at,
    offset: element.offset,
    source: element.source,
    attributes: Object.assign(Object.create(null), element.attributes),
    children: element.children.map(cloneElement),
    text: element.text,
    textOffset: element.textOffset,
  };
}

/** Deep copy of a whole tree. */
export function cloneTree(tree: PolicyTree): PolicyTree {
  return { root: cloneElement(tree.root) };
}

/** Replaces the character data; a finding about the new text names the start tag. */
export function setText(element: TreeElement, text: string): void {
  element.text = text;
  element.textOffset = /\S/.test(text) ? element.offset : -1;
}

/** Adds character data behind that of the element; white space alone is dropped. */
export function addText(element: TreeElement, text: string): void {
  if (/\S/.test(text)) setText(element, element.text.trim() === '' ? text : element.text + text);
}

/** First child of that name. */
export function childNamed(element: TreeElement, name: string): TreeElement | undefined {
  return element.children.find(child => child.name === name);
}

/** Children of that name, in order. */
export function childrenNamed(element: TreeElement, name: string): TreeElement[] {
  return element.children.filter(child => child.name === name);
}

/** All elements that a path of child names (`subjects/subject/vcpu`) reaches from `element`, in document order. */
export function elementsAt(element: TreeElement, path: string): TreeElement[] {
  return path
    .split('/')
    .reduce((found, name) => found.flatMap(parent => childrenNamed(parent, name)), [element] as TreeElement[]);
}

/** First element that a path of child names reaches. */
export function elementAt(element: TreeElement, path: string): TreeElement | undefined {
  return elementsAt(element, path)[0];
}

/** The element at a path of child names; what is missing on the way is appended, in order. */
export function ensureElement(element: TreeElement, path: string): TreeElement {
  let current = element;
  for (const name of path.split('/')) {
    let child = childNamed(current, name);
    if (child === undefined) {
      child = createElement(current, name);
      current.children.push(child);
    }
    current = child;
  }
  return current;
}

/** Puts elements behind the children of `parent`, in order; any number of them. */
export function appendAll(parent: TreeElement, children: readonly TreeElement[]): void {
  for (const child of children) parent.children.push(child);
}

/** Puts `child` before the first child of `parent` that has one of the names, last if there is none. */
export function insertBefore(parent: TreeElement, child: TreeElement, names: readonly string[]): void {
  const index = parent.children.findIndex(candidate => names.includes(candidate.name));
  if (index < 0) parent.children.push(child);
  else parent.children.splice(index, 0, child);
}

/** Takes `child` out of `parent`; no effect when it is not there. */
export function removeChild(parent: TreeElement, child: TreeElement): void {
  const index = parent.children.indexOf(child);
  if (index >= 0) parent.children.splice(index, 1);
}

/** Puts `replacements` where `child` stands in `parent`; no effect when it is not there. */
export function replaceChild(parent: TreeElement, child: TreeElement, replacements: readonly TreeElement[]): void {
  const index = parent.children.indexOf(child);
  if (index < 0) return;
  parent.children = [...parent.children.slice(0, index), ...replacements, ...parent.children.slice(index + 1)];
}

/** Calls `visit` for `element` and everything below it in document order, with the parent. */
export function walkTree(
  element: TreeElement,
  visit: (element: TreeElement, parent: TreeElement | undefined) => void,
  parent?: TreeElement,
): void {
  visit(element, parent);
  for (const child of element.children) walkTree(child, visit, element);
}

/** All elements of that name below `element` (not itself), in document order. */
export function descendantsNamed(element: TreeElement, name: string): TreeElement[] {
  const found: TreeElement[] = [];
  walkTree(element, candidate => {
    if (candidate.name === name && candidate !== element) found.push(candidate);
  });
  return found;
}

/** A finding at an element. */
export function findingOn(
  element: TreeElement,
  code: string,
  severity: Severity,
  message: string,
  hint: string,
): Finding {
  return findingAt(element.at, code, severity, message, hint);
}
