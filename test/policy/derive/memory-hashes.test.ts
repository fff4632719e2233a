import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { addMemoryHashes, type HashInputs } from '../../../src/policy/derive/memory-hashes.ts';
import { childNamed, elementsAt, type PolicyTree, parseTree } from '../../../src/policy/tree.ts';
import { bytesOf, hasShared, SKIP_REASON, sharedBytes, sharedPath } from '../shared-files.ts';
import { SYSTEMS, sharedTree, systemTree } from '../shared-trees.ts';

function sha256(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function hashed(tree: PolicyTree, file: HashInputs['file']): PolicyTree {
  const outcome = addMemoryHashes(tree, { file, sha256 });
  if (!outcome.ok) throw new Error(outcome.error.map(({ message }) => message).join('\n'));
  return outcome.value.tree;
}

/** Hash of each region by name. */
const hashesOf = ({ root }: PolicyTree): ReadonlyMap<string, string | undefined> =>
  new Map(
    elementsAt(root, 'memory/memory').map(region => [
      region.attributes.name!,
      childNamed(region, 'hash')?.attributes.value,
    ]),
  );

describe.skipIf(!hasShared)(`hashes of memory as the real tool makes them (${hasShared ? '' : SKIP_REASON})`, () => {
  test.each(SYSTEMS)('%s: every region whose content is known here', system => {
    const ours = hashed(systemTree(system, 'policy_b.xml'), name => {
      const path = `golden/systems/${system}/generated/${name}.gz`;
      return existsSync(sharedPath(path)) ? sharedBytes(path) : undefined;
    });
    const theirs = hashesOf(systemTree(system, 'policy_b_hashed.xml'));
    const made = [...hashesOf(ours)].filter(([, hash]) => hash !== undefined);
    expect(made.length).toBeGreaterThan(60);
    for (const [name, hash] of made) expect([name, hash]).toEqual([name, theirs.get(name)]);
  });

  test("the tool's own test data, for what needs no file", () => {
    const data = 'muen/2024-11/tools/mucfgmemhashes/data';
    const ours = hashesOf(hashed(sharedTree(`${data}/test_policy.xml`), () => undefined));
    const theirs = hashesOf(sharedTree(`${data}/test_policy_hashes.xml`));
    expect(ours.get('fill')).toBe(theirs.get('fill'));
    expect(ours.get('fill_nohash')).toBe('none');
  });
});

test('a file counts from its offset, zeros fill the region, references follow', () => {
  const text = `<system><memory>
    <memory name="a" size="16#1000#"><file filename="f" offset="16#0003#"/></memory>
    <memory name="b" size="16#1000#"><hashRef memory="a"/></memory>
    <memory name="c" size="16#1000#"><file filename="g" offset="none"/></memory>
    <memory name="i" size="16#1000#" type="subject_info"><file filename="f" offset="none"/></memory>
  </memory></system>`;
  const tree = parseTree(bytesOf(text), 'small.xml');
  if (!tree.ok) throw new Error(tree.error.message);
  const outcome = addMemoryHashes(tree.value, { file: name => (name === 'f' ? bytesOf('abcdef') : undefined), sha256 });
  const expected = `16#${sha256([bytesOf('def'), new Uint8Array(0x1000 - 3)])}#`;
  expect(outcome.ok && [...hashesOf(outcome.value.tree).values()]).toEqual([expected, expected, undefined, undefined]);
  expect(outcome.ok && outcome.value.findings.map(({ code, line }) => [code, line])).toEqual([['HASH-FILE', 4]]);
});

test('a reference to a region that does not exist is an error', () => {
  const text = '<system><memory><memory name="b" size="16#1000#"><hashRef memory="a"/></memory></memory></system>';
  const tree = parseTree(bytesOf(text), 'small.xml');
  const outcome = tree.ok ? addMemoryHashes(tree.value, { file: () => undefined, sha256 }) : undefined;
  expect(outcome?.ok === false && outcome.error.map(({ code }) => code)).toEqual(['HASH-REFERENCE']);
});
