import { elementsAt, type TreeElement } from '../../tree.ts';

/** One change of the source schema: how a document from before it is brought to the schema of late 2024. */
export interface SchemaChange {
  readonly id: string;
  /** Month of the change in the history of Muen. */
  readonly month: string;
  /** What documents from before have, and what became of it. */
  readonly title: string;
  /**
   * The change asks for something that may be missing by mistake too: it is undone only in documents that have
   * something of a schema from before it (`earlier`), or of any old schema (`old`).
   */
  readonly addedTo?: 'earlier' | 'old';
  /** Rewrites a merged policy or a specification in place; the elements that were of the old schema. */
  readonly apply: (root: TreeElement) => readonly TreeElement[];
}

/** Components and libraries of a policy, or the one that the document is. */
export function specificationsOf(root: TreeElement): readonly TreeElement[] {
  if (root.name === 'component' || root.name === 'library') return [root];
  return elementsAt(root, 'components').flatMap(({ children }) =>
    children.filter(({ name }) => name === 'component' || name === 'library'),
  );
}

/** Takes the children of some names out of an element, in order. */
export function takeChildren(element: TreeElement, names: readonly string[]): TreeElement[] {
  const taken = element.children.filter(({ name }) => names.includes(name));
  if (taken.length > 0) element.children = element.children.filter(({ name }) => !names.includes(name));
  return taken;
}

/** Sorts the children of an element by the given order of names; others stay behind them. */
export function sortChildren(element: TreeElement, names: readonly string[]): boolean {
  const rank = ({ name }: TreeElement): number => (names.includes(name) ? names.indexOf(name) : names.length);
  const sorted = element.children.map((child, index) => ({ child, index }));
  sorted.sort((a, b) => rank(a.child) - rank(b.child) || a.index - b.index);
  const isChanged = sorted.some(({ index }, position) => index !== position);
  if (isChanged) element.children = sorted.map(({ child }) => child);
  return isChanged;
}
