import type { TreeElement } from '../../src/policy/tree.ts';

/** Agreement of two trees in one section: elements that are the same in both, and those that are not. */
export interface SectionAgreement {
  readonly section: string;
  readonly equal: number;
  /** Where they differ, first the path; an element that only one side has counts with all below it. */
  readonly differing: readonly string[];
}

const KEYS = ['name', 'logical', 'id', 'physical', 'ref', 'partition', 'leaf', 'address', 'apicId', 'start', 'subject'];

/** What makes two siblings the same thing, whatever else they say. */
function keyOf({ name, attributes }: TreeElement): string {
  const key = KEYS.find(candidate => attributes[candidate] !== undefined);
  const subleaf = attributes.subleaf === undefined ? '' : `/${attributes.subleaf}`;
  return key === undefined ? name : `${name}[${key}=${attributes[key]}${subleaf}]`;
}

/** Own content of an element: name, attributes (in any order) and text without white space around it. */
const ownContent = ({ name, attributes, text }: TreeElement): string =>
  JSON.stringify([name, Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)), text.trim()]);

const sizeOf = (element: TreeElement): number => 1 + element.children.reduce((sum, child) => sum + sizeOf(child), 0);

/** Longest common subsequence of two lists of keys, as pairs of indexes. */
function alignment(a: readonly string[], b: readonly string[]): readonly (readonly [number, number])[] {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
    else j++;
  }
  return pairs;
}

function compare(ours: TreeElement, theirs: TreeElement, path: string, differing: string[]): number {
  let equal = 0;
  const here = `${path}/${keyOf(theirs)}`;
  const [own, expected] = [ownContent(ours), ownContent(theirs)];
  if (own === expected) equal += 1;
  else differing.push(`${here}: ours ${own}, theirs ${expected}`);
  const pairs = alignment(ours.children.map(keyOf), theirs.children.map(keyOf));
  const [matched, met] = [new Set(pairs.map(([i]) => i)), new Set(pairs.map(([, j]) => j))];
  ours.children.forEach((child, i) => {
    if (!matched.has(i)) alone('only ours', child, here, differing);
  });
  theirs.children.forEach((child, j) => {
    if (!met.has(j)) alone('only theirs', child, here, differing);
  });
  for (const [i, j] of pairs) equal += compare(ours.children[i]!, theirs.children[j]!, here, differing);
  return equal;
}

function alone(side: string, element: TreeElement, path: string, differing: string[]): void {
  for (let count = sizeOf(element); count > 0; count--) {
    differing.push(`${path}/${keyOf(element)}: ${side} ${ownContent(element)}`);
  }
}

/** Compares two policies section by section; the order of elements counts, that of attributes does not. */
export function compareTrees(ours: TreeElement, theirs: TreeElement): readonly SectionAgreement[] {
  const names = [...new Set([...theirs.children, ...ours.children].map(child => child.name))];
  return names.map(section => {
    const differing: string[] = [];
    const [own, expected] = [ours, theirs].map(root => root.children.filter(child => child.name === section));
    let equal = 0;
    for (let index = 0; index < Math.max(own!.length, expected!.length); index++) {
      const [a, b] = [own![index], expected![index]];
      if (a !== undefined && b !== undefined) equal += compare(a, b, '', differing);
      else if (a !== undefined) alone('only ours', a, '', differing);
      else if (b !== undefined) alone('only theirs', b, '', differing);
    }
    return { section, equal, differing };
  });
}

/** All differences of two policies. */
export const differences = (ours: TreeElement, theirs: TreeElement): readonly string[] =>
  compareTrees(ours, theirs).flatMap(({ differing }) => differing);

/** Share of equal elements in percent. */
export function agreementPercent(sections: readonly SectionAgreement[]): number {
  const equal = sections.reduce((sum, section) => sum + section.equal, 0);
  const differing = sections.reduce((sum, section) => sum + section.differing.length, 0);
  return (100 * equal) / (equal + differing);
}
