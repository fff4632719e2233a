import type { Result } from '../../units/result.ts';
import { type Finding, findingAt } from '../finding.ts';
import { childNamed, descendantsNamed, type PolicyTree } from '../tree.ts';
import { expandAmends } from './amend.ts';
import { expandConditionals } from './conditionals.ts';
import {
  checkNames,
  configString,
  configVariables,
  ensureConfig,
  mergeConfig,
  mergePlatformConfig,
} from './config-section.ts';
import { configValues, expandExpressions } from './expressions.ts';
import { resolveIncludes } from './includes.ts';
import { expectConditions, expectConfiguration } from './library-checks.ts';
import { directoryOf } from './paths.ts';
import { attempt, ProblemList, refuse, type SourceCode } from './problem.ts';
import { mergeHardware, mergePlatform } from './sections.ts';
import { type PolicyFiles, type SourceLimits, SourceReader } from './source-files.ts';
import { substituteVariables } from './substitutions.ts';
import { expandTemplates } from './templates.ts';

/** The files that make up a policy; paths as the user gives them. */
export interface MergeInputs {
  /** A system policy, or a system configuration that names the policy, hardware and platform. */
  readonly policy: string;
  /** Laid over the hardware section, the first one first; a system configuration names its own. */
  readonly hardware?: readonly string[];
  readonly platform?: string;
  /** Searched in order for every file that a policy names; then the directories of the policy and of the configuration. */
  readonly includeDirectories: readonly string[];
  readonly limits?: SourceLimits;
}

/**
 * Puts a source policy together as mucfgmerge does: configuration, includes, hardware and platform, templates,
 * expressions, `$` references, conditionals and amends, in this order.
 *
 * The result has none of these left; every element knows the file and line it comes from. The error names all that
 * cannot be done in the first of these steps that fails. Reads nothing outside of the include directories and the files that are named.
 */
export function mergePolicy(inputs: MergeInputs, files: PolicyFiles): Result<PolicyTree, Finding[]> {
  return attempt(() => {
    const directories = [...inputs.includeDirectories, directoryOf(inputs.policy)];
    return mergeWith(inputs, new SourceReader(files, directories, inputs.limits));
  });
}

/** As mergePolicy, with a reader that goes on reading for the later stages; throws what it refuses. */
export function mergeWith(inputs: MergeInputs, reader: SourceReader): PolicyTree {
  const { policy, policyDirectory, hardware, platform } = readParts(inputs, reader);
  resolveIncludes(policy, reader, [...inputs.includeDirectories, policyDirectory, directoryOf(inputs.policy)]);
  for (const description of hardware) mergeHardware(policy, description);
  if (platform !== undefined) mergePlatform(policy, platform);
  mergePlatformConfig(policy);
  const problems = new ProblemList();
  problems.attempt(() => expandDocument(policy, reader));
  if (problems.has(UNKNOWN_NAME)) problems.note(missingParts(policy));
  problems.end();
  return policy;
}

/** What is not given, which may be why names are unknown. */
function missingParts({ root }: PolicyTree): readonly Finding[] {
  const missing = ['hardware', 'platform'].filter(name => childNamed(root, name) === undefined);
  if (missing.length === 0) return [];
  const message = `the policy has no ${missing.map(name => `<${name}>`).join(' and no ')}, so nothing that such a description defines is known`;
  const hint = `Give ${missing.map(name => `--${name}`).join(' and ')}, or a system configuration that names both.`;
  return [findingAt(root.at, PARTS, 'error', message, hint)];
}

const PARTS: SourceCode = 'SRC-PARTS';
const UNKNOWN_NAME: ReadonlySet<string> = new Set([
  'LIB-EXPRESSION-VARIABLE',
  'LIB-CONDITION-VARIABLE',
  'SRC-VARIABLE' satisfies SourceCode,
]);

/** Expands templates, expressions, references, conditionals and amends of a document whose includes are resolved. */
export function expandDocument(tree: PolicyTree, reader: SourceReader): void {
  checkNames(configVariables(tree));
  expandTemplates(tree, reader);
  expectConfiguration(tree);
  expandExpressions(tree);
  // Before scheduling partitions, references in dropped parts were not resolved, and policies have unknown ones there.
  const isOld = descendantsNamed(tree.root, 'minorFrame').some(({ attributes }) => attributes.subject !== undefined);
  if (!isOld) substituteVariables(tree);
  expectConditions(tree);
  expandConditionals(tree, configValues(tree));
  if (isOld) substituteVariables(tree);
  expandAmends(tree, reader);
}

interface Parts {
  readonly policy: PolicyTree;
  readonly policyDirectory: string;
  readonly hardware: readonly PolicyTree[];
  readonly platform: PolicyTree | undefined;
}

function readParts(inputs: MergeInputs, reader: SourceReader): Parts {
  const problems = new ProblemList();
  const open = (path: string, root: string): PolicyTree | undefined =>
    problems.attempt(() => expectRoot(reader.open(path), root));
  const first = open(inputs.policy, 'system');
  const hardware = (inputs.hardware ?? []).map(path => open(path, 'hardware'));
  const platform = inputs.platform === undefined ? undefined : open(inputs.platform, 'platform');
  const parts = first && withConfiguration(first, inputs, reader, problems);
  problems.end();
  return {
    policy: parts!.policy,
    policyDirectory: parts!.policyDirectory,
    hardware: (hardware.length > 0 ? hardware : parts!.hardware).filter(part => part !== undefined),
    platform: platform ?? parts!.platform,
  };
}

type ConfiguredParts = Omit<Parts, 'hardware'> & { readonly hardware: readonly (PolicyTree | undefined)[] };

/** The policy itself; or what a system configuration names, where the command line does not. */
function withConfiguration(
  first: PolicyTree,
  inputs: MergeInputs,
  reader: SourceReader,
  problems: ProblemList,
): ConfiguredParts {
  const named = (name: string, root: string): PolicyTree | undefined => {
    const value = configString(first, name);
    return value && problems.attempt(() => expectRoot(reader.find(value.value, value.from), root));
  };
  const isConfiguration = first.root.children.every(child => child.name === 'config');
  const config = ensureConfig(first.root);
  if (!isConfiguration || configString(first, 'system') === undefined) {
    return { policy: first, policyDirectory: directoryOf(inputs.policy), hardware: [], platform: undefined };
  }
  const policy = named('system', 'system');
  const hardware = inputs.hardware?.length
    ? []
    : [named('hardware', 'hardware'), named('additional_hardware', 'hardware')];
  const platform = inputs.platform === undefined ? named('platform', 'platform') : undefined;
  if (policy !== undefined) mergeConfig(policy, config);
  return {
    policy: policy ?? first,
    policyDirectory: directoryOf(policy?.root.at.file ?? inputs.policy),
    hardware,
    platform,
  };
}

function expectRoot(tree: PolicyTree, name: string): PolicyTree {
  if (tree.root.name === name) return tree;
  return refuse(
    tree.root,
    'SRC-ROOT',
    `the root element is <${tree.root.name}>, expected <${name}>`,
    'Was another file meant?',
  );
}
