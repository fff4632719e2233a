import {
  appendAll,
  childrenNamed,
  createElement,
  ensureElement,
  insertBefore,
  removeChild,
  type TreeElement,
} from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { mappingElement, word } from './regions.ts';
import { nameOf } from './subjects.ts';

const reservedRegions = (workspace: Workspace): TreeElement[] => workspace.all('hardware/memory/reservedMemory');

/** Adds a memory region for each range that the firmware reserves for devices (RMRR). */
export function addReservedRegions(workspace: Workspace): void {
  for (const reserved of reservedRegions(workspace)) {
    const attributes = {
      alignment: word(0x1000),
      caching: 'WB',
      name: nameOf(reserved),
      physicalAddress: workspace.text(reserved, 'physicalAddress'),
      size: workspace.text(reserved, 'size'),
      type: 'device_rmrr',
    };
    workspace.section('memory').children.push(createElement(reserved, 'memory', attributes));
  }
}

/** Replaces reserved ranges of the hardware by memory blocks that are not for allocation. */
export function addReservedBlocks(workspace: Workspace): void {
  for (const memory of workspace.all('hardware/memory')) {
    const blocks = childrenNamed(memory, 'reservedMemory').map(reserved =>
      createElement(reserved, 'memoryBlock', {
        allocatable: 'false',
        name: nameOf(reserved),
        physicalAddress: workspace.text(reserved, 'physicalAddress'),
        size: workspace.text(reserved, 'size'),
      }),
    );
    appendAll(memory, blocks);
  }
}

/** Removes the reserved ranges of the hardware section. */
export function removeReservedRegions(workspace: Workspace): void {
  for (const memory of workspace.all('hardware/memory')) {
    memory.children = memory.children.filter(({ name }) => name !== 'reservedMemory');
  }
}

/** Maps the reserved memory of the devices of a domain at its physical address, where the policy asks for it. */
export function addReservedMappings(workspace: Workspace): void {
  const devices = new Map(workspace.all('hardware/devices/device').map(device => [nameOf(device), device]));
  const regions = new Map(workspace.all('memory/memory').map(region => [nameOf(region), region]));
  for (const domain of workspace.all('deviceDomains/domain')) {
    for (const device of childrenNamed(domain, 'devices').flatMap(section => section.children)) {
      if (device.attributes.mapReservedMemory !== 'true') continue;
      const physical = devices.get(device.attributes.physical ?? '');
      const references = physical === undefined ? [] : childrenNamed(physical, 'reservedMemory');
      for (const { attributes } of references) {
        const region = regions.get(attributes.ref ?? '');
        if (region !== undefined) addDomainMapping(workspace, domain, device, region);
      }
    }
  }
}

function addDomainMapping(workspace: Workspace, domain: TreeElement, device: TreeElement, region: TreeElement): void {
  if (childrenNamed(domain, 'memory').length === 0) insertBefore(domain, createElement(domain, 'memory'), ['devices']);
  const { children } = ensureElement(domain, 'memory');
  const name = nameOf(region);
  if (children.some(mapping => mapping.attributes.physical === name)) return;
  children.push(mappingElement(device, name, name, workspace.word(region, 'physicalAddress'), { writable: true }));
}

/** Removes what only the expansion of reserved memory needs: references of devices, and the attribute that asks for it. */
export function removeReservedReferences(workspace: Workspace): void {
  for (const device of workspace.all('hardware/devices/device')) {
    for (const reference of childrenNamed(device, 'reservedMemory')) removeChild(device, reference);
  }
}

export function removeReservedAttributes(workspace: Workspace): void {
  for (const device of workspace.all('deviceDomains/domain/devices/device')) {
    delete device.attributes.mapReservedMemory;
  }
}
