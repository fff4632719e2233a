import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckContext, TaskResult } from '../../src/engine/property.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { flowGraph } from '../../src/model/flow-policy.ts';
import { checkPolicy } from '../../src/policy/check.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { inferIntent } from '../../src/policy/intent.ts';
import { readPolicy } from '../../src/policy/parse.ts';
import { cloneTree, type PolicyTree, parseTree, type TreeElement, toXmlDocument } from '../../src/policy/tree.ts';
import { smallPolicy } from '../../test/policy/small-policy.ts';
import { ioBitmaps, msrBitmaps } from '../isolation/bitmaps.ts';
import { kernelPageTables, subjectPageTables } from '../isolation/page-tables.ts';
import { interruptRemapping, vtdTables } from '../isolation/vtd.ts';

/** Corruptions for each policy, and how many of the accepted ones have their tables walked; deep tries many more. */
const DEEP = process.env.MUENCHECK_BUDGET === 'deep';
const RUNS = DEEP ? 3_000 : 150;
const WALKS = DEEP ? RUNS : 4;

const shared = (path: string): URL => new URL(`../../../shared/golden/${path}/policy_b.xml`, import.meta.url);
const BASES: readonly (readonly [string, string])[] = [
  ['small policy', smallPolicy()],
  ...['hand/h02_2cpu_channel_events', 'hand/h04_vm_monitor_group', 'hand/h06_devices']
    .filter(path => existsSync(shared(path)))
    .map(path => [path, readFileSync(shared(path), 'utf8')] as const),
];

function treeOf(text: string): PolicyTree {
  const tree = parseTree(new TextEncoder().encode(text), 'policy.xml');
  if (!tree.ok) throw new Error(tree.error.message);
  return tree.value;
}

function elementsOf(root: TreeElement): TreeElement[] {
  return [root, ...root.children.flatMap(elementsOf)];
}

const KINDS = ['copy-attribute', 'copy-attribute', 'copy-attribute', 'copy-text', 'remove', 'repeat', 'move'] as const;
interface Corruption {
  readonly kind: (typeof KINDS)[number];
  readonly element: number;
  readonly other: number;
  readonly attribute: number;
}

/** One plausible mistake: a value, an element or a place of one element goes to another one of the same name. */
function corrupt(tree: PolicyTree, { kind, element, other, attribute }: Corruption): void {
  const all = elementsOf(tree.root);
  const target = all[element % all.length]!;
  const alike = all.filter(candidate => candidate.name === target.name);
  const source = alike[other % alike.length]!;
  const parentOf = (child: TreeElement): TreeElement | undefined =>
    all.find(({ children }) => children.includes(child));
  switch (kind) {
    case 'copy-attribute': {
      const names = Object.keys(target.attributes);
      const name = names[attribute % Math.max(1, names.length)];
      const value = name === undefined ? undefined : source.attributes[name];
      if (name !== undefined && value !== undefined) target.attributes[name] = value;
      break;
    }
    case 'copy-text':
      target.text = source.text;
      break;
    case 'remove': {
      const parent = parentOf(target);
      if (parent !== undefined) parent.children = parent.children.filter(child => child !== target);
      break;
    }
    case 'repeat':
      parentOf(target)?.children.push(target);
      break;
    case 'move': {
      const [from, to] = [parentOf(target), parentOf(source)];
      if (from === undefined || to === undefined) break;
      from.children = from.children.filter(child => child !== target);
      to.children.push(target);
    }
  }
}

const corruptions = fc.record({
  kind: fc.constantFrom(...KINDS),
  element: fc.nat(),
  other: fc.nat(),
  attribute: fc.nat(),
});

type Outcome =
  | 'refused by the reader'
  | 'rejected by rules'
  | 'refuted by intent'
  | 'no tables can be built'
  | 'no new flow'
  | 'declared flow';

const STRUCTURES = [subjectPageTables, kernelPageTables, ioBitmaps, msrBitmaps, vtdTables, interruptRemapping];

/**
 * Builds all tables and bitmaps of an accepted policy and compares every entry with what the policy grants.
 * @returns false when they cannot be built, which the finding of the builder says.
 */
function walkTables(document: PolicyDocument): boolean {
  const context: CheckContext = {
    document,
    policyText: '',
    policyPath: 'policy.xml',
    policySha256: '',
    seams: defaultSeams,
    seed: 1,
    budget: { name: 'smoke' },
    software: [],
  };
  for (const property of STRUCTURES) {
    for (const task of property.tasks(context)) {
      const { failure } = property.runTask(context, task) as TaskResult;
      if (failure?.outcome.summary.includes('cannot be built')) return false;
      expect([property.id, failure?.outcome.summary]).toEqual([property.id, undefined]);
    }
  }
  return true;
}

const dataFlows = (document: Parameters<typeof flowGraph>[0]) => {
  const graph = flowGraph(document);
  const subjects = new Set(graph.nodes.filter(({ kind }) => kind === 'subject').map(({ id }) => id));
  return graph.edges.filter(({ kind, from, to }) => kind === 'data' && subjects.has(from) && subjects.has(to));
};

/** What becomes of a corrupted policy; `known` are the pairs between which data may flow in the intact one. */
function judge(tree: PolicyTree, known: ReadonlySet<string>, walk: (document: PolicyDocument) => boolean): Outcome {
  const parsed = readPolicy(toXmlDocument(tree));
  if (!parsed.ok) return 'refused by the reader';
  const { document } = parsed.value;
  if (checkPolicy(document).findings.some(({ severity }) => severity === 'error')) return 'rejected by rules';
  if (inferIntent(document).violations.length > 0) return 'refuted by intent';
  const added = dataFlows(document).filter(({ from, to }) => !known.has(`${from} ${to}`));
  for (const { mechanism, via } of added) {
    // What belongs to somebody stays his own; only what nobody owns can be shared by a mapping.
    if (mechanism === 'shared-memory' || mechanism === 'channel') expect(via).not.toContain('|');
    expect(['kernel-memory', 'overlapping-memory']).not.toContain(mechanism);
  }
  if (!walk(document)) return 'no tables can be built';
  return added.length === 0 ? 'no new flow' : 'declared flow';
}

describe('random corruptions of valid policies', () => {
  it.each(BASES)('%s: each is rejected, or isolation still holds', { timeout: DEEP ? 900_000 : 60_000 }, (_, text) => {
    const base = treeOf(text);
    const intact = readPolicy(toXmlDocument(base));
    if (!intact.ok) throw new Error(intact.error[0]?.message);
    const known = new Set(dataFlows(intact.value.document).map(({ from, to }) => `${from} ${to}`));
    const counts = new Map<Outcome, number>();
    let walked = 0;
    const walk = (document: PolicyDocument): boolean => {
      if (walked >= WALKS) return true;
      walked += 1;
      return walkTables(document);
    };
    fc.assert(
      fc.property(fc.array(corruptions, { minLength: 1, maxLength: 2 }), list => {
        const tree = cloneTree(base);
        for (const corruption of list) corrupt(tree, corruption);
        const outcome = judge(tree, known, walk);
        counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      }),
      { numRuns: RUNS, seed: 20_241_118 },
    );
    if (DEEP) console.log({ walked, ...Object.fromEntries(counts) });
    expect(walked).toBeGreaterThan(0);
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(RUNS);
    expect(counts.get('rejected by rules') ?? 0).toBeGreaterThan(RUNS / 10);
  });
});
