import type { Finding } from '../finding.ts';
import { findingOn, type PolicyTree, type TreeElement } from '../tree.ts';
import { allocateComponent } from './allocate-component.ts';
import { addAssumedBinary } from './assumed-binary.ts';
import { expectGrammar } from './check-grammar.ts';
import { expandConditionals } from './conditionals.ts';
import { normaliseEras } from './eras/normalise.ts';
import { configValues, expandExpressions } from './expressions.ts';
import { generatedContent } from './generated-files.ts';
import { resolveIncludes } from './includes.ts';
import { quote, refuse, type SourceCode } from './problem.ts';
import type { ResourceRanges } from './resource-kinds.ts';
import type { SourceReader } from './source-files.ts';
import { COMPONENT, LIBRARY } from './source-grammar.ts';
import { substituteVariables } from './substitutions.ts';

/** What the preparation of specifications has from the system that they are joined into. */
export interface ComponentSurroundings {
  readonly reader: SourceReader;
  readonly directories: readonly string[];
  /** Merged policy, of which the build generates files that specifications include. */
  readonly policy: PolicyTree;
  /** What automatic allocation may use; Muen's own by default. */
  readonly ranges?: ResourceRanges;
}

const GENERATED: SourceCode = 'SRC-GENERATED';

/**
 * Brings a component or library specification as it is written to the form that is joined, in place, as
 * mucfgcvresalloc does: includes, expressions, conditionals, references, and the numbers that it leaves open.
 *
 * Generated files that are not there are made of the policy, and a component without a binary gets regions of an
 * assumed size; the findings say so.
 */
export function prepareSpecification(
  specification: PolicyTree,
  surroundings: ComponentSurroundings,
): readonly Finding[] {
  const { reader, directories } = surroundings;
  const findings = [...makeGenerated(specification.root, specification.root, surroundings)];
  resolveIncludes(specification, reader, directories);
  expandExpressions(specification);
  expandConditionals(specification, configValues(specification));
  substituteVariables(specification);
  findings.push(...normaliseEras(specification.root));
  findings.push(...addAssumedBinary(specification.root));
  allocateComponent(specification.root, surroundings.ranges);
  expectSpecification(specification.root);
  return findings;
}

function expectSpecification(root: TreeElement): void {
  if (root.name === 'component') expectGrammar(root, COMPONENT);
  else if (root.name === 'library') expectGrammar(root, LIBRARY);
  else {
    const message = `the root element is <${root.name}>, expected <component> or <library>`;
    refuse(root, 'SRC-ROOT', message, 'Was another file meant?');
  }
}

/** Replaces the includes of generated files that no directory has. */
function makeGenerated(
  element: TreeElement,
  specification: TreeElement,
  surroundings: ComponentSurroundings,
): readonly Finding[] {
  const { reader, directories, policy } = surroundings;
  const findings: Finding[] = [];
  element.children = element.children.flatMap(child => {
    const { href } = child.attributes;
    if (child.name !== 'include' || href === undefined || reader.has(href, directories)) {
      findings.push(...makeGenerated(child, specification, surroundings));
      return [child];
    }
    const content = generatedContent(child, specification, policy);
    if (content === undefined) return [child];
    const message = `the generated file ${quote(href)} is not given: it is made of the policy`;
    findings.push(
      findingOn(child, GENERATED, 'notice', message, 'Give its directory with --include to use the real one.'),
    );
    return content;
  });
  return findings;
}
