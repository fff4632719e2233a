import { placeOf } from '../finding.ts';
import { appendAll, childNamed, createElement, type PolicyTree, replaceChild, type TreeElement } from '../tree.ts';
import { ProblemList, quote, refuse } from './problem.ts';

/** Types of configuration variables, in the order that the schema wants. */
export const CONFIG_TYPES = ['boolean', 'integer', 'string'] as const;
export type ConfigType = (typeof CONFIG_TYPES)[number];

export const isConfigType = (name: string): name is ConfigType => CONFIG_TYPES.some(type => type === name);

/** Variables of a system, component or library, in the order of the file. */
export function configVariables({ root }: PolicyTree): readonly TreeElement[] {
  return childNamed(root, 'config')?.children.filter(child => isConfigType(child.name)) ?? [];
}

/** The config section of a document, made as its first element when there is none. */
export function ensureConfig(root: TreeElement): TreeElement {
  const existing = childNamed(root, 'config');
  if (existing !== undefined) return existing;
  const config = createElement(root, 'config');
  root.children.unshift(config);
  return config;
}

/**
 * Adds the variables of another config section to that of the policy.
 *
 * Neither overrides the other: mucfgmerge puts both lists one after the other, and its check Config.Name_Uniqueness then
 * refuses a name that is in both. So a policy that is built with several configurations leaves the variable out.
 */
export function mergeConfig(policy: PolicyTree, other: TreeElement): void {
  appendAll(
    ensureConfig(policy.root),
    other.children.filter(child => isConfigType(child.name)),
  );
}

/** Moves the configuration values of the platform section to those of the system. */
export function mergePlatformConfig(policy: PolicyTree): void {
  const platform = childNamed(policy.root, 'platform');
  const config = platform && childNamed(platform, 'config');
  if (platform === undefined || config === undefined) return;
  mergeConfig(policy, config);
  replaceChild(platform, config, []);
}

/** Value of a string variable of a system configuration. */
export function configString(tree: PolicyTree, name: string): { value: string; from: TreeElement } | undefined {
  const from = configVariables(tree).find(variable => variable.name === 'string' && variable.attributes.name === name);
  return from?.attributes.value === undefined ? undefined : { value: from.attributes.value, from };
}

/** Refuses two variables or expressions of one name, and ones without a name. */
export function checkNames(definitions: readonly TreeElement[]): void {
  const seen = new Map<string, TreeElement>();
  const problems = new ProblemList();
  for (const definition of definitions) problems.attempt(() => checkName(definition, seen));
  problems.end();
}

function checkName(definition: TreeElement, seen: Map<string, TreeElement>): void {
  const { name = '' } = definition.attributes;
  if (name === '') refuse(definition, 'SRC-CONFIG', `<${definition.name}> has no name`, 'Give it a name.');
  const first = seen.get(name);
  if (first !== undefined) {
    const message = `the configuration variable or expression ${quote(name)} is defined twice, first at ${placeOf(first)}`;
    refuse(definition, 'SRC-CONFIG', message, 'Remove or rename one of the two.');
  }
  seen.set(name, definition);
}
