import { placeOf } from '../../finding.ts';
import { childrenNamed, elementsAt, type TreeElement } from '../../tree.ts';
import type { Workspace } from '../../workspace.ts';
import { nameOf, subjectsOf } from '../subjects.ts';
import { type Report, reportRepeated, reportUnknown, type SourceCheck } from './source-check.ts';

/** A subject's reference to a component that exists. */
interface Instance {
  readonly subject: TreeElement;
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

/** Things that a component requires and a subject must map: what they are called, and where they stand. */
const REQUIRED: readonly { readonly kind: string; readonly path: string; readonly names: readonly string[] }[] = [
  { kind: 'channel', path: 'requires/channels', names: ['reader', 'writer'] },
  { kind: 'memory', path: 'requires/memory', names: ['memory'] },
  { kind: 'device', path: 'requires/devices', names: ['device'] },
  { kind: 'event', path: 'requires/events/source', names: ['event'] },
  { kind: 'event', path: 'requires/events/target', names: ['event'] },
];

interface Requirement {
  readonly kind: string;
  readonly element: TreeElement;
}

function requirementsOf({ component }: Instance): readonly Requirement[] {
  return REQUIRED.flatMap(({ kind, path, names }) =>
    elementsAt(component, path)
      .flatMap(section => section.children)
      .filter(({ name }) => names.includes(name))
      .map(element => ({ kind, element })),
  );
}

const logicalOf = (element: TreeElement): string => element.attributes.logical ?? '';
const mapsOf = (level: TreeElement): TreeElement[] => childrenNamed(level, 'map');

const mapFor = (level: TreeElement, logical: string): TreeElement | undefined =>
  mapsOf(level).find(map => map.attributes.logical === logical);

/** Checks of components and of how subjects use them. */
export const COMPONENT_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-COMPONENT-REFERENCE',
    name: 'Subject_Component_References',
    title: 'Validate that components which subjects instantiate exist.',
    check(workspace, report) {
      const known = new Set(workspace.all('components/component').map(nameOf));
      for (const subject of subjectsOf(workspace)) {
        const what = () => `subject '${nameOf(subject)}' instantiates the component`;
        const names = { names: known, hint: 'Add the component specification, or correct the name.' };
        reportUnknown(report, names, childrenNamed(subject, 'component'), ({ attributes }) => attributes.ref, what);
      }
    },
  },
  {
    code: 'EXPAND-COMPONENT-NAME',
    name: 'Component_Name_Uniqueness',
    title: 'Validate that the names of components are unique.',
    check(workspace, report) {
      const what = (component: TreeElement): string => `component '${nameOf(component)}' is defined`;
      reportRepeated(report, workspace.all('components/component'), nameOf, what);
    },
  },
  {
    code: 'EXPAND-COMPONENT-CHANNEL-NAME',
    name: 'Component_Channel_Name_Uniqueness',
    title: 'Validate that the logical channel names of a component are unique.',
    check(workspace, report) {
      for (const component of workspace.all('components/component')) {
        const channels = elementsAt(component, 'requires/channels')
          .flatMap(section => section.children)
          .filter(({ name }) => name !== 'array');
        const what = (channel: TreeElement): string =>
          `component '${nameOf(component)}' has the channel '${logicalOf(channel)}'`;
        reportRepeated(report, channels, logicalOf, what);
      }
    },
  },
  {
    code: 'EXPAND-MAP-NAME',
    name: 'Subject_Resource_Maps_Logical_Uniqueness',
    title: 'Validate that a subject maps each logical resource of its component once.',
    check(workspace, report) {
      for (const { subject, reference } of instancesOf(workspace)) {
        const what = (map: TreeElement): string =>
          `subject '${nameOf(subject)}' maps the logical resource '${logicalOf(map)}'`;
        reportRepeated(report, mapsOf(reference), logicalOf, what, 'Remove one of the maps.');
      }
    },
  },
  {
    code: 'EXPAND-MAP-UNKNOWN',
    name: 'Subject_Component_Resource_Mappings',
    title: 'Validate that subjects map only what their component requires.',
    check(workspace, report) {
      for (const instance of instancesOf(workspace)) {
        const required = {
          names: new Set(requirementsOf(instance).map(({ element }) => logicalOf(element))),
          problem: `which component '${nameOf(instance.component)}' does not require`,
          hint: 'Remove the map, or correct the logical name.',
        };
        const what = () => `subject '${nameOf(instance.subject)}' maps the logical resource`;
        reportUnknown(report, required, mapsOf(instance.reference), logicalOf, what);
      }
    },
  },
  {
    code: 'EXPAND-MAP-MISSING',
    name: 'Subject_Resource_Exports',
    title: 'Validate that subjects map everything that their component requires.',
    check(workspace, report) {
      for (const instance of instancesOf(workspace)) {
        for (const { kind, element } of requirementsOf(instance)) {
          const map = mapFor(instance.reference, logicalOf(element));
          if (map === undefined) missing(report, instance, kind, logicalOf(element), instance.reference);
          else if (kind === 'device') missingParts(report, instance, element, map);
        }
      }
    },
  },
  {
    code: 'EXPAND-CHANNEL-SIZE',
    name: 'Component_Channel_Size',
    title: 'Validate that channels have the size that components require.',
    check(workspace, report) {
      sizesMatch(workspace, report, 'channel', workspace.all('channels/channel'), 'channel');
    },
  },
  {
    code: 'EXPAND-CHANNEL-EVENT',
    name: 'Component_Channel_Event',
    title: 'Validate that channels have an event where components have a number or vector for one.',
    check(workspace, report) {
      const channels = new Map(workspace.all('channels/channel').map(channel => [nameOf(channel), channel]));
      for (const { subject, component, reference } of instancesOf(workspace)) {
        for (const end of elementsAt(component, 'requires/channels').flatMap(section => section.children)) {
          const { event = '', vector = '', logical = '' } = end.attributes;
          const map = mapFor(reference, logical);
          const channel = channels.get(map?.attributes.physical ?? '');
          if (map === undefined || channel === undefined || channel.attributes.hasEvent !== undefined) continue;
          if (end.name === 'array' || (event === '' && vector === '')) continue;
          const message = `component '${nameOf(component)}' of subject '${nameOf(subject)}' wants an event with the channel '${logical}', '${nameOf(channel)}' has none (${placeOf(channel)})`;
          report(map, message, 'Add hasEvent="..." to the channel, or map another one.');
        }
      }
    },
  },
  {
    code: 'EXPAND-MEMORY-SIZE',
    name: 'Component_Memory_Size',
    title: 'Validate that memory regions have the size that components require.',
    check(workspace, report) {
      sizesMatch(workspace, report, 'memory', workspace.all('memory/memory'), 'memory region');
    },
  },
  {
    code: 'EXPAND-DEVICE-MEMORY-SIZE',
    name: 'Component_Device_Memory_Size',
    title: 'Validate that device memory has the size that components require.',
    check(workspace, report) {
      forDeviceParts(workspace, 'memory', (instance, part, physical) => {
        if (sameWord(workspace, part, physical, 'size')) return;
        const message = `component '${nameOf(instance.component)}' of subject '${nameOf(instance.subject)}' requires the device memory '${logicalOf(part)}' with ${part.attributes.size} bytes, '${nameOf(physical)}' has ${physical.attributes.size}`;
        report(part, message, 'Correct the size in the component, or map other memory.');
      });
    },
  },
  {
    code: 'EXPAND-PORT-RANGE',
    name: 'Component_Device_IO_Port_Range',
    title: 'Validate that I/O ports have the numbers that components require.',
    check(workspace, report) {
      forDeviceParts(workspace, 'ioPort', (instance, part, physical) => {
        if (sameWord(workspace, part, physical, 'start') && sameWord(workspace, part, physical, 'end')) return;
        const message = `component '${nameOf(instance.component)}' of subject '${nameOf(instance.subject)}' requires the ports '${logicalOf(part)}' ${part.attributes.start} .. ${part.attributes.end}, '${nameOf(physical)}' has ${physical.attributes.start} .. ${physical.attributes.end}`;
        report(part, message, 'Correct the ports in the component, or map other ports.');
      });
    },
  },
];

function missing(report: Report, instance: Instance, kind: string, logical: string, place: TreeElement): void {
  const message = `subject '${nameOf(instance.subject)}' does not map the logical ${kind} '${logical}' that component '${nameOf(instance.component)}' requires`;
  report(place, message, `Add <map logical="${logical}" physical="..."/>.`);
}

/** Resources of a required device, and MSIs of its interrupts, that the subject does not map. */
function missingParts(report: Report, instance: Instance, required: TreeElement, map: TreeElement): void {
  for (const part of required.children) {
    const found = mapFor(map, logicalOf(part));
    if (found === undefined) missing(report, instance, 'device resource', logicalOf(part), map);
    else missingParts(report, instance, part, found);
  }
}

/** Compares the sizes that components require with those of what subjects map. */
function sizesMatch(
  workspace: Workspace,
  report: Report,
  kind: string,
  physicals: readonly TreeElement[],
  noun: string,
): void {
  const known = new Map(physicals.map(physical => [nameOf(physical), physical]));
  for (const instance of instancesOf(workspace)) {
    for (const { element } of requirementsOf(instance).filter(requirement => requirement.kind === kind)) {
      const map = mapFor(instance.reference, logicalOf(element));
      const physical = known.get(map?.attributes.physical ?? '');
      if (map === undefined || physical === undefined || sameWord(workspace, element, physical, 'size')) continue;
      const message = `component '${nameOf(instance.component)}' of subject '${nameOf(instance.subject)}' requires '${logicalOf(element)}' with ${element.attributes.size} bytes, the ${noun} '${nameOf(physical)}' has ${physical.attributes.size}`;
      report(map, message, `Give the ${noun} the size that its users require.`);
    }
  }
}

/** Calls `visit` for each part of a required device together with the physical part that the subject maps. */
function forDeviceParts(
  workspace: Workspace,
  kind: string,
  visit: (instance: Instance, part: TreeElement, physical: TreeElement) => void,
): void {
  const devices = new Map(workspace.all('hardware/devices/device').map(device => [nameOf(device), device]));
  for (const instance of instancesOf(workspace)) {
    for (const { element } of requirementsOf(instance).filter(requirement => requirement.kind === 'device')) {
      const map = mapFor(instance.reference, logicalOf(element));
      const device = devices.get(map?.attributes.physical ?? '');
      if (map === undefined || device === undefined) continue;
      for (const part of childrenNamed(element, kind)) {
        const target = mapFor(map, logicalOf(part))?.attributes.physical;
        const physical = childrenNamed(device, kind).find(each => nameOf(each) === target);
        if (physical !== undefined) visit(instance, part, physical);
      }
    }
  }
}

const sameWord = (workspace: Workspace, a: TreeElement, b: TreeElement, name: string): boolean =>
  workspace.word(a, name) === workspace.word(b, name);
