import { childNamed, childrenNamed, createElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { capability } from './device-interrupts.ts';
import { kernelDevices } from './kernel-mappings.ts';
import { KERNEL_DEVICES_ADDRESS } from './layout.ts';
import { mappingElement } from './regions.ts';
import { nameOf } from './subjects.ts';

/** Gives the kernel its devices: console, I/O APICs, IOMMUs and the board, their memory one after the other. */
export function addKernelDevices(workspace: Workspace): void {
  const devices = workspace.all('hardware/devices/device');
  const memory = new DeviceMemory(workspace);
  const { children } = kernelDevices(workspace);
  const diagnostics = debugConsole(workspace, devices, memory);
  if (diagnostics !== undefined) children.push(diagnostics);
  for (const kind of ['ioapic', 'iommu']) {
    devices
      .filter(device => capability(device, kind) !== undefined)
      .forEach((device, index) => {
        const attributes = { logical: `${kind}_${index + 1}`, physical: nameOf(device) };
        const mappings = childrenNamed(device, 'memory')
          .slice(0, 1)
          .map(each => memory.map(device, nameOf(each), each));
        children.push(createElement(device, 'device', attributes, mappings));
      });
  }
  const board = devices.find(device => capability(device, 'systemboard') !== undefined);
  if (board !== undefined) children.push(systemBoard(board));
}

/** Hands out the kernel's addresses for device memory. */
class DeviceMemory {
  readonly #workspace: Workspace;
  #next = KERNEL_DEVICES_ADDRESS;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** Maps memory of a device at the next address. */
  map(cause: TreeElement, logical: string, memory: TreeElement): TreeElement {
    const address = this.#next;
    this.#next += this.#workspace.word(memory, 'size');
    const mapping = mappingElement(cause, logical, nameOf(memory), address, { writable: true });
    return mapping;
  }
}

/** The device that the platform names for the kernel's messages. */
function debugConsole(
  workspace: Workspace,
  devices: readonly TreeElement[],
  memory: DeviceMemory,
): TreeElement | undefined {
  const named = workspace.all('platform/kernelDiagnostics/device')[0];
  if (named === undefined) return undefined;
  const physical = named.attributes.physical ?? '';
  const device = devices.find(candidate => nameOf(candidate) === physical);
  const mappings = childrenNamed(named, 'memory').flatMap(reference => {
    const found = device?.children.find(
      each => each.name === 'memory' && nameOf(each) === reference.attributes.physical,
    );
    return found === undefined ? [] : [memory.map(named, 'memory', found)];
  });
  const ports = childrenNamed(named, 'ioPort').map(reference =>
    createElement(reference, 'ioPort', { logical: 'port', physical: reference.attributes.physical ?? '' }),
  );
  return createElement(named, 'device', { logical: 'debugconsole', physical }, [...mappings, ...ports]);
}

/** The board has a port for resets, and one for power management. */
function systemBoard(board: TreeElement): TreeElement {
  const ports = childrenNamed(board, 'ioPort');
  const power = ports.find(port => nameOf(port) === 'pm1a_cnt');
  const reset = ports.find(port => port !== power);
  const element = (logical: string, port: TreeElement | undefined): TreeElement[] =>
    port === undefined ? [] : [createElement(board, 'ioPort', { logical, physical: nameOf(port) })];
  const children = [...element('reset_port', reset), ...element('poweroff_port', power)];
  return createElement(board, 'device', { logical: 'system_board', physical: nameOf(board) }, children);
}

/** IOMMUs whose description lacks capabilities get the usual ones. */
export function addIommuCapabilities(workspace: Workspace): void {
  for (const device of workspace.all('hardware/devices/device')) {
    const section = childNamed(device, 'capabilities');
    if (section === undefined || capability(device, 'iommu') === undefined) continue;
    for (const [name, value] of [
      ['agaw', '39'],
      ['fr_offset', '512'],
      ['iotlb_invalidate_offset', '264'],
    ] as const) {
      if (capability(device, name) !== undefined) continue;
      const added = createElement(section, 'capability', { name });
      added.text = value;
      added.textOffset = section.offset;
      section.children.push(added);
    }
  }
}
