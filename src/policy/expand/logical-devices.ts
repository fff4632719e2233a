import { appendAll, childNamed, childrenNamed, createElement, insertBefore, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { SUBJECT_MMCONF_ADDRESS } from './layout.ts';
import { RESOURCE_KINDS } from './platform.ts';
import { setAttribute, word } from './regions.ts';
import { devicesOf, familyOf, nameOf, originOf, subjectsOf } from './subjects.ts';

const devicesByName = (workspace: Workspace): ReadonlyMap<string, TreeElement> =>
  new Map(workspace.all('hardware/devices/device').map(device => [nameOf(device), device]));

/** A subject's device that names no resource gets all resources of the physical device. */
export function addDeviceResources(workspace: Workspace): void {
  const devices = devicesByName(workspace);
  for (const device of subjectsOf(workspace).flatMap(devicesOf)) {
    const physical = devices.get(device.attributes.physical ?? '');
    const isEmpty = !device.children.some(child => (RESOURCE_KINDS as readonly string[]).includes(child.name));
    if (physical === undefined || !isEmpty) continue;
    for (const kind of RESOURCE_KINDS) {
      appendAll(
        device,
        childrenNamed(physical, kind).map(resource => wholeResource(device, resource)),
      );
    }
  }
}

function wholeResource(device: TreeElement, resource: TreeElement): TreeElement {
  const name = nameOf(resource);
  const messages = childrenNamed(resource, 'msi').map(msi =>
    createElement(device, 'msi', { logical: nameOf(msi), physical: nameOf(msi) }),
  );
  if (resource.name !== 'memory') {
    return createElement(device, resource.name, { logical: name, physical: name }, messages);
  }
  return createElement(device, 'memory', { executable: 'false', logical: name, physical: name, writable: 'true' });
}

/** PCI address of a device. */
interface Bdf {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

/** Value of a two-digit hex literal. */
const byteOf = (text: string | undefined): number => Number.parseInt((text ?? '').replace(/^16#|#$/g, ''), 16) || 0;

export function bdfOf(device: TreeElement): Bdf | undefined {
  const pci = childNamed(device, 'pci');
  if (pci === undefined) return undefined;
  const { bus, device: number, function: part } = pci.attributes;
  return { bus: byteOf(bus), device: byteOf(number), function: Number(part ?? 0) };
}

const twoDigits = (value: number): string => `16#${value.toString(16).padStart(2, '0')}#`;

/**
 * Gives each PCI device of a subject an address on the subject's PCI bus 0: the first free device number from 1.
 * Functions of one physical device stay together, each with the lowest free function number. Siblings share a bus;
 * theirs come before those of their origin.
 */
export function addDeviceAddresses(workspace: Workspace): void {
  const devices = devicesByName(workspace);
  for (const subject of subjectsOf(workspace)) {
    if (originOf(subject) !== undefined) continue;
    const [origin, ...siblings] = familyOf(workspace, subject);
    const bus = new LogicalBus([...siblings, ...(origin === undefined ? [] : [origin])].flatMap(devicesOf), devices);
    bus.addAddresses();
  }
}

/** The PCI bus of a subject or of siblings. */
class LogicalBus {
  readonly #logical: readonly TreeElement[];
  readonly #devices: ReadonlyMap<string, TreeElement>;

  constructor(logical: readonly TreeElement[], devices: ReadonlyMap<string, TreeElement>) {
    this.#logical = logical;
    this.#devices = devices;
  }

  addAddresses(): void {
    for (const device of this.#logical) {
      const physical = this.#physicalAddress(device);
      if (physical === undefined || childNamed(device, 'pci') !== undefined) continue;
      const partners = this.#logical.flatMap(other => {
        const theirs = this.#physicalAddress(other);
        const isPartner = theirs?.bus === physical.bus && theirs.device === physical.device;
        return isPartner ? (bdfOf(other) ?? []) : [];
      });
      const number =
        partners[0]?.device ??
        lowestFree(
          this.#logical.flatMap(other => bdfOf(other)?.device ?? []),
          1,
        );
      const taken = partners.filter(partner => partner.device === number).map(partner => partner.function);
      const attributes = { bus: '16#00#', device: twoDigits(number), function: String(lowestFree(taken, 0)) };
      insertBefore(device, createElement(device, 'pci', attributes), RESOURCE_KINDS);
    }
  }

  #physicalAddress(device: TreeElement): Bdf | undefined {
    const physical = this.#devices.get(device.attributes.physical ?? '');
    return physical === undefined ? undefined : bdfOf(physical);
  }
}

function lowestFree(taken: readonly number[], first: number): number {
  let number = first;
  while (taken.includes(number)) number += 1;
  return number;
}

/** Gives device memory without an address its physical one, and PCI configuration space that of the logical address. */
export function addDeviceMemoryAddresses(workspace: Workspace): void {
  const devices = devicesByName(workspace);
  for (const device of subjectsOf(workspace).flatMap(devicesOf)) {
    const physical = devices.get(device.attributes.physical ?? '');
    for (const memory of childrenNamed(device, 'memory')) {
      if (memory.attributes.virtualAddress !== undefined) continue;
      const region = physical?.children.find(
        each => each.name === 'memory' && nameOf(each) === memory.attributes.physical,
      );
      if (region === undefined) continue;
      const address = nameOf(region) === CONFIG_SPACE ? configAddress(device) : undefined;
      setAttribute(memory, 'virtualAddress', address ?? workspace.text(region, 'physicalAddress'));
    }
  }
}

/** Name of the configuration space among the memory of a PCI device. */
const CONFIG_SPACE = 'mmconf';

const configOffset = ({ bus, device, function: part }: Bdf): number =>
  ((bus << 20) | (device << 15) | (part << 12)) >>> 0;

function configAddress(device: TreeElement): string | undefined {
  const bdf = bdfOf(device);
  return bdf === undefined ? undefined : word(SUBJECT_MMCONF_ADDRESS + configOffset(bdf));
}
