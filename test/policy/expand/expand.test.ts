import { describe, expect, test } from 'vitest';
import { allocatePolicy } from '../../../src/policy/allocate/allocate.ts';
import { expandPolicy } from '../../../src/policy/expand/expand.ts';
import { STAGES } from '../../../src/policy/expand/stages.ts';
import { cloneTree, type PolicyTree } from '../../../src/policy/tree.ts';
import { hasShared, SKIP_REASON } from '../shared-files.ts';
import { SYSTEMS, sharedTree, systemTree } from '../shared-trees.ts';
import { agreementPercent, compareTrees, differences } from '../tree-diff.ts';

const TOOL_DATA = 'muen/2024-11/tools/mucfgexpand/data';
const HAND = [
  'h01_minimal_1cpu',
  'h02_2cpu_channel_events',
  'h03b_log_flat_maps',
  'h04_vm_monitor_group',
  'h05_multiframe',
  'h06_devices',
];

function expanded(tree: PolicyTree): PolicyTree {
  const outcome = expandPolicy(tree);
  if (!outcome.ok) throw new Error(outcome.error.map(({ code, message }) => `${code} ${message}`).join('\n'));
  return outcome.value.tree;
}

describe.skipIf(!hasShared)(`expansion as the real tool does it (${hasShared ? '' : SKIP_REASON})`, () => {
  test.each(SYSTEMS)('%s: source to format A, every element equal', system => {
    const sections = compareTrees(
      expanded(systemTree(system, 'policy_va_filtered.xml')).root,
      systemTree(system, 'policy_a.xml').root,
    );
    expect(sections.flatMap(section => section.differing)).toEqual([]);
    expect(agreementPercent(sections)).toBe(100);
  });

  test('the policy that the tool is tested with: siblings, idle CPUs, aliases, classes, loaders', () => {
    const ours = expanded(sharedTree(`${TOOL_DATA}/test_policy.xml`));
    expect(differences(ours.root, sharedTree(`${TOOL_DATA}/execute_run.xml`).root)).toEqual([]);
  });

  test.each(HAND)('%s: the system written by hand too', name => {
    const ours = expanded(sharedTree(`golden/hand/${name}/policy_with_comp.xml`));
    expect(differences(ours.root, sharedTree(`golden/hand/${name}/policy_a.xml`).root)).toEqual([]);
  });

  test('from source to format B in one go', () => {
    const [system] = SYSTEMS;
    const b = allocatePolicy(expanded(systemTree(system!, 'policy_va_filtered.xml')));
    expect(b.ok && differences(b.value.tree.root, systemTree(system!, 'policy_b.xml').root)).toEqual([]);
  });

  test('every element knows the line of the source that it comes from', () => {
    const source = systemTree(SYSTEMS[0]!, 'policy_va_filtered.xml');
    const lineCount = source.root.source.starts.length;
    const outside: string[] = [];
    const visit = (element: PolicyTree['root']): void => {
      if (element.at.line < 1 || element.at.line > lineCount || element.at.file === undefined)
        outside.push(element.name);
      element.children.forEach(visit);
    };
    visit(expanded(cloneTree(source)).root);
    expect(outside).toEqual([]);
  });
});

test('the steps have the names of the real tool, each once', () => {
  const names = STAGES.flatMap(({ expanders }) => expanders.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(80);
  for (const name of names) expect(name).toMatch(/^[A-Z][A-Za-z_]*\.[A-Z][A-Za-z0-9_]*$/);
});
