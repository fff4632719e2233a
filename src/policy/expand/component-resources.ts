import { appendAll, childrenNamed, cloneElement, createElement, ensureElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { setAttribute } from './regions.ts';
import {
  devicesOf,
  mappingsOf,
  nameOf,
  originOf,
  sourceGroup,
  subjectsByName,
  subjectsOf,
  targetEvents,
} from './subjects.ts';
import { mergeVcpu } from './vcpu-merge.ts';
import { profileVcpu } from './vcpu-profiles.ts';

/** A subject with the component that it instantiates. */
interface Instance {
  readonly subject: TreeElement;
  /** The subject's reference, which holds the resource maps. */
  readonly reference: TreeElement;
  readonly component: TreeElement;
}

function instancesOf(workspace: Workspace): readonly Instance[] {
  const components = new Map(workspace.all('components/component').map(each => [nameOf(each), each]));
  return subjectsOf(workspace).flatMap(subject =>
    childrenNamed(subject, 'component').flatMap(reference => {
      const component = components.get(reference.attributes.ref ?? '');
      return component === undefined ? [] : [{ subject, reference, component }];
    }),
  );
}

/** Physical name that `maps` gives to a logical one, with the element that says so. */
function mapOf(maps: TreeElement, logical: string | undefined): TreeElement | undefined {
  return childrenNamed(maps, 'map').find(map => map.attributes.logical === logical);
}

const physicalOf = (map: TreeElement): string => map.attributes.physical ?? '';

const requirements = ({ component }: Instance, name: string): TreeElement[] =>
  childrenNamed(component, 'requires')
    .flatMap(requires => childrenNamed(requires, name))
    .flatMap(section => section.children);

/** Attributes of `element` that are in `names`, in that order. */
function pick(element: TreeElement, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) if (element.attributes[name] !== undefined) picked[name] = element.attributes[name];
  return picked;
}

/** Adds a physical region for everything that a component provides, for each subject, and maps it there. */
export function addProvidedMemory(workspace: Workspace): void {
  const instances = instancesOf(workspace);
  const regions = workspace.section('memory').children;
  for (const component of workspace.all('components/component')) {
    for (const provided of childrenNamed(component, 'provides').flatMap(each => childrenNamed(each, 'memory'))) {
      const logical = workspace.text(provided, 'logical');
      for (const { subject } of instances.filter(instance => instance.component === component)) {
        const physical = `${nameOf(subject)}|${logical}`;
        const attributes = { caching: 'WB', name: physical, ...pick(provided, ['size', 'type']) };
        regions.push(createElement(provided, 'memory', attributes, provided.children.map(cloneElement)));
        const { executable, virtualAddress, writable } = provided.attributes;
        mappingsOf(subject).push(mapping(provided, { executable, logical, physical, virtualAddress, writable }));
      }
    }
  }
}

/** An element with the attributes that are known. */
function mapping(
  cause: TreeElement,
  attributes: Readonly<Record<string, string | undefined>>,
  name = 'memory',
  children: TreeElement[] = [],
): TreeElement {
  const known = Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return createElement(cause, name, Object.fromEntries(known), children);
}

/**
 * Adds a reader or writer to the subject for each channel that its component requires. What comes of a requirement
 * stands where the subject maps it: that is where the policy says who gets what.
 */
export function addComponentChannels(workspace: Workspace): void {
  for (const instance of instancesOf(workspace)) {
    const channels = ensureElement(instance.subject, 'channels').children;
    for (const end of requirements(instance, 'channels').filter(({ name }) => name !== 'array')) {
      const map = mapOf(instance.reference, end.attributes.logical);
      if (map === undefined) continue;
      const { event, logical, size, vector, virtualAddress } = end.attributes;
      const physical = physicalOf(map);
      channels.push(mapping(map, { event, logical, physical, size, vector, virtualAddress }, end.name));
    }
  }
}

/** Maps each memory region that a component requires into the subject. */
export function addComponentMemory(workspace: Workspace): void {
  for (const instance of instancesOf(workspace)) {
    for (const required of requirements(instance, 'memory').filter(({ name }) => name === 'memory')) {
      const map = mapOf(instance.reference, required.attributes.logical);
      if (map === undefined) continue;
      const { executable, logical, virtualAddress, writable } = required.attributes;
      const physical = physicalOf(map);
      mappingsOf(instance.subject).push(mapping(map, { executable, logical, physical, virtualAddress, writable }));
    }
  }
}

/** Adds each device that a component requires to the subject. */
export function addComponentDevices(workspace: Workspace): void {
  for (const instance of instancesOf(workspace)) {
    for (const required of requirements(instance, 'devices').filter(({ name }) => name === 'device')) {
      const map = mapOf(instance.reference, required.attributes.logical);
      if (map === undefined) continue;
      const attributes = { logical: required.attributes.logical ?? '', physical: physicalOf(map) };
      devicesOf(instance.subject).push(createElement(map, 'device', attributes, deviceParts(required, map)));
    }
  }
}

const PART_ATTRIBUTES = ['executable', 'logical', 'physical', 'vector', 'virtualAddress', 'writable'];

/** Resources of a required device (or MSIs of an interrupt) that `maps` names, by kind. */
function deviceParts(required: TreeElement, maps: TreeElement): TreeElement[] {
  return ['irq', 'msi', 'memory', 'ioPort'].flatMap(kind =>
    childrenNamed(required, kind).flatMap(part => {
      const map = mapOf(maps, part.attributes.logical);
      if (map === undefined) return [];
      const attributes = { ...part.attributes, physical: physicalOf(map) };
      const all = createElement(map, kind, attributes, deviceParts(part, map));
      return [createElement(map, kind, pick(all, PART_ATTRIBUTES), all.children)];
    }),
  );
}

/** Adds the events that a component requires to the subject: sources are hypercalls. */
export function addComponentEvents(workspace: Workspace): void {
  for (const instance of instancesOf(workspace)) {
    for (const side of requirements(instance, 'events')) {
      const events = childrenNamed(side, 'event').flatMap(event => {
        const map = mapOf(instance.reference, event.attributes.logical);
        if (map === undefined) return [];
        const { id, logical } = event.attributes;
        const action = event.children.map(cloneElement);
        return [mapping(map, { id, logical, physical: physicalOf(map) }, 'event', action)];
      });
      if (events.length === 0) continue;
      if (side.name === 'source') appendAll(sourceGroup(instance.subject, 'vmcall'), events);
      else for (const event of events) targetEvents(instance.subject).push(event);
    }
  }
}

/** Gives each subject the virtual processor of its component's profile, with what component and subject change. */
export function addProfiles(workspace: Workspace): void {
  for (const { subject, component } of instancesOf(workspace)) {
    const profile = component.attributes.profile ?? 'native';
    const required = childrenNamed(component, 'requires').flatMap(requires => childrenNamed(requires, 'vcpu'));
    setProfile(workspace, subject, profile, required);
  }
}

/** Makes the profile's processor, changed by `changes` and then by what the subject has, that of the subject. */
export function setProfile(
  workspace: Workspace,
  subject: TreeElement,
  profile: string,
  changes: readonly TreeElement[],
): void {
  const vcpu =
    profileVcpu(subject, profile) ??
    workspace.refuse(subject, 'EXPAND-PROFILE', `there is no profile '${profile}'`, 'Use native, vm or linux.');
  for (const change of changes) mergeVcpu(vcpu, change);
  setVcpu(subject, vcpu, profile);
}

/** Puts `vcpu`, changed by what the subject has of its own, into the subject. */
function setVcpu(subject: TreeElement, vcpu: TreeElement, profile: string): void {
  for (const own of childrenNamed(subject, 'vcpu')) mergeVcpu(vcpu, own);
  subject.children = [vcpu, ...subject.children.filter(child => child.name !== 'vcpu')];
  setAttribute(subject, 'profile', profile);
}

/** Siblings have the profile and the virtual processor of their origin, with what they change. */
export function addSiblingProfiles(workspace: Workspace): void {
  const origins = subjectsByName(workspace);
  for (const subject of subjectsOf(workspace)) {
    const origin = origins.get(originOf(subject) ?? '');
    const vcpu = origin === undefined ? undefined : childrenNamed(origin, 'vcpu')[0];
    const profile = origin?.attributes.profile;
    if (vcpu === undefined || profile === undefined || subject.attributes.profile !== undefined) continue;
    setVcpu(subject, cloneElement(vcpu), profile);
  }
}

/** Removes the components section, which format A does not have. */
export function removeComponents(workspace: Workspace): void {
  workspace.root.children = workspace.root.children.filter(({ name }) => name !== 'components');
}

/** Removes the references to components, whose resources are in the subjects now. */
export function removeComponentReferences(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    subject.children = subject.children.filter(({ name }) => name !== 'component');
  }
}
