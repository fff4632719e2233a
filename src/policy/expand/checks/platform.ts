import { childrenNamed, type TreeElement } from '../../tree.ts';
import type { Workspace } from '../../workspace.ts';
import { nameOf } from '../subjects.ts';
import { lineOf, repeated, type SourceCheck } from './source-check.ts';

const devicesByName = (workspace: Workspace): ReadonlyMap<string, TreeElement> =>
  new Map(workspace.all('hardware/devices/device').map(device => [nameOf(device), device]));

const aliases = (workspace: Workspace): TreeElement[] => workspace.all('platform/mappings/aliases/alias');

/** Checks of libraries, aliases and classes: what the first stage resolves. */
export const PLATFORM_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-LIBRARY-NAME',
    name: 'Library_Name_Uniqueness',
    title: 'Validate that the names of libraries are unique.',
    check(workspace, report) {
      for (const [library, first] of repeated(workspace.all('components/library'), nameOf)) {
        report(library, `library '${nameOf(library)}' is defined again (first: ${lineOf(first)})`, 'Rename one.');
      }
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
        for (const reference of dependenciesOf(user)) {
          const { ref = '' } = reference.attributes;
          const message = `${user.name} '${nameOf(user)}' depends on the library '${ref}', which does not exist`;
          if (!known.has(ref)) report(reference, message, 'Add the library specification, or remove the dependency.');
        }
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
  {
    code: 'EXPAND-ALIAS-DEVICE',
    name: 'Alias_Physical_Device_References',
    title: 'Validate that devices which aliases stand for exist.',
    check(workspace, report) {
      const devices = devicesByName(workspace);
      for (const alias of aliases(workspace)) {
        const { physical = '' } = alias.attributes;
        const message = `alias '${nameOf(alias)}' stands for the device '${physical}', which does not exist`;
        if (!devices.has(physical)) report(alias, message, 'Name a device of the hardware section.');
      }
    },
  },
  {
    code: 'EXPAND-ALIAS-RESOURCE',
    name: 'Alias_Physical_Device_Resource_References',
    title: 'Validate that device resources which aliases name exist.',
    check(workspace, report) {
      const devices = devicesByName(workspace);
      for (const alias of aliases(workspace)) {
        const device = devices.get(alias.attributes.physical ?? '');
        if (device === undefined) continue;
        for (const resource of missingResources(alias, device)) {
          const { physical = '' } = resource.attributes;
          const message = `alias '${nameOf(alias)}' names the resource '${physical}', which device '${nameOf(device)}' does not have`;
          report(resource, message, 'Name a resource of the device.');
        }
      }
    },
  },
  {
    code: 'EXPAND-CLASS-DEVICE',
    name: 'Class_Physical_Device_References',
    title: 'Validate that devices of device classes exist.',
    check(workspace, report) {
      const devices = devicesByName(workspace);
      for (const member of workspace.all('platform/mappings/classes/class/device')) {
        const { physical = '' } = member.attributes;
        const message = `a device class has the device '${physical}', which does not exist`;
        if (!devices.has(physical)) report(member, message, 'Name a device of the hardware section.');
      }
    },
  },
  {
    code: 'EXPAND-ALIAS-USE',
    name: 'Subject_Alias_Resource_References',
    title: 'Validate that subjects use only resources of an alias that it provides.',
    check(workspace, report) {
      const known = new Map(aliases(workspace).map(alias => [nameOf(alias), alias]));
      for (const device of workspace.all('subjects/subject/devices/device')) {
        const alias = known.get(device.attributes.physical ?? '');
        if (alias === undefined) continue;
        const provided = new Set(childrenNamed(alias, 'resource').map(nameOf));
        for (const resource of device.children.filter(({ name }) => name !== 'pci')) {
          const { physical = '' } = resource.attributes;
          const message = `a subject uses the resource '${physical}' of the alias '${nameOf(alias)}', which does not provide it`;
          if (!provided.has(physical)) report(resource, message, 'Add the resource to the alias, or do not use it.');
        }
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

/** Resources below `level` that `physical` does not have. */
function missingResources(level: TreeElement, physical: TreeElement): TreeElement[] {
  return childrenNamed(level, 'resource').flatMap(resource => {
    const found = physical.children.find(child => nameOf(child) === resource.attributes.physical);
    return found === undefined ? [resource] : missingResources(resource, found);
  });
}
