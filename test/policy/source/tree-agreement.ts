import type { PolicyTree, TreeElement } from '../../../src/policy/tree.ts';

/** How far two trees agree in one section of the policy. */
export interface SectionAgreement {
  readonly section: string;
  /** Elements of the real tree. */
  readonly total: number;
  /** Elements that stand in both trees, at the same place, with equal attributes and text. */
  readonly equal: number;
  readonly differences: readonly string[];
}

/** Sections whose elements the real tools write in the order of a hash table: compared in the order of names. */
const UNORDERED = new Set(['config']);

/** Compares our tree with one of the real tools, section by section; white space at the ends of lines of text is not compared. */
export function compareTrees(ours: PolicyTree, real: PolicyTree): readonly SectionAgreement[] {
  const names = [...new Set([...real.root.children, ...ours.root.children].map(({ name }) => name))];
  return names.map(section => {
    const count = { total: 0, equal: 0 };
    const differences: string[] = [];
    const sections = (root: TreeElement): TreeElement[] => root.children.filter(({ name }) => name === section);
    compareChildren(sections(ours.root), sections(real.root), section, count, differences);
    return { section, ...count, differences };
  });
}

/** All differences of all sections. */
export const allDifferences = (ours: PolicyTree, real: PolicyTree): readonly string[] => [
  ...(tag(ours.root) === tag(real.root) ? [] : [`${tag(ours.root)} instead of ${tag(real.root)}`]),
  ...(ours.root.children.map(({ name }) => name).join() === real.root.children.map(({ name }) => name).join()
    ? []
    : ['the sections have another order']),
  ...compareTrees(ours, real).flatMap(({ differences }) => differences),
];

interface Count {
  total: number;
  equal: number;
}

function compareChildren(
  ours: readonly TreeElement[],
  real: readonly TreeElement[],
  path: string,
  count: Count,
  differences: string[],
): void {
  let next = 0;
  for (const element of real) {
    const wanted = tag(element);
    const index = ours.findIndex((candidate, position) => position >= next && tag(candidate) === wanted);
    if (index < 0) {
      const size = sizeOf(element);
      count.total += size;
      differences.push(`${path}: ${wanted} is missing${size > 1 ? ` with ${size - 1} elements in it` : ''}`);
      continue;
    }
    for (const extra of ours.slice(next, index)) differences.push(`${path}: ${tag(extra)} is not in the real tree`);
    next = index + 1;
    count.total += 1;
    count.equal += 1;
    compareChildren(ordered(ours[index]!), ordered(element), `${path}/${element.name}`, count, differences);
  }
  for (const extra of ours.slice(next)) differences.push(`${path}: ${tag(extra)} is not in the real tree`);
}

function ordered(element: TreeElement): readonly TreeElement[] {
  if (!UNORDERED.has(element.name)) return element.children;
  return [...element.children].sort((a, b) => (tag(a) < tag(b) ? -1 : 1));
}

function tag(element: TreeElement): string {
  const attributes = Object.keys(element.attributes)
    .sort()
    .map(name => ` ${name}="${element.attributes[name]}"`);
  const text = element.text.replace(/\s*\n\s*/g, '\n').trim();
  return `<${element.name}${attributes.join('')}>${text}`;
}

const sizeOf = (element: TreeElement): number => element.children.reduce((sum, child) => sum + sizeOf(child), 1);
