import { describe, expect, test } from 'vitest';
import { allocatePolicy } from '../../../src/policy/allocate/allocate.ts';
import { type PolicyTree, parseTree } from '../../../src/policy/tree.ts';
import { bytesOf, hasShared, SKIP_REASON } from '../shared-files.ts';
import { SYSTEMS, sharedTree, systemTree } from '../shared-trees.ts';
import { agreementPercent, compareTrees, differences } from '../tree-diff.ts';

const TOOL_DATA = 'muen/2024-11/tools/mucfgalloc/data';

function allocated(tree: PolicyTree): PolicyTree {
  const outcome = allocatePolicy(tree);
  if (!outcome.ok) throw new Error(outcome.error.map(({ code, message }) => `${code} ${message}`).join('\n'));
  return outcome.value.tree;
}

function refusal(tree: PolicyTree): string {
  const outcome = allocatePolicy(tree);
  return outcome.ok ? 'accepted' : [...new Set(outcome.error.map(({ code }) => code))].join(' ');
}

describe.skipIf(!hasShared)(`allocation as the real tool does it (${hasShared ? '' : SKIP_REASON})`, () => {
  test.each(SYSTEMS)('%s: format A to B, every element equal', system => {
    const ours = allocated(systemTree(system, 'policy_a.xml'));
    const sections = compareTrees(ours.root, systemTree(system, 'policy_b.xml').root);
    expect(sections.flatMap(section => section.differing)).toEqual([]);
    expect(agreementPercent(sections)).toBe(100);
    expect(sections.reduce((sum, section) => sum + section.equal, 0)).toBeGreaterThan(2500);
  });

  test.each(['h01_minimal_1cpu', 'h02_2cpu_channel_events', 'h04_vm_monitor_group', 'h05_multiframe', 'h06_devices'])(
    '%s: the system written by hand too',
    name => {
      const ours = allocated(sharedTree(`golden/hand/${name}/policy_a.xml`));
      expect(differences(ours.root, sharedTree(`golden/hand/${name}/policy_b.xml`).root)).toEqual([]);
    },
  );

  test.each([
    'automatic_allocation',
    'limited_allocation',
    'file_backed_first',
    'fill_pattern_second',
    'allocation_with_devices',
  ])("%s: the tool's own test data", name => {
    const ours = allocated(sharedTree(`${TOOL_DATA}/${name}.in.xml`));
    expect(differences(ours.root, sharedTree(`${TOOL_DATA}/${name}.ref.xml`).root)).toEqual([]);
  });

  test.each([
    ['overlapping.xml', 'ALLOC-OVERLAP'],
    ['overlapping_device.xml', 'ALLOC-OVERLAP'],
    ['overlap_between_devices.xml', 'ALLOC-OVERLAP'],
    ['overlap_between_device_memory.xml', 'ALLOC-OVERLAP'],
    ['allocation_oom.in.xml', 'ALLOC-OUT-OF-MEMORY'],
  ])("%s: the tool's own negative data", (name, code) => {
    expect(refusal(sharedTree(`${TOOL_DATA}/${name}`))).toBe(code);
  });
});

/** A policy with 64 KiB of memory at 0x10000 and these regions. */
function small(regions: string, blocks = ''): PolicyTree {
  const text = `<system><hardware><memory><memoryBlock name="ram" physicalAddress="16#0001_0000#" size="16#0001_0000#"/>${blocks}</memory><devices><device name="d"><memory name="m" physicalAddress="16#fec0_0000#" size="16#1000#" caching="UC"/></device></devices></hardware><memory>${regions}</memory></system>`;
  const tree = parseTree(bytesOf(text), 'small.xml');
  if (!tree.ok) throw new Error(tree.error.message);
  return tree.value;
}

const addresses = (tree: PolicyTree): Record<string, string | undefined> =>
  Object.fromEntries(
    tree.root.children[1]!.children.map(({ attributes }) => [attributes.name!, attributes.physicalAddress]),
  );

describe('allocation', () => {
  test('larger regions come first, then coarser alignment, then names', () => {
    const tree = small(
      '<memory name="b" size="16#1000#"/><memory name="a" size="16#1000#"/><memory name="wide" size="16#1000#" alignment="16#4000#"/><memory name="big" size="16#3000#"/>',
    );
    expect(addresses(allocated(tree))).toEqual({
      big: '16#0001_0000#',
      wide: '16#0001_4000#',
      a: '16#0001_3000#',
      b: '16#0001_5000#',
    });
  });

  test('a fixed region may lie in a device, and not across a hole', () => {
    expect(refusal(small('<memory name="x" size="16#1000#" physicalAddress="16#fec0_0000#"/>'))).toBe('accepted');
    expect(refusal(small('<memory name="x" size="16#2000#" physicalAddress="16#0001_f000#"/>'))).toBe('ALLOC-FIXED');
    const twice = '<memory name="x" size="16#1000#" physicalAddress="16#0001_0000#"/>';
    expect(refusal(small(twice + twice))).toBe('ALLOC-FIXED');
  });

  test('memory that is not for allocation takes fixed regions only', () => {
    const reserved =
      '<memoryBlock name="rmrr" physicalAddress="16#0010_0000#" size="16#0010_0000#" allocatable="false"/>';
    expect(refusal(small('<memory name="x" size="16#0002_0000#"/>', reserved))).toBe('ALLOC-OUT-OF-MEMORY');
    const fixed = '<memory name="x" size="16#1000#" physicalAddress="16#0010_0000#"/>';
    expect(refusal(small(fixed, reserved))).toBe('accepted');
  });

  test('what orders two regions must differ', () => {
    const region = '<memory name="x" size="16#1000#"/>';
    expect(refusal(small(region + region))).toBe('ALLOC-DUPLICATE');
  });

  test('malformed numbers and missing attributes are findings with a place', () => {
    for (const [regions, code] of [
      ['<memory name="x"/>', 'POL-MISSING-ATTRIBUTE'],
      ['<memory name="x" size="4096"/>', 'POL-NUMBER'],
      ['<memory name="x" size="16#1000#" alignment="16#0000#"/>', 'ALLOC-ALIGNMENT'],
      ['<memory name="x" size="16#ffff_ffff_ffff_ffff#"/>', 'POL-RANGE'],
    ] as const) {
      const outcome = allocatePolicy(small(regions));
      expect(outcome.ok ? '' : outcome.error.map(finding => [finding.code, finding.file, finding.line])).toEqual([
        [code, 'small.xml', 1],
      ]);
    }
  });
});
