import { childNamed, createElement, createText, elementsAt, insertBefore, type TreeElement } from '../../tree.ts';
import { sortChildren, specificationsOf } from './schema-change.ts';

/** Processor speeds below this are in MHz: no processor with VT-x is slower than 100 MHz. */
const SLOWEST_KHZ = 100_000;

/** `processor/@speed` in MHz; since then in kHz. */
export function speedInKilohertz(root: TreeElement): readonly TreeElement[] {
  return elementsAt(root, 'hardware/processor').filter(({ attributes }) => {
    const speed = Number(attributes.speed);
    if (!Number.isInteger(speed) || speed < 1 || speed >= SLOWEST_KHZ) return false;
    attributes.speed = String(speed * 1000);
    return true;
  });
}

/** A processor without `<cpu>`: local APIC ids were twice the CPU number. */
export function processorCpus(root: TreeElement): readonly TreeElement[] {
  return elementsAt(root, 'hardware/processor').filter(processor => {
    if (childNamed(processor, 'cpu') !== undefined) return false;
    const cores = Math.min(Number(processor.attributes.cpuCores) || 0, 64);
    const cpus = Array.from({ length: cores }, (_, id) => createElement(processor, 'cpu', { apicId: String(2 * id) }));
    processor.children = [...cpus, ...processor.children];
    return cores > 0;
  });
}

/**
 * `pci/@msi`: whether the interrupts of a device are message-signalled; since then each `<irq>` lists its `<msi>`.
 *
 * The number of such an interrupt was that of the message; what line the device has beside it was not recorded, so
 * the first line of PCI devices stands in.
 */
export function messageSignalledInterrupts(root: TreeElement): readonly TreeElement[] {
  const changed: TreeElement[] = [];
  const messages = new Map<string, string>();
  for (const device of elementsAt(root, 'hardware/devices/device')) {
    const pci = childNamed(device, 'pci');
    const { msi } = pci?.attributes ?? {};
    if (pci === undefined || msi === undefined) continue;
    delete pci.attributes.msi;
    changed.push(pci);
    if (msi !== 'true' && msi !== '1') continue;
    for (const [index, irq] of elementsAt(device, 'irq').entries()) {
      if (Number(irq.attributes.number) > LAST_LINE) irq.attributes.number = FIRST_PCI_LINE;
      if (childNamed(irq, 'msi') === undefined)
        irq.children.push(createElement(irq, 'msi', { name: `msi${index + 1}` }));
      messages.set(`${device.attributes.name} ${irq.attributes.name}`, `msi${index + 1}`);
    }
  }
  for (const device of elementsAt(root, 'subjects/subject/devices/device')) {
    for (const irq of elementsAt(device, 'irq')) {
      const physical = messages.get(`${device.attributes.physical} ${irq.attributes.physical}`);
      if (physical === undefined || childNamed(irq, 'msi') !== undefined) continue;
      irq.children.push(
        createElement(irq, 'msi', { logical: `${irq.attributes.logical ?? ''}_${physical}`, physical }),
      );
    }
  }
  return changed;
}

const LAST_LINE = 23;
const FIRST_PCI_LINE = '16';

/** A PCI configuration space without size: 256 buses of 1 MiB. */
export function configurationSpaceSize(root: TreeElement): readonly TreeElement[] {
  return elementsAt(root, 'hardware/devices').filter(({ attributes }) => {
    if (attributes.pciConfigAddress === undefined || attributes.pciConfigSize !== undefined) return false;
    attributes.pciConfigSize = '16#1000_0000#';
    return true;
  });
}

/** I/O APICs are known by a capability; before, by the name of the device. The values are those of QEMU's and most chipsets' first one. */
export function ioApicCapabilities(root: TreeElement): readonly TreeElement[] {
  const devices = elementsAt(root, 'hardware/devices/device');
  if (devices.some(device => hasCapability(device, 'ioapic'))) {
    // Described twice: once by the common description, and with its capabilities by that of the machine.
    return [];
  }
  return devices.filter(device => {
    if (!/^ioapic(_\d+)?$/.test(device.attributes.name ?? '') || hasCapability(device, 'ioapic')) return false;
    const capability = (name: string, value: string): TreeElement => {
      const element = createText(device, 'capability', value);
      element.attributes.name = name;
      return element;
    };
    const capabilities = createElement(device, 'capabilities', {}, [
      createElement(device, 'capability', { name: 'ioapic' }),
      capability('gsi_base', '0'),
      capability('max_redirection_entry', String(LAST_LINE)),
      capability('source_id', '16#f0f8#'),
    ]);
    insertBefore(device, capabilities, ['reservedMemory']);
    return true;
  });
}

const hasCapability = (device: TreeElement, name: string): boolean =>
  elementsAt(device, 'capabilities/capability').some(({ attributes }) => attributes.name === name);

/** The device that resets and switches off the machine was not described; the ports of Intel chipsets stand in. */
export function systemBoard(root: TreeElement): readonly TreeElement[] {
  const section = elementsAt(root, 'hardware/devices')[0];
  if (section === undefined || section.children.some(device => hasCapability(device, 'systemboard'))) return [];
  const port = (name: string, number: string): TreeElement =>
    createElement(section, 'ioPort', { end: number, name, start: number });
  const sleepType = createText(section, 'capability', '7168');
  sleepType.attributes.name = 'pm1a_cnt_slp_typ';
  const capabilities = [createElement(section, 'capability', { name: 'systemboard' }), sleepType];
  const children = [
    port('reset', isTaken(section, 0xcf9) ? '16#0092#' : '16#0cf9#'),
    port('pm1a_cnt', '16#1804#'),
    createElement(section, 'capabilities', {}, capabilities),
  ];
  section.children.push(createElement(section, 'device', { name: 'system_board' }, children));
  return [section];
}

/** True when a device has the I/O port. */
function isTaken(section: TreeElement, port: number): boolean {
  return elementsAt(section, 'device/ioPort').some(({ attributes }) => {
    const [start, end] = [attributes.start, attributes.end].map(text =>
      Number(`0x${text?.slice(3, -1).replaceAll('_', '')}`),
    );
    return start! <= port && port <= end!;
  });
}

/** References to device resources in another order than irq, memory, ioPort. */
export function resourceOrder(root: TreeElement): readonly TreeElement[] {
  const references = [
    ...elementsAt(root, 'subjects/subject/devices/device'),
    ...specificationsOf(root).flatMap(specification => elementsAt(specification, 'requires/devices/device')),
  ];
  return [
    ...references.filter(device => sortChildren(device, ['pci', 'irq', 'memory', 'ioPort'])),
    ...elementsAt(root, 'hardware/devices/device').filter(device =>
      sortChildren(device, ['description', 'pci', 'irq', 'memory', 'ioPort', 'capabilities', 'reservedMemory']),
    ),
  ];
}
