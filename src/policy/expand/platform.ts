import {
  appendAll,
  childNamed,
  childrenNamed,
  cloneElement,
  createElement,
  insertBefore,
  type TreeElement,
} from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { setAttribute } from './regions.ts';
import { nameOf } from './subjects.ts';

/** Kinds of device resources, in schema order. */
export const RESOURCE_KINDS = ['irq', 'memory', 'ioPort'] as const;

/** Adds an empty platform section to a policy without one. */
export function addPlatformSkeleton(workspace: Workspace): void {
  const { root } = workspace;
  if (childNamed(root, 'platform') !== undefined) return;
  const mappings = createElement(root, 'mappings', {}, [
    createElement(root, 'aliases'),
    createElement(root, 'classes'),
  ]);
  const diagnostics = createElement(root, 'kernelDiagnostics', { type: 'none' });
  const after = ['memory', 'deviceDomains', 'events', 'channels', 'components', 'kernel', 'subjects', 'scheduling'];
  insertBefore(root, createElement(root, 'platform', {}, [mappings, diagnostics]), after);
}

/** Aliases of the platform by name. */
function aliasesOf(workspace: Workspace): ReadonlyMap<string, TreeElement> {
  return new Map(workspace.all('platform/mappings/aliases/alias').map(alias => [nameOf(alias), alias]));
}

function physicalDevice(workspace: Workspace, name: string): TreeElement | undefined {
  return workspace.all('hardware/devices/device').find(device => nameOf(device) === name);
}

const hasResources = (device: TreeElement): boolean =>
  device.children.some(child => (RESOURCE_KINDS as readonly string[]).includes(child.name));

/** A subject's device that names an alias and no resource gets all resources of the alias. */
export function addAliasResources(workspace: Workspace): void {
  const aliases = aliasesOf(workspace);
  for (const device of workspace.all('subjects/subject/devices/device')) {
    const alias = aliases.get(device.attributes.physical ?? '');
    if (alias === undefined || hasResources(device)) continue;
    const physical = physicalDevice(workspace, alias.attributes.physical ?? '');
    if (physical === undefined) continue;
    const resources = childrenNamed(alias, 'resource').flatMap(resource => aliasResource(device, physical, resource));
    for (const kind of RESOURCE_KINDS) {
      appendAll(
        device,
        resources.filter(({ name }) => name === kind),
      );
    }
    // The resources have their physical names already.
    setAttribute(device, 'physical', nameOf(physical));
  }
}

function aliasResource(device: TreeElement, physical: TreeElement, resource: TreeElement): TreeElement[] {
  const { name: logical, physical: target } = resource.attributes;
  if (logical === undefined || target === undefined) return [];
  const source = physical.children.find(child => nameOf(child) === target);
  if (source === undefined) return [];
  const access = source.name === 'memory' ? { executable: 'false' } : {};
  const writable = source.name === 'memory' ? { writable: 'true' } : {};
  const children = childrenNamed(resource, 'resource').map(nested =>
    createElement(device, 'msi', { logical: nameOf(nested), physical: nested.attributes.physical ?? '' }),
  );
  const attributes = { ...access, logical, physical: target, ...writable };
  return [createElement(device, source.name, attributes, children)];
}

/** Replaces names of aliases and of their resources by those of the physical device. */
export function resolveAliases(workspace: Workspace): void {
  const aliases = aliasesOf(workspace);
  const resolve = (user: TreeElement): void => {
    const alias = aliases.get(user.attributes.physical ?? '');
    if (alias === undefined) return;
    setAttribute(user, 'physical', alias.attributes.physical ?? '');
    resolveResources(user, alias);
  };
  for (const user of workspace.all('subjects/subject/devices/device')) resolve(user);
  for (const user of workspace.all('deviceDomains/domain/devices/device')) resolve(user);
  for (const user of workspace.all('subjects/subject/component/map')) resolve(user);
}

function resolveResources(user: TreeElement, level: TreeElement): void {
  const resources = childrenNamed(level, 'resource');
  for (const child of user.children) {
    const resource = resources.find(each => nameOf(each) === child.attributes.physical);
    if (resource === undefined) continue;
    setAttribute(child, 'physical', resource.attributes.physical ?? '');
    resolveResources(child, resource);
  }
}

/** Replaces a device that names a class by one device for each member of the class. */
export function resolveClasses(workspace: Workspace): void {
  const classes = new Map(workspace.all('platform/mappings/classes/class').map(each => [nameOf(each), each]));
  const sections = [...workspace.all('subjects/subject/devices'), ...workspace.all('deviceDomains/domain/devices')];
  for (const section of sections) {
    section.children = section.children.flatMap(device => {
      const group = classes.get(device.attributes.physical ?? '');
      return group === undefined ? [device] : classMembers(device, group);
    });
  }
}

function classMembers(device: TreeElement, group: TreeElement): TreeElement[] {
  return childrenNamed(group, 'device').map((member, index) => {
    const copy = cloneElement(device);
    setAttribute(copy, 'logical', `${nameOf(group)}_${index + 1}`);
    setAttribute(copy, 'physical', member.attributes.physical ?? '');
    return copy;
  });
}
