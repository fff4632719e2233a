import type { Finding } from '../finding.ts';
import { childNamed, createElement, type PolicyTree, type TreeElement, walkTree } from '../tree.ts';
import { allocateComponent } from './allocate-component.ts';
import { addAssumedBinary } from './assumed-binary.ts';
import { expandConditionals } from './conditionals.ts';
import { configVariables, ensureConfig } from './config-section.ts';
import { configValues, expandExpressions } from './expressions.ts';
import { resolveIncludes } from './includes.ts';
import type { ResourceRanges } from './resource-kinds.ts';
import type { SourceReader } from './source-files.ts';
import { substituteVariables } from './substitutions.ts';

/** What the preparation of specifications has from the system that they are joined into. */
export interface ComponentSurroundings {
  readonly reader: SourceReader;
  readonly directories: readonly string[];
  /** Merged policy; its configuration stands in for the generated file that specifications include. */
  readonly policy: PolicyTree;
  /** What automatic allocation may use; Muen's own by default. */
  readonly ranges?: ResourceRanges;
}

/** Name of the file that the real build generates from the configuration of the system. */
const GENERATED_CONFIG = 'config.xml';

/**
 * Brings a component or library specification as it is written to the form that is joined, in place, as
 * mucfgcvresalloc does: includes, expressions, conditionals, references, and the numbers that it leaves open.
 *
 * A `config.xml` that is not there is made of the system's variables that the specification asks for. A component
 * without a binary gets regions of an assumed size; the findings say so.
 */
export function prepareSpecification(
  specification: PolicyTree,
  surroundings: ComponentSurroundings,
): readonly Finding[] {
  const { reader, directories, policy } = surroundings;
  const isGenerated = takeGeneratedInclude(specification.root, surroundings);
  resolveIncludes(specification, reader, directories);
  if (isGenerated) inheritVariables(specification, policy);
  expandExpressions(specification);
  expandConditionals(specification, configValues(specification));
  substituteVariables(specification);
  const findings = addAssumedBinary(specification.root);
  allocateComponent(specification.root, surroundings.ranges);
  return findings;
}

/** Takes out the include of the generated configuration when no directory has that file. */
function takeGeneratedInclude(root: TreeElement, { reader, directories }: ComponentSurroundings): boolean {
  let isTaken = false;
  for (const element of [root, ...root.children.filter(({ name }) => name === 'config')]) {
    const index = element.children.findIndex(
      ({ name, attributes }) => name === 'include' && attributes.href === GENERATED_CONFIG,
    );
    if (index < 0 || reader.has(GENERATED_CONFIG, directories)) continue;
    element.children.splice(index, 1);
    isTaken = true;
  }
  return isTaken;
}

/** Defines what the specification refers to and does not define by the variables of the system: `name`, or `<component>_name`. */
function inheritVariables(specification: PolicyTree, policy: PolicyTree): void {
  const { root } = specification;
  const defined = new Set(configVariables(specification).map(({ attributes }) => attributes.name));
  const ofSystem = new Map(configVariables(policy).map(variable => [variable.attributes.name!, variable]));
  const config = ensureConfig(root);
  const inherit = (name: string | undefined): void => {
    if (name === undefined || defined.has(name)) return;
    const variable = ofSystem.get(name) ?? ofSystem.get(`${root.attributes.name}_${name}`);
    if (variable === undefined) return;
    defined.add(name);
    config.children.push(createElement(variable, variable.name, { ...variable.attributes, name }));
  };
  walkTree(root, element => {
    if (element.name === 'if' || element.name === 'case') inherit(element.attributes.variable);
    if (element.name === 'variable') inherit(element.attributes.name);
    for (const value of Object.values(element.attributes)) if (value.startsWith('$')) inherit(value.slice(1));
    if (element.text.startsWith('$')) inherit(element.text.slice(1));
  });
  if (config.children.length === 0 && childNamed(root, 'config') === config)
    root.children.splice(root.children.indexOf(config), 1);
}
