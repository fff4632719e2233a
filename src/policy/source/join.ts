import type { Result } from '../../units/result.ts';
import type { Finding } from '../finding.ts';
import { placeOf } from '../finding.ts';
import { childNamed, cloneElement, createElement, type PolicyTree, type TreeElement } from '../tree.ts';
import { insertInOrder } from './element-order.ts';
import { attempt, quote, refuse } from './problem.ts';

/**
 * Puts component and library specifications into the `<components>` section of a merged policy, in place, as
 * mucfgcjoin does: libraries before components, each in the order given.
 */
export function joinComponents(tree: PolicyTree, specifications: readonly PolicyTree[]): Result<PolicyTree, Finding[]> {
  return attempt(() => {
    const { root } = tree;
    let section = childNamed(root, 'components');
    if (section === undefined) {
      section = createElement(root, 'components');
      if (!insertInOrder(root, section, [root.name])) {
        refuse(root, 'SRC-ROOT', `the root element is <${root.name}>, expected <system>`, 'Join into a merged policy.');
      }
    }
    for (const { root: specification } of specifications) addSpecification(section, specification);
    return tree;
  });
}

function addSpecification(section: TreeElement, specification: TreeElement): void {
  const { name } = specification;
  if (name !== 'component' && name !== 'library') {
    const message = `the root element is <${name}>, expected <component> or <library>`;
    refuse(specification, 'SRC-ROOT', message, 'Was another file meant?');
  }
  const same = section.children.find(
    child => child.name === name && child.attributes.name === specification.attributes.name,
  );
  if (same !== undefined) {
    const message = `the ${name} ${quote(specification.attributes.name ?? '')} is specified twice, first at ${placeOf(same)}`;
    refuse(specification, 'SRC-COMPONENT', message, 'Give one specification of each.');
  }
  insertInOrder(section, cloneElement(specification), ['components']);
}

/** Components and libraries that elements refer to and that are not known, with the first reference. */
export function missingSpecifications(
  references: readonly TreeElement[],
  known: ReadonlySet<string | undefined>,
): ReadonlyMap<string, TreeElement> {
  const missing = new Map<string, TreeElement>();
  for (const reference of references) {
    const { ref } = reference.attributes;
    if (ref !== undefined && !known.has(ref) && !missing.has(ref)) missing.set(ref, reference);
  }
  return missing;
}
