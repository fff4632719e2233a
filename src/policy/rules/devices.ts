import type { PhysicalDevice } from '../document.ts';
import { deviceReferences, type PolicyIndex } from '../policy-index.ts';
import { lineOf, type Rule, rule, type Visit } from '../rule.ts';
import { reportDuplicates } from './names.ts';

const bdf = ({
  bus,
  device,
  function: fn,
}: {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}): string => `${bus.toString(16).padStart(2, '0')}:${device.toString(16).padStart(2, '0')}.${fn}`;

function checkPorts({ document }: PolicyIndex, visit: Visit): void {
  const ports = document.hardware.devices.flatMap(device => device.ioPorts.map(port => ({ device, port })));
  ports.sort((a, b) => a.port.start - b.port.start);
  let reaching: (typeof ports)[number] | undefined;
  for (const entry of ports) {
    visit.examined();
    if (reaching !== undefined && entry.port.start <= reaching.port.end) {
      const message = `I/O ports '${entry.port.name}' of '${entry.device.name}' start at 0x${entry.port.start.toString(16)}, inside '${reaching.port.name}' of '${reaching.device.name}' (to 0x${reaching.port.end.toString(16)})`;
      visit.report(entry.port, message, 'One port cannot belong to two devices.');
    }
    if (reaching === undefined || entry.port.end > reaching.port.end) reaching = entry;
  }
}

const usesMsi = (device: PhysicalDevice | undefined): boolean => device?.pci?.msi === true;
const isLineBased = (device: PhysicalDevice): boolean => device.pci?.msi === false;

function checkMsiVectors({ document, devices, resources }: PolicyIndex, visit: Visit): void {
  for (const { owner, device, subject } of deviceReferences(document)) {
    const numbers = resources.get(device.physical)?.irqs;
    if (subject === undefined || !usesMsi(devices.get(device.physical)) || device.irqs.length === 0) continue;
    visit.examined();
    const number = (name: string): number => numbers?.get(name) ?? 0;
    const ordered = [...device.irqs].sort((a, b) => number(a.physical) - number(b.physical));
    for (let index = 1; index < ordered.length; index++) {
      const [before, irq] = [ordered[index - 1]!, ordered[index]!];
      const expected = (before.vector ?? 0) + 1;
      if (irq.vector !== expected) {
        const message = `MSI '${irq.logical}' of device '${device.logical}' of ${owner} has vector ${irq.vector}, expected ${expected} behind '${before.logical}'`;
        visit.report(irq, message, 'Vectors of the MSIs of one device are consecutive.');
      }
    }
  }
}

/** The kernel routes each host vector, and so each IRQ number, to one subject. */
function checkIrqOwners({ document, resources }: PolicyIndex, visit: Visit): void {
  const owners = new Map<number, { readonly owner: string; readonly line: string }>();
  for (const { owner, device, subject } of deviceReferences(document)) {
    if (subject === undefined) continue;
    for (const irq of device.irqs) {
      const number = resources.get(device.physical)?.irqs.get(irq.physical);
      if (number === undefined) continue;
      visit.examined();
      const earlier = owners.get(number);
      if (earlier === undefined) owners.set(number, { owner, line: lineOf(irq) });
      else {
        const message = `IRQ ${number} ('${device.physical}->${irq.physical}') of ${owner} is already assigned to ${earlier.owner} in ${earlier.line}`;
        visit.report(irq, message, 'The kernel routes an IRQ to one subject; assign it once.');
      }
    }
  }
}

/** PCI devices may share an interrupt line; an ISA IRQ or an MSI belongs to one device. */
function checkIrqNumbers({ document }: PolicyIndex, visit: Visit): void {
  const first = new Map<number, { readonly device: PhysicalDevice; readonly line: string }>();
  for (const device of document.hardware.devices) {
    for (const irq of device.irqs) {
      visit.examined();
      const earlier = first.get(irq.number);
      if (earlier === undefined) first.set(irq.number, { device, line: lineOf(irq) });
      else if (!(isLineBased(device) && isLineBased(earlier.device))) {
        const message = `device '${device.name}' has IRQ ${irq.number}, which '${earlier.device.name}' has in ${earlier.line}`;
        visit.report(irq, message, 'Only PCI devices with line-based interrupts may share an IRQ.');
      }
    }
  }
}

function checkPciReferences({ document, devices }: PolicyIndex, visit: Visit): void {
  for (const { owner, device, subject } of deviceReferences(document)) {
    const physical = devices.get(device.physical);
    if (physical === undefined || subject === undefined) continue;
    visit.examined();
    const who = `device '${device.logical}' of ${owner}`;
    if (device.pci !== undefined && physical.pci === undefined) {
      visit.report(device.pci, `${who} has a PCI address, but '${physical.name}' is no PCI device`, 'Remove <pci>.');
    }
    if (device.pci === undefined && physical.pci !== undefined) {
      visit.report(
        device,
        `${who} has no PCI address, but '${physical.name}' is a PCI device`,
        'Add <pci bus="16#00#" .../>.',
      );
    }
    if (device.pci !== undefined && device.pci.bus !== 0) {
      visit.report(
        device.pci,
        `${who} is on virtual PCI bus ${device.pci.bus}, expected 0`,
        'Subjects have PCI bus 0 only.',
      );
    }
  }
  for (const subject of document.subjects) {
    const entries = subject.devices.flatMap(({ pci }) => (pci === undefined ? [] : [{ key: bdf(pci), node: pci }]));
    reportDuplicates(visit, { what: `PCI address of subject '${subject.name}'`, entries });
  }
}

/** Rules about devices and who has them. */
export const DEVICE_RULES: readonly Rule[] = [
  rule(
    {
      code: 'DEV-PORT-ORDER',
      area: 'devices',
      title: 'Validate that I/O port ranges start at or before their end.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const device of document.hardware.devices) {
        for (const port of device.ioPorts) {
          visit.examined();
          if (port.start > port.end) {
            const message = `I/O ports '${port.name}' of '${device.name}' start at 0x${port.start.toString(16)}, after their end 0x${port.end.toString(16)}`;
            visit.report(port, message, 'Swap start and end.');
          }
        }
      }
    },
  ),
  rule(
    {
      code: 'DEV-PORT-UNIQUE',
      area: 'devices',
      title: 'Validate that I/O port ranges of devices do not overlap.',
      severity: 'error',
    },
    checkPorts,
  ),
  rule(
    {
      code: 'DEV-IRQ-UNIQUE',
      area: 'devices',
      title: 'Validate that physical IRQ numbers are unique, apart from PCI devices that share a line.',
      severity: 'error',
    },
    checkIrqNumbers,
  ),
  rule(
    {
      code: 'DEV-BDF-UNIQUE',
      area: 'devices',
      title: 'Validate that PCI addresses of physical devices are unique.',
      severity: 'error',
    },
    ({ document }, visit) => {
      const entries = document.hardware.devices.flatMap(({ pci }) =>
        pci === undefined ? [] : [{ key: bdf(pci), node: pci }],
      );
      reportDuplicates(visit, { what: 'PCI address', entries });
    },
  ),
  rule(
    {
      code: 'DEV-PCI-REFERENCE',
      area: 'devices',
      title: 'Validate that references to PCI devices, and only they, have a unique PCI address on virtual bus 0.',
      severity: 'error',
    },
    checkPciReferences,
  ),
  rule(
    {
      code: 'DEV-IRQ-OWNER',
      area: 'devices',
      title: 'Validate that each IRQ is assigned to at most one subject.',
      severity: 'error',
    },
    checkIrqOwners,
  ),
  rule(
    {
      code: 'DEV-MSI-VECTORS',
      area: 'devices',
      title: 'Validate that vectors of the MSIs of one device are consecutive.',
      severity: 'error',
    },
    checkMsiVectors,
  ),
  rule(
    {
      code: 'DEV-REFERENCE-UNIQUE',
      area: 'devices',
      title: 'Validate that no subject refers to one physical device twice.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const subject of document.subjects) {
        const entries = subject.devices.map(node => ({ key: node.physical, node }));
        reportDuplicates(visit, { what: `device of subject '${subject.name}'`, entries });
      }
    },
  ),
  rule(
    {
      code: 'DOM-DEVICE-UNIQUE',
      area: 'domains',
      title: 'Validate that each device is in at most one device domain and is a PCI device.',
      severity: 'error',
    },
    ({ document, devices }, visit) => {
      const references = document.deviceDomains.flatMap(domain => domain.devices);
      reportDuplicates(visit, {
        what: 'device in device domains',
        entries: references.map(node => ({ key: node.physical, node })),
      });
      for (const reference of references) {
        const device = devices.get(reference.physical);
        if (device !== undefined && device.pci === undefined) {
          visit.report(
            reference,
            `device '${device.name}' of a device domain is no PCI device`,
            'Only PCI devices have a VT-d context; remove it.',
          );
        }
      }
    },
  ),
];
