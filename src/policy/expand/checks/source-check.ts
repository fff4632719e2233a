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
