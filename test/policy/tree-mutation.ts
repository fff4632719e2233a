import fc from 'fast-check';
import type { PolicyTree, TreeElement } from '../../src/policy/tree.ts';

/** One edit of a policy; `at`, `which` and `other` choose elements and attributes of whatever tree it is applied to. */
export interface TreeMutation {
  readonly kind: 'attribute' | 'drop-attribute' | 'text' | 'remove' | 'repeat' | 'swap' | 'borrow';
  readonly at: number;
  readonly which: number;
  readonly other: number;
  readonly value: string;
}

/** Values that mean something in some attribute, and the edges of what numbers may be. */
const VALUES = [
  '0',
  '1',
  '2',
  '3',
  '31',
  '32',
  '64',
  '255',
  '256',
  '4095',
  '16#1000#',
  '16#2000#',
  '16#0010_0000#',
  '16#4000_0000#',
  '16#7fff_ffff_f000#',
  '16#ffff_ffff_ffff_f000#',
  '18446744073709551615',
  '18446744073709551616',
  '-1',
  '2#101#',
  '16##',
  '',
  'true',
  'false',
  'one',
  'tau0',
  'linux',
  'vm',
  'native',
  'UC',
  'asap',
  'kernel',
  'none',
  '__proto__',
] as const;

export const treeMutation: fc.Arbitrary<TreeMutation> = fc.record({
  kind: fc.constantFrom(
    'attribute',
    'attribute',
    'borrow',
    'borrow',
    'drop-attribute',
    'text',
    'remove',
    'repeat',
    'swap',
  ),
  at: fc.nat(1_000_000),
  which: fc.nat(100),
  other: fc.nat(1_000_000),
  value: fc.constantFrom(...VALUES),
});

interface Placed {
  readonly element: TreeElement;
  readonly parent: TreeElement;
}

function below(parent: TreeElement): readonly Placed[] {
  return parent.children.flatMap(element => [{ element, parent }, ...below(element)]);
}

function pick<Item>(items: readonly Item[], index: number): Item | undefined {
  return items[index % Math.max(1, items.length)];
}

function copyOf(element: TreeElement): TreeElement {
  const attributes: Record<string, string> = Object.assign(Object.create(null), element.attributes);
  return { ...element, attributes, children: element.children.map(copyOf) };
}

/** Applies one edit in place; one that has nothing to work on changes nothing. */
export function mutate({ root }: PolicyTree, { kind, at, which, other, value }: TreeMutation): void {
  const all = below(root);
  const placed = pick(all, at);
  if (placed === undefined) return;
  const { element, parent } = placed;
  const index = parent.children.indexOf(element);
  const name = pick(Object.keys(element.attributes), which);
  if (kind === 'text') element.text = value;
  else if (kind === 'remove') parent.children.splice(index, 1);
  else if (kind === 'repeat') parent.children.splice(index, 0, copyOf(element));
  else if (kind === 'swap') parent.children.push(...parent.children.splice(index, 1));
  else if (name === undefined) return;
  else if (kind === 'attribute') element.attributes[name] = value;
  else if (kind === 'drop-attribute') delete element.attributes[name];
  else {
    // What the same attribute says elsewhere: references, addresses and identifiers that exist.
    const donors = all.filter(({ element: donor }) => donor.attributes[name] !== undefined);
    element.attributes[name] = pick(donors, other)?.element.attributes[name] ?? value;
  }
}
