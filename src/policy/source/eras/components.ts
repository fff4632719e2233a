import {
  childNamed,
  createElement,
  createText,
  elementsAt,
  ensureElement,
  insertBefore,
  type TreeElement,
} from '../../tree.ts';
import { specificationsOf, takeChildren } from './schema-change.ts';

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
    else provides.children = [...regions, ...provides.children];
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
  const open = specificationsOf(root).flatMap(specification =>
    elementsAt(specification, 'requires/devices/device').flatMap(device =>
      elementsAt(device, 'ioPort')
        .filter(({ attributes }) => attributes.start === undefined)
        .map(port => ({ port, key: pathKey(specification.attributes.name, device.attributes.logical) })),
    ),
  );
  if (open.length === 0) return [];
  const mapped = mappedPorts(root);
  return open.flatMap(({ port, key }) => {
    const found = mapped.get(`${key}${pathKey(port.attributes.logical)}`);
    if (found === undefined) return [];
    port.attributes.start = found.attributes.start ?? '';
    port.attributes.end = found.attributes.end ?? '';
    return [port];
  });
}

const pathKey = (...names: readonly (string | undefined)[]): string => names.map(name => `${name}\n`).join('');

/** Ports of hardware devices by component, logical device and logical port of the subjects that map them. */
function mappedPorts(root: TreeElement): ReadonlyMap<string, TreeElement> {
  const aliases = new Map(
    elementsAt(root, 'platform/mappings/aliases/alias').map(({ attributes }) => [attributes.name, attributes.physical]),
  );
  const ports = new Map(
    elementsAt(root, 'hardware/devices/device').flatMap(device =>
      elementsAt(device, 'ioPort').map(port => [pathKey(device.attributes.name, port.attributes.name), port]),
    ),
  );
  const mapped = new Map<string, TreeElement>();
  for (const reference of elementsAt(root, 'subjects/subject/component')) {
    for (const map of elementsAt(reference, 'map')) {
      const device = aliases.get(map.attributes.physical) ?? map.attributes.physical;
      for (const resource of elementsAt(map, 'map')) {
        const port = ports.get(pathKey(device, resource.attributes.physical));
        const key = pathKey(reference.attributes.ref, map.attributes.logical, resource.attributes.logical);
        if (port !== undefined && !mapped.has(key)) mapped.set(key, port);
      }
    }
  }
  return mapped;
}
