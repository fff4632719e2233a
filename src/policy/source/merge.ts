import type { Result } from '../../units/result.ts';
import type { Finding } from '../finding.ts';
import { descendantsNamed, type PolicyTree } from '../tree.ts';
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
import { directoryOf } from './paths.ts';
import { attempt, refuse } from './problem.ts';
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
 * The result has none of these left; every element knows the file and line it comes from. The error names the first
 * thing that cannot be done. Reads nothing outside of the include directories and the files that are named.
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
  expandDocument(policy, reader);
  return policy;
}

/** Expands templates, expressions, references, conditionals and amends of a document whose includes are resolved. */
export function expandDocument(tree: PolicyTree, reader: SourceReader): void {
  checkNames(configVariables(tree));
  expandTemplates(tree, reader);
  expandExpressions(tree);
  // Before scheduling partitions, references in dropped parts were not resolved, and policies have unknown ones there.
  const isOld = descendantsNamed(tree.root, 'minorFrame').some(({ attributes }) => attributes.subject !== undefined);
  if (isOld) expandConditionals(tree, configValues(tree));
  substituteVariables(tree);
  if (!isOld) expandConditionals(tree, configValues(tree));
  expandAmends(tree, reader);
}

interface Parts {
  readonly policy: PolicyTree;
  readonly policyDirectory: string;
  readonly hardware: readonly PolicyTree[];
  readonly platform: PolicyTree | undefined;
}

function readParts(inputs: MergeInputs, reader: SourceReader): Parts {
  const first = reader.open(inputs.policy);
  expectRoot(first, 'system');
  const named = {
    hardware: (inputs.hardware ?? []).map(path => expectRoot(reader.open(path), 'hardware')),
    platform: inputs.platform === undefined ? undefined : expectRoot(reader.open(inputs.platform), 'platform'),
  };
  const system = configString(first, 'system');
  if (system === undefined || first.root.children.some(child => child.name !== 'config')) {
    ensureConfig(first.root);
    return { policy: first, policyDirectory: directoryOf(inputs.policy), ...named };
  }
  const policy = expectRoot(reader.find(system.value, system.from), 'system');
  mergeConfig(policy, ensureConfig(first.root));
  const fromConfig = (name: string, root: string): PolicyTree | undefined => {
    const value = configString(first, name);
    return value === undefined ? undefined : expectRoot(reader.find(value.value, value.from), root);
  };
  const hardware = [fromConfig('hardware', 'hardware'), fromConfig('additional_hardware', 'hardware')];
  return {
    policy,
    policyDirectory: directoryOf(policy.root.at.file ?? system.value),
    hardware: named.hardware.length > 0 ? named.hardware : hardware.filter(part => part !== undefined),
    platform: named.platform ?? fromConfig('platform', 'platform'),
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
