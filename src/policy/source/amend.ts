import { type PolicyTree, removeChild, setText, type TreeElement } from '../tree.ts';
import { insertInOrder } from './element-order.ts';
import { ProblemList, quote, refuse } from './problem.ts';
import type { SourceReader } from './source-files.ts';
import { type ElementPath, selectElements, type Visits } from './xpath.ts';

/**
 * Moves the content of every `<amend xpath>` into the one element that its path selects, seen from the amend's parent.
 *
 * What is there already is not doubled: an element with the same name and attributes is merged into, an equal text is
 * kept, an empty one is filled. Everything else is inserted where the schema has it.
 */
export function expandAmends(tree: PolicyTree, reader: SourceReader): void {
  const context: Context = { reader, root: tree.root, visits: { left: MAX_VISITS } };
  const problems = new ProblemList();
  for (const path of amendsOf([tree.root])) {
    const amend = path.at(-1)!;
    const parent = path.slice(0, -1);
    problems.attempt(() => applyAmend(amend, parent, context));
    if (context.visits.left < 0) break;
    problems.attempt(() => spend(parent.at(-1)!.children.length, amend, context));
    removeChild(parent.at(-1)!, amend);
  }
  problems.end();
}

function applyAmend(amend: TreeElement, parent: ElementPath, context: Context): void {
  const target = targetOf(amend, parent, context);
  if (amend.text.trim() !== '') {
    refuse(amend, 'SRC-AMEND', `<amend> holds the text ${quote(amend.text.trim())}`, 'Put the text into an element.');
  }
  for (const child of amend.children) mergeInto(target, child, context);
}

/** All amends below, with the way to each, in document order. */
function amendsOf(path: ElementPath): readonly ElementPath[] {
  return path.at(-1)!.children.flatMap(child => {
    const inner = [...path, child];
    const nested = amendsOf(inner);
    if (child.name !== 'amend') return nested;
    const first = nested[0]?.at(-1);
    if (first !== undefined) refuse(first, 'SRC-AMEND', '<amend> stands in an <amend>', 'Write them side by side.');
    return [inner];
  });
}

function targetOf(amend: TreeElement, parent: ElementPath, { visits }: Context): ElementPath {
  const { xpath } = amend.attributes;
  if (xpath === undefined) refuse(amend, 'SRC-AMEND', '<amend> has no xpath', 'Add the path of the element to amend.');
  const found = selectElements(xpath, parent, visits);
  if (!found.ok)
    refuse(amend, 'SRC-XPATH', `the path cannot be used: ${found.error}`, 'Use steps, //, ., .. and predicates.');
  if (found.value.length !== 1) {
    const message = `the path ${quote(xpath)} selects ${found.value.length} elements instead of one`;
    refuse(amend, 'SRC-AMEND', message, 'Give a path that selects exactly one, for example with [@name="..."].');
  }
  return found.value[0]!;
}

interface Context {
  readonly reader: SourceReader;
  readonly root: TreeElement;
  readonly visits: Visits;
}

/** Elements that all amends of a policy together may look at. */
const MAX_VISITS = 5_000_000;

function spend(count: number, cause: TreeElement, { visits }: Context): void {
  visits.left -= count;
  if (visits.left < 0) {
    refuse(cause, 'SRC-LIMIT', 'the amends look at too many elements', 'No real system has so many of them.');
  }
}

function mergeInto(path: ElementPath, child: TreeElement, context: Context): void {
  const parent = path.at(-1);
  // The path `/` selects the document, whose one child is the root.
  const siblings = parent === undefined ? [context.root] : parent.children.filter(sibling => sibling.name !== 'amend');
  spend(siblings.length, child, context);
  const alike = siblings.filter(sibling => sameTag(sibling, child));
  const text = child.text.trim();
  if (child.children.length === 0 && text !== '') {
    const empty = alike.findLast(sibling => sibling.children.length === 0 && sibling.text.trim() === '');
    if (alike.some(sibling => sibling.children.length === 0 && sibling.text === child.text)) return;
    if (empty !== undefined) {
      setText(empty, child.text);
      return;
    }
  } else {
    if (text !== '') {
      refuse(
        child,
        'SRC-AMEND',
        `<${child.name}> holds text beside elements`,
        'Put the text into an element of its own.',
      );
    }
    const [same] = alike;
    if (same !== undefined) {
      for (const inner of child.children) mergeInto([...path, same], inner, context);
      return;
    }
  }
  const copy = context.reader.copy(child);
  if (
    parent !== undefined &&
    insertInOrder(
      parent,
      copy,
      path.map(({ name }) => name),
    )
  )
    return;
  const where = parent === undefined ? 'beside the root element' : `in <${parent.name}>`;
  refuse(child, 'SRC-AMEND', `<${child.name}> cannot stand ${where}`, 'Amend the element that holds such elements.');
}

function sameTag(a: TreeElement, b: TreeElement): boolean {
  const names = Object.keys(a.attributes);
  return (
    a.name === b.name &&
    names.length === Object.keys(b.attributes).length &&
    names.every(name => a.attributes[name] === b.attributes[name])
  );
}
