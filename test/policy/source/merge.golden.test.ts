import { describe, expect, it } from 'vitest';
import { expandAmends } from '../../../src/policy/source/amend.ts';
import { expandConditionals } from '../../../src/policy/source/conditionals.ts';
import { configValues, expandExpressions } from '../../../src/policy/source/expressions.ts';
import { resolveIncludes } from '../../../src/policy/source/includes.ts';
import { type MergeInputs, mergePolicy } from '../../../src/policy/source/merge.ts';
import { attempt } from '../../../src/policy/source/problem.ts';
import { type PolicyFiles, SourceReader } from '../../../src/policy/source/source-files.ts';
import { substituteVariables } from '../../../src/policy/source/substitutions.ts';
import { expandTemplates } from '../../../src/policy/source/templates.ts';
import { type PolicyTree, parseTree } from '../../../src/policy/tree.ts';
import { bytesOf, hasShared, SKIP_REASON } from '../shared-files.ts';
import { goldenInputs, readSharedTree, SYSTEMS, sharedFiles } from './golden-source.ts';
import { allDifferences, compareTrees } from './tree-agreement.ts';

const TOOLS = 'muen/2024-11/tools';

function merged(inputs: MergeInputs, files: PolicyFiles): PolicyTree {
  const result = mergePolicy(inputs, files);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

describe.skipIf(!hasShared)(`merging as mucfgmerge does (${hasShared ? '../shared' : SKIP_REASON})`, () => {
  it.each(SYSTEMS)('%s agrees in every section', system => {
    const { inputs, files } = goldenInputs(system);
    const ours = merged(inputs, files);
    const real = readSharedTree(`golden/systems/${system}/policy_src.xml`);
    const sections = compareTrees(ours, real);
    expect(sections.flatMap(({ differences }) => differences)).toEqual([]);
    expect(sections.map(({ section }) => section)).toEqual(real.root.children.map(({ name }) => name));
    expect(sections.reduce((sum, { total }) => sum + total, 0)).toBeGreaterThan(500);
    expect(allDifferences(ours, real)).toEqual([]);
  });

  const data = sharedFiles({ data: `${TOOLS}/mucfgmerge/data` });

  it.each([
    ['test_config.xml', 'run.xml', ['.']],
    ['config_no_additional_hw.xml', 'run_no_additional_hw.xml', ['.']],
    ['config_include_path.xml', 'run_include_path.xml', ['data/platform', 'data/hw', 'data']],
    ['config_no_expressions.xml', 'run_no_expressions.xml', ['data']],
    ['config_with_templateAmend.xml', 'output_templateAmend.xml', ['data']],
  ])('the test data of the real tool: %s gives %s', (config, expected, includeDirectories) => {
    const ours = merged({ policy: `data/${config}`, includeDirectories }, data);
    expect(allDifferences(ours, readSharedTree(`${TOOLS}/mucfgmerge/data/${expected}`))).toEqual([]);
  });

  it('refuses what the real tool refuses: a template whose variables collide with those of the system', () => {
    const result = mergePolicy({ policy: 'data/config_templateNameCollision.xml', includeDirectories: ['data'] }, data);
    expect(result).toMatchObject({ ok: false, error: [{ code: 'SRC-CONFIG' }] });
  });

  const library = sharedFiles({ data: `${TOOLS}/libmutools/data` });
  const reader = (): SourceReader => new SourceReader(data, ['data']);
  const steps: Readonly<Record<string, (tree: PolicyTree) => void>> = {
    substitute: substituteVariables,
    conditionals: tree => expandConditionals(tree, configValues(tree)),
    amends: tree => expandAmends(tree, reader()),
    templates: tree => expandTemplates(tree, reader()),
  };

  it.each([
    ['substitute', 'substitution.xml', 'substitution.ref.xml'],
    ['amends', 'amend_expand.xml', 'output_amend_expand.xml'],
    ['templates', 'system_policy_templateAmend.xml', 'output_system_policy_templateAmend.xml'],
    ['conditionals', 'test_policy_src_conditionals.xml', 'output_test_policy_src_conditionals.xml'],
  ])('the step data of the real tools: %s of %s', (step, input, expected) => {
    const tree = readSharedTree(`${TOOLS}/libmutools/data/${input}`);
    steps[step]!(tree);
    expect(allDifferences(tree, readSharedTree(`${TOOLS}/libmutools/data/${expected}`))).toEqual([]);
  });

  it.each([
    ['test_policy_src.xml', 'output_config_expressions.xml'],
    ['minimal_component.xml', 'output_minimal_component.xml'],
  ])('the step data of the real tools: expressions of %s', (input, expected) => {
    const tree = readSharedTree(`${TOOLS}/libmutools/data/${input}`);
    expandExpressions(tree);
    const real = readSharedTree(`${TOOLS}/libmutools/data/${expected}`);
    // The real step leaves the expressions in; the tool removes them afterwards.
    real.root.children = real.root.children.filter(({ name }) => name !== 'expressions');
    expect(allDifferences(tree, real)).toEqual([]);
  });

  it('refuses templates that use each other in a circle, as the real tool does', () => {
    const tree = readSharedTree(`${TOOLS}/libmutools/data/system_policy_cyclicTemplates.xml`);
    expect(attempt(() => expandTemplates(tree, reader()))).toMatchObject({
      ok: false,
      error: [{ code: 'SRC-TEMPLATE' }],
    });
  });

  it.each([
    [['data'], 'xinclude_resolved.xml'],
    [['other', 'data'], 'xinclude_incdir.xml'],
  ])('the step data of the real tools: includes from %j', (directories, expected) => {
    // The second case takes xinclude_2.xml from another folder, as the real test does.
    const files: PolicyFiles = {
      read: path => library.read(path === 'other/xinclude_2.xml' ? 'data/xinclude_4.xml' : path),
    };
    const tree = readSharedTree(`${TOOLS}/libmutools/data/xinclude.xml`);
    resolveIncludes(tree, new SourceReader(files, directories), directories);
    expect(allDifferences(tree, readSharedTree(`${TOOLS}/libmutools/data/${expected}`))).toEqual([]);
  });

  it('finds what differs', () => {
    const tree = (text: string): PolicyTree => {
      const result = parseTree(bytesOf(text), 'x');
      if (!result.ok) throw new Error(result.error.message);
      return result.value;
    };
    const real = tree('<s><config><a/><b/></config><m><x n="1"/><x n="2"><y/></x></m></s>');
    expect(allDifferences(tree('<s><config><b/><a/></config><m><x n="1"/><x n="2"><y/></x></m></s>'), real)).toEqual(
      [],
    );
    expect(allDifferences(tree('<s><config><a/></config><m><x n="2"/><x n="1"/></m></s>'), real)).toEqual([
      'config/config: <b> is missing',
      'm/m: <x n="2"> is not in the real tree',
      'm/m: <x n="2"> is missing with 1 elements in it',
    ]);
  });
});
