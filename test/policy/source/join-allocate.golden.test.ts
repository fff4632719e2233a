import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allocateVirtual } from '../../../src/policy/source/allocate-virtual.ts';
import { joinComponents } from '../../../src/policy/source/join.ts';
import type { ResourceRanges } from '../../../src/policy/source/resource-kinds.ts';
import { elementsAt, type PolicyTree, walkTree } from '../../../src/policy/tree.ts';
import { hasShared, SKIP_REASON, sharedBytes, sharedPath } from '../shared-files.ts';
import { readSharedTree, SYSTEMS } from './golden-source.ts';
import { patched } from './patch.ts';
import { allDifferences } from './tree-agreement.ts';

const TOOLS = 'muen/2024-11/tools';

const specifications = (folder: string): PolicyTree[] =>
  readdirSync(sharedPath(folder))
    .sort()
    .map(name => readSharedTree(`${folder}/${name}`));

/** The ranges that the tests of the real tools use. */
const TEST_RANGES: ResourceRanges = {
  nativeAddresses: { first: 0x2000_0000n, last: 0x7_ffff_ffffn },
  vmAddresses: { first: 0x10_0000_0000n, last: 0x1f_ffff_ffffn },
  vectors: { first: 0n, last: 255n },
  events: { first: 0n, last: 63n },
};

describe.skipIf(!hasShared)(`components and virtual resources (${hasShared ? '../shared' : SKIP_REASON})`, () => {
  it.each(SYSTEMS)('%s: joining agrees with mucfgcjoin in every section', system => {
    const base = `golden/systems/${system}`;
    const tree = readSharedTree(`${base}/policy_src.xml`);
    const joined = joinComponents(tree, specifications(`${base}/cspecs`));
    expect(joined.ok).toBe(true);
    expect(allDifferences(tree, readSharedTree(`${base}/policy_with_comp.xml`))).toEqual([]);
  });

  it.each(SYSTEMS)('%s: allocation agrees with mucfgvresalloc in every section', system => {
    const base = `golden/systems/${system}`;
    const tree = readSharedTree(`${base}/policy_with_comp.xml`);
    expect(allocateVirtual(tree)).toMatchObject({ ok: true });
    expect(allDifferences(tree, readSharedTree(`${base}/policy_with_va.xml`))).toEqual([]);
  });

  it('the systems leave something open', () => {
    const open = SYSTEMS.map(system => openResources(readSharedTree(`golden/systems/${system}/policy_with_comp.xml`)));
    expect(open.reduce((sum, count) => sum + count)).toBe(108);
  });

  it('the test data of mucfgcjoin', () => {
    const data = `${TOOLS}/mucfgcjoin/data`;
    const tree = readSharedTree(`${data}/test_policy.xml`);
    joinComponents(
      tree,
      ['component_debug.xml', 'library_debug.xml'].map(name => readSharedTree(`${data}/${name}`)),
    );
    expect(allDifferences(tree, readSharedTree(`${data}/policy_joined.ref.xml`))).toEqual([]);
  });

  it('the test data of mucfgvresalloc', () => {
    const data = `${TOOLS}/mucfgvresalloc/data`;
    const unchanged = readSharedTree(`${data}/policy_no_autoalloc.xml`);
    expect(allocateVirtual(unchanged, TEST_RANGES)).toMatchObject({ ok: true });
    expect(allDifferences(unchanged, readSharedTree(`${data}/policy_no_autoalloc.xml`))).toEqual([]);

    const tree = readSharedTree(`${data}/policy_allocation.xml`);
    expect(allocateVirtual(tree, TEST_RANGES)).toMatchObject({ ok: true });
    const text = new TextDecoder().decode(sharedBytes(`${data}/policy_allocation.xml`));
    const diff = new TextDecoder().decode(sharedBytes(`${data}/output_policy_allocation.xml.diff`));
    expect(allDifferences(tree, patched(text, diff))).toEqual([]);
  });
});

/** Number of addresses, vectors and event ids that the subjects leave open. */
function openResources({ root }: PolicyTree): number {
  let count = 0;
  for (const subject of elementsAt(root, 'subjects/subject')) {
    walkTree(subject, ({ name, attributes }) => {
      count += Object.values(attributes).filter(value => value === 'auto').length;
      const isChannel = name === 'reader' || name === 'writer';
      if (isChannel && attributes.virtualAddress === undefined) count += 1;
    });
  }
  return count;
}
