import {
  childNamed,
  createElement,
  createText,
  elementsAt,
  ensureElement,
  insertBefore,
  type TreeElement,
} from '../../tree.ts';
import { hardwareDevice, specificationsOf, takeChildren } from './schema-change.ts';

/** Resources of a component stood in it directly; since then in `<requires>`. */
export function requiredResources(root: TreeElement): readonly TreeElement[] {
  const names = ['vcpu', 'memory', 'channels', 'devices', 'events'];
  return specificationsOf(root).flatMap(specification => {
    const resources = takeChildren(specification, names);
    if (resources.length === 0) return [];
    resources.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
    const requires = createElement(resources[0]!, 'requires', {}, resources);
    const index = specification.children.findIndex(({ name }) => name === 'provides' || name === 'binary');
    specification.children.splice(index < 0 ? specification.children.length : index, 0, requires);
    return resources;
  });
}

/** `<binary>` of a component became a region that it provides; native ones started where the profile of that time said. */
export function providedBinary(root: TreeElement): readonly TreeElement[] {
  return specificationsOf(root).flatMap(specification => {
    const binaries = takeChildren(specification, ['binary']);
    if (binaries.length === 0) return [];
    const regions = binaries.map(binary => {
      const { filename = '', size = '', virtualAddress = '' } = binary.attributes;
      const attributes = {
        executable: 'true',
        logical: 'binary',
        size,
        type: 'subject_binary',
        virtualAddress,
        writable: 'true',
      };
      return createElement(binary, 'memory', attributes, [createElement(binary, 'file', { filename, offset: 'none' })]);
    });
    if (specification.attributes.profile === 'native') startAt(specification, binaries[0]!);
    const provides = childNamed(specification, 'provides');
    if (provides === undefined) specification.children.push(createElement(binaries[0]!, 'provides', {}, regions));
    else provides.children.unshift(...regions);
    return binaries;
  });
}

/** Entry point of the native profile while components had a `<binary>`, behind the stack in the same image. */
const NATIVE_ENTRY = '16#5000#';

function startAt(specification: TreeElement, binary: TreeElement): void {
  let requires = childNamed(specification, 'requires');
  if (requires === undefined) {
    requires = createElement(binary, 'requires');
    insertBefore(specification, requires, ['provides']);
  }
  let vcpu = childNamed(requires, 'vcpu');
  if (vcpu === undefined) {
    vcpu = createElement(binary, 'vcpu');
    requires.children.unshift(vcpu);
  }
  const registers = ensureElement(vcpu, 'registers/gpr');
  if (childNamed(registers, 'rip') !== undefined) return;
  registers.children.unshift(createText(binary, 'rip', NATIVE_ENTRY));
}

/** I/O ports of a component had no numbers: they were those of the device that a subject maps there. */
export function portNumbers(root: TreeElement): readonly TreeElement[] {
  return specificationsOf(root).flatMap(specification =>
    elementsAt(specification, 'requires/devices/device').flatMap(device =>
      elementsAt(device, 'ioPort').filter(port => {
        if (port.attributes.start !== undefined) return false;
        const found = mappedPort(root, specification, device, port);
        if (found === undefined) return false;
        port.attributes.start = found.attributes.start ?? '';
        port.attributes.end = found.attributes.end ?? '';
        return true;
      }),
    ),
  );
}

function mappedPort(
  root: TreeElement,
  { attributes }: TreeElement,
  device: TreeElement,
  port: TreeElement,
): TreeElement | undefined {
  const maps = elementsAt(root, 'subjects/subject/component')
    .filter(reference => reference.attributes.ref === attributes.name)
    .flatMap(reference => elementsAt(reference, 'map'))
    .filter(map => map.attributes.logical === device.attributes.logical);
  for (const map of maps) {
    const resource = elementsAt(map, 'map').find(child => child.attributes.logical === port.attributes.logical);
    const physical = hardwareDevice(root, map.attributes.physical);
    const found = elementsAt(physical ?? map, 'ioPort').find(
      candidate => candidate.attributes.name === resource?.attributes.physical,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
