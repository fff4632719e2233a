import { suggester } from '../../../units/nearest.ts';
import { placeOf } from '../../finding.ts';
import type { TreeElement } from '../../tree.ts';
import type { Workspace } from '../../workspace.ts';

/** Notes that an element breaks the check. */
export type Report = (element: TreeElement, message: string, hint: string) => void;

/** What a stage of the expansion relies on; what breaks it ends the expansion before the stage. */
export interface SourceCheck {
  readonly code: string;
  /** Name of the check in Muen's mucfgexpand. */
  readonly name: string;
  /** One sentence, "Validate that ...". */
  readonly title: string;
  check(workspace: Workspace, report: Report): void;
}

/** Elements that have a key which an element before them has, with that element. */
export function repeated(
  elements: readonly TreeElement[],
  keyOf: (element: TreeElement) => string | undefined,
): readonly (readonly [TreeElement, TreeElement])[] {
  const first = new Map<string, TreeElement>();
  return elements.flatMap(element => {
    const key = keyOf(element);
    const known = key === undefined ? undefined : first.get(key);
    if (key !== undefined && known === undefined) first.set(key, element);
    return known === undefined ? [] : ([[element, known]] as const);
  });
}

/** Reports what has a key that something before it has; `what` is said of it, "again" follows. */
export function reportRepeated(
  report: Report,
  elements: readonly TreeElement[],
  keyOf: (element: TreeElement) => string | undefined,
  what: (element: TreeElement) => string,
  hint = 'Rename one of them.',
): void {
  for (const [element, first] of repeated(elements, keyOf)) {
    report(element, `${what(element)} again (first: ${placeOf(first)})`, hint);
  }
}

/** What references of one kind may name. */
interface Known {
  readonly names: { has(name: string): boolean; keys(): Iterable<string> };
  /** End of the message, by default that it does not exist. */
  readonly problem?: string;
  readonly hint: string;
}

/** Reports references to names that are not known, with a name that may be meant; `what` is said before the name. */
export function reportUnknown(
  report: Report,
  { names, problem = 'which does not exist', hint }: Known,
  references: readonly TreeElement[],
  nameOf: (reference: TreeElement) => string | undefined,
  what: (reference: TreeElement) => string,
): void {
  const suggest = suggester(names.keys());
  for (const reference of references) {
    const name = nameOf(reference) ?? '';
    if (!names.has(name)) report(reference, `${what(reference)} '${name}', ${problem}`, `${hint}${suggest(name)}`);
  }
}
