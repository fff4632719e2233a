import { childrenNamed, createElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { MAX_IRQ } from './layout.ts';
import { setAttribute } from './regions.ts';
import { devicesOf, nameOf, subjectsOf } from './subjects.ts';

const physicalDevices = (workspace: Workspace): TreeElement[] => workspace.all('hardware/devices/device');

/** Value of a capability of a device; undefined when the device does not have it. */
export function capability(device: TreeElement, name: string): string | undefined {
  return childrenNamed(device, 'capabilities')
    .flatMap(section => section.children)
    .find(each => nameOf(each) === name)
    ?.text.trim();
}

/** Numbers all message-signalled interrupts from the lowest number that no I/O APIC uses, in document order. */
export function addMsiNumbers(workspace: Workspace): void {
  const inputs = physicalDevices(workspace)
    .filter(device => capability(device, 'ioapic') !== undefined)
    .map(device => {
      const base = Number(capability(device, 'gsi_base') ?? 0);
      return { first: base, last: base + Number(capability(device, 'max_redirection_entry') ?? 0) };
    });
  const isInput = (number: number): boolean => inputs.some(({ first, last }) => first <= number && number <= last);
  let next = 0;
  for (const msi of workspace.all('hardware/devices/device/irq/msi')) {
    while (next <= MAX_IRQ && isInput(next)) next += 1;
    if (next > MAX_IRQ) {
      const message = `no interrupt number up to ${MAX_IRQ} is free for the MSI '${nameOf(msi)}'`;
      workspace.refuse(msi, 'EXPAND-MSI-NUMBERS', message, 'Remove MSIs of devices that are not used.');
    }
    setAttribute(msi, 'number', String(next));
    next += 1;
  }
}

/**
 * Decides for each PCI device whether it uses message-signalled interrupts: it has some, and no subject uses one of
 * its interrupts without them. Then its interrupts are the MSIs, otherwise they lose their MSIs.
 */
export function decidePciMsi(workspace: Workspace): void {
  const legacyUse = new Set<string>();
  for (const device of subjectsOf(workspace).flatMap(devicesOf)) {
    const isLegacy = childrenNamed(device, 'irq').some(irq => childrenNamed(irq, 'msi').length === 0);
    if (isLegacy) legacyUse.add(device.attributes.physical ?? '');
  }
  for (const device of physicalDevices(workspace)) {
    const irqs = childrenNamed(device, 'irq');
    const hasMsi = irqs.some(irq => childrenNamed(irq, 'msi').length > 0);
    const usesMsi = hasMsi && !legacyUse.has(nameOf(device));
    const pci = childrenNamed(device, 'pci')[0];
    if (pci === undefined) continue;
    setAttribute(pci, 'msi', String(usesMsi));
    device.children = device.children.flatMap(child =>
      child.name === 'irq' ? usedInterrupts(child, usesMsi) : [child],
    );
  }
}

function usedInterrupts(irq: TreeElement, usesMsi: boolean): TreeElement[] {
  const messages = childrenNamed(irq, 'msi');
  if (!usesMsi || messages.length === 0) {
    irq.children = irq.children.filter(child => child.name !== 'msi');
    return [irq];
  }
  return messages.map(msi => createElement(msi, 'irq', { name: nameOf(msi), number: msi.attributes.number ?? '' }));
}

/** Adds the MSIs of a subject's interrupt as interrupts of their own, with consecutive vectors where the first has one. */
export function addLogicalMsis(workspace: Workspace): void {
  for (const device of subjectsOf(workspace).flatMap(devicesOf)) {
    device.children = device.children.flatMap(child =>
      child.name === 'irq' ? [child, ...messagesOf(child)] : [child],
    );
  }
}

function messagesOf(irq: TreeElement): TreeElement[] {
  const { vector } = irq.attributes;
  return childrenNamed(irq, 'msi').map((msi, index) => {
    const { logical = '', physical = '' } = msi.attributes;
    const own = vector === undefined ? {} : { vector: String(Number(vector) + index) };
    return createElement(msi, 'irq', { logical, physical, ...own });
  });
}

/** Removes the interrupts that stand for MSIs: these are interrupts of their own now. */
export function removeMsiParents(workspace: Workspace): void {
  for (const device of subjectsOf(workspace).flatMap(devicesOf)) {
    device.children = device.children.filter(child => child.name !== 'irq' || childrenNamed(child, 'msi').length === 0);
  }
}
