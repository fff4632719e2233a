import { placeOf } from '../finding.ts';
import { addText, createElement, type PolicyTree, type TreeElement } from '../tree.ts';
import { ProblemList, quote, refuse } from './problem.ts';
import type { SourceReader } from './source-files.ts';

/** Files that are being included, innermost last. */
type Chain = readonly { readonly file: string; readonly from: TreeElement }[];

/**
 * Puts in place of every `<include href>` the file that it names, in the first directory that has it.
 *
 * Of a file with the root `<include>`, the children are taken, else the root itself. Included files are read once and
 * copied at each use; the copies count against the bounds of the reader.
 */
export function resolveIncludes(tree: PolicyTree, reader: SourceReader, directories: readonly string[]): void {
  const problems = new ProblemList();
  resolveIn(tree.root, { reader, directories, resolved: new Map(), problems }, [], 1);
  problems.end();
}

interface Context {
  readonly reader: SourceReader;
  readonly directories: readonly string[];
  /** Included files with everything they include, by the name that asks for them. */
  readonly resolved: Map<string, TreeElement>;
  /** Includes that cannot be resolved. */
  readonly problems: ProblemList;
}

function resolveIn(element: TreeElement, context: Context, chain: Chain, depth: number): void {
  if (depth > context.reader.limits.maxDepth) {
    const hint = 'Included files add to the depth of the place that includes them.';
    refuse(element, 'SRC-LIMIT', `elements are nested deeper than ${context.reader.limits.maxDepth} levels`, hint);
  }
  if (element.children.some(isInclude)) {
    element.children = element.children.flatMap(child => {
      if (!isInclude(child)) return [child];
      const root = context.problems.attempt(() => included(child, context, chain));
      if (root === undefined) return [];
      if (root.name === 'include') addText(element, root.text);
      return (root.name === 'include' ? root.children : [root]).map(part => context.reader.copy(part));
    });
  }
  for (const child of element.children) resolveIn(child, context, chain, depth + 1);
}

const isInclude = (element: TreeElement): boolean =>
  element.name === 'include' && element.attributes.href !== undefined;

function included(include: TreeElement, context: Context, chain: Chain): TreeElement {
  const name = include.attributes.href!;
  const start = chain.findIndex(link => link.file === name);
  if (start >= 0) {
    const path = [...chain.slice(start).map(link => link.file), name].join(' > ');
    const message = `${quote(name)} includes itself: ${path} (first included at ${placeOf(chain[start]!.from)})`;
    refuse(include, 'SRC-INCLUDE-CYCLE', message, 'Break the cycle: move what both need into a file of its own.');
  }
  let root = context.resolved.get(name);
  if (root === undefined) {
    root = context.problems.attempt(() => context.reader.find(name, include, context.directories).root);
    // A file that cannot be read is complained of once, and counts as empty.
    root ??= createElement(include, 'include');
    resolveIn(root, context, [...chain, { file: name, from: include }], 1);
    context.resolved.set(name, root);
  }
  return root;
}
