import { childrenNamed, type TreeElement } from '../../tree.ts';
import { nameOf } from '../subjects.ts';
import { reportRepeated, reportUnknown, type SourceCheck } from './source-check.ts';

/** Checks of libraries, which the first stage resolves; those of aliases and classes are library rules. */
export const LIBRARY_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-LIBRARY-NAME',
    name: 'Library_Name_Uniqueness',
    title: 'Validate that the names of libraries are unique.',
    check(workspace, report) {
      const what = (library: TreeElement): string => `library '${nameOf(library)}' is defined`;
      reportRepeated(report, workspace.all('components/library'), nameOf, what);
    },
  },
  {
    code: 'EXPAND-LIBRARY-REFERENCE',
    name: 'Component_Library_References',
    title: 'Validate that libraries which components and libraries depend on exist.',
    check(workspace, report) {
      const known = new Set(workspace.all('components/library').map(nameOf));
      const users = [...workspace.all('components/component'), ...workspace.all('components/library')];
      for (const user of users) {
        const what = () => `${user.name} '${nameOf(user)}' depends on the library`;
        const names = { names: known, hint: 'Add the library specification, or remove the dependency.' };
        reportUnknown(report, names, dependenciesOf(user), ({ attributes }) => attributes.ref, what);
      }
    },
  },
  {
    code: 'EXPAND-LIBRARY-CYCLE',
    name: 'Component_Library_Cyclic_References',
    title: 'Validate that no library depends on itself, directly or through others.',
    check(workspace, report) {
      const libraries = new Map(workspace.all('components/library').map(library => [nameOf(library), library]));
      for (const library of libraries.values()) {
        const reached = reachable(library, libraries);
        const message = `library '${nameOf(library)}' depends on itself`;
        if (reached.has(nameOf(library))) report(library, message, 'Remove one of the dependencies of the cycle.');
      }
    },
  },
];

const dependenciesOf = (user: TreeElement): TreeElement[] =>
  childrenNamed(user, 'depends').flatMap(depends => childrenNamed(depends, 'library'));

/** Names of the libraries that `library` depends on, directly or through others. */
function reachable(library: TreeElement, libraries: ReadonlyMap<string, TreeElement>): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting = [library];
  for (let user = waiting.pop(); user !== undefined; user = waiting.pop()) {
    for (const { attributes } of dependenciesOf(user)) {
      const next = libraries.get(attributes.ref ?? '');
      if (next === undefined || found.has(nameOf(next))) continue;
      found.add(nameOf(next));
      waiting.push(next);
    }
  }
  return found;
}
