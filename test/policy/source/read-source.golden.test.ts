import { describe, expect, it } from 'vitest';
import { prepareSpecification } from '../../../src/policy/source/component.ts';
import { mergePolicy } from '../../../src/policy/source/merge.ts';
import { attempt } from '../../../src/policy/source/problem.ts';
import { readSource } from '../../../src/policy/source/read-source.ts';
import type { ResourceRanges } from '../../../src/policy/source/resource-kinds.ts';
import { SourceReader } from '../../../src/policy/source/source-files.ts';
import { childNamed, elementsAt, type PolicyTree, type TreeElement } from '../../../src/policy/tree.ts';
import { hasShared, SKIP_REASON } from '../shared-files.ts';
import { goldenInputs, readSharedTree, SYSTEMS, sharedFiles, textFiles } from './golden-source.ts';
import { allDifferences, compareTrees } from './tree-agreement.ts';

const TOOLS = 'muen/2024-11/tools';
const QEMU = 'demo_system_vtd--qemu-kvm';

const RAW = [
  'ahci_drv',
  'controller',
  'dbgserver',
  'dm',
  'idle',
  'isolation_tests',
  'isolation_tests_monitor',
  'libmucontrol',
  'libmudebuglog',
  'libmudm',
  'libmuinit',
  'libmutime',
  'linux',
  'muinit',
  'ps2_drv',
  'sl',
  'sm',
  'time',
  'vt',
];

/** The ranges that the tests of the real tools use. */
const TEST_RANGES: ResourceRanges = {
  nativeAddresses: { first: 0x2000_0000n, last: 0x7_ffff_ffffn },
  vmAddresses: { first: 0x10_0000_0000n, last: 0x1f_ffff_ffffn },
  vectors: { first: 0n, last: 255n },
  events: { first: 0n, last: 63n },
};

function mergedQemu(): PolicyTree {
  const { inputs, files } = goldenInputs(QEMU);
  const merged = mergePolicy(inputs, files);
  if (!merged.ok) throw new Error(JSON.stringify(merged.error));
  return merged.value;
}

/** Drops what comes from the binary: its regions, the stack and the entry point. */
function withoutBinary(tree: PolicyTree): PolicyTree {
  const binary = new Set(['text', 'rodata', 'data', 'bss', 'stack', 'binary', 'modules_initramfs']);
  const prune = (parent: TreeElement, path: readonly string[]): void => {
    const child = childNamed(parent, path[0]!);
    if (child === undefined) return;
    if (path.length > 1) prune(child, path.slice(1));
    if (child.children.length === 0 && path.length > 0) parent.children.splice(parent.children.indexOf(child), 1);
  };
  for (const provides of elementsAt(tree.root, 'provides')) {
    provides.children = provides.children.filter(({ attributes }) => !binary.has(attributes.logical ?? ''));
  }
  if (tree.root.name === 'component') {
    for (const gpr of elementsAt(tree.root, 'requires/vcpu/registers/gpr')) {
      gpr.children = gpr.children.filter(({ name }) => name !== 'rip');
    }
    prune(tree.root, ['requires', 'vcpu', 'registers', 'gpr']);
  }
  prune(tree.root, ['provides']);
  return tree;
}

describe.skipIf(!hasShared)(
  `source policies up to allocated resources (${hasShared ? '../shared' : SKIP_REASON})`,
  () => {
    it.each(SYSTEMS)('%s: from the inputs to policy_va_filtered.xml', system => {
      const { inputs, files } = goldenInputs(system);
      const components = sharedFiles({ cspecs: `golden/systems/${system}/cspecs` });
      const result = readSource(
        { ...inputs, componentDirectories: ['cspecs'] },
        { read: path => (path.startsWith('cspecs/') ? components.read(path) : files.read(path)) },
      );
      if (!result.ok) throw new Error(JSON.stringify(result.error));
      const { tree, findings } = result.value;
      expect(findings.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['SRC-BINARY notice']);
      const real = readSharedTree(`golden/systems/${system}/policy_va_filtered.xml`);
      // The real build joins the specifications of all components, also of those that no subject uses.
      const used = new Set(elementsAt(tree.root, 'components')[0]!.children.map(({ attributes }) => attributes.name));
      for (const section of elementsAt(real.root, 'components')) {
        section.children = section.children.filter(({ attributes }) => used.has(attributes.name));
      }
      expect(allDifferences(tree, real)).toEqual([]);
      expect(compareTrees(tree, real).reduce((sum, { total }) => sum + total, 0)).toBeGreaterThan(700);
    });

    it.each(RAW)('the specification of %s, as it is written, gives the joined one but for its binary', name => {
      const files = sharedFiles({ components: 'muen/2024-11/components' });
      const reader = new SourceReader(files, ['components']);
      const specification = reader.find(`${name}/spec/${name}.xml`, undefined);
      const findings = prepareSpecification(specification, { reader, directories: [], policy: mergedQemu() });
      const real = readSharedTree(`golden/systems/${QEMU}/cspecs/${name}.xml`);
      const hasBinary = real.root.name === 'component' && elementsAt(real.root, 'provides/memory/file').length > 0;
      expect(findings.filter(({ code }) => code === 'SRC-BINARY').length).toBe(hasBinary ? 1 : 0);
      expect(allDifferences(withoutBinary(specification), withoutBinary(real))).toEqual([]);
    });

    it('an include that no directory has and no build generates is refused', () => {
      const files = textFiles({ 'x/c.xml': '<component name="c">\n <include href="other.xml"/>\n</component>' });
      const reader = new SourceReader(files, ['x']);
      const specification = reader.find('c.xml', undefined);
      const result = attempt(() =>
        prepareSpecification(specification, { reader, directories: ['x'], policy: mergedQemu() }),
      );
      expect(result).toMatchObject({ ok: false, error: [{ code: 'SRC-FILE', file: 'x/c.xml', line: 2 }] });
    });

    it.each([
      ['component_vres.xml', 'output_component_vres.xml'],
      ['component_inc.xml', 'output_component_inc.xml'],
      ['component_cond.xml', 'output_component_cond.xml'],
      ['library_debug.xml', 'output_library_debug.xml'],
    ])('the test data of mucfgcvresalloc: %s', (input, expected) => {
      const files = sharedFiles({ data: `${TOOLS}/mucfgcvresalloc/data` });
      const reader = new SourceReader(files, ['data']);
      const specification = reader.find(input, undefined);
      const directories = ['data/incdir', 'data'];
      prepareSpecification(specification, { reader, directories, policy: mergedQemu(), ranges: TEST_RANGES });
      expect(allDifferences(specification, readSharedTree(`${TOOLS}/mucfgcvresalloc/data/${expected}`))).toEqual([]);
    });
  },
);
