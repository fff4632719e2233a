import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { LogicalDevice, PciAddress, Subject } from '../document.ts';
import { placeOf } from '../finding.ts';
import { deviceReferences, hasCapability, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';
import { reportDuplicates } from './names.ts';

const bdf = ({ bus, device, function: fn }: Omit<PciAddress, 'at'>): string =>
  `${bus.toString(16).padStart(2, '0')}:${device.toString(16).padStart(2, '0')}.${fn}`;

/** Guest-physical address of the PCI configuration space of every subject (muen.md section 9). */
const MMCONF_BASE = 0xf800_0000;
const mmconfAddress = ({ bus, device, function: fn }: PciAddress): number =>
  MMCONF_BASE + (bus * 256 + device * 8 + fn) * PAGE_SIZE_BYTES;

/** Device references of subjects with the device that they refer to. */
const subjectReferences = (index: PolicyIndex) =>
  index.document.subjects.flatMap(subject =>
    subject.devices.map(device => ({ subject, device, physical: index.devices.get(device.physical) })),
  );

function checkPorts({ document }: PolicyIndex, visit: Visit): void {
  const ports = document.hardware.devices
    .flatMap(device => device.ioPorts.map(port => ({ device, port })))
    .sort((a, b) => a.port.start - b.port.start);
  let reaching: (typeof ports)[number] | undefined;
  for (const entry of ports) {
    visit.examined();
    // An empty range is reported by DEV-PORT-ORDER.
    if (entry.port.end < entry.port.start) continue;
    if (reaching !== undefined && entry.port.start <= reaching.port.end) {
      const message = `I/O ports '${entry.port.name}' of '${entry.device.name}' start at 0x${entry.port.start.toString(16)}, inside '${reaching.port.name}' of '${reaching.device.name}' (to 0x${reaching.port.end.toString(16)})`;
      visit.report(entry.port, message, 'One port cannot belong to two devices.');
    }
    if (reaching === undefined || entry.port.end > reaching.port.end) reaching = entry;
  }
}

function checkLegacy(index: PolicyIndex, visit: Visit): void {
  for (const { owner, device, subject } of deviceReferences(index.document)) {
    // The kernel drives PCI devices, too, and has no PCI addresses.
    if (device.pci !== undefined || subject === undefined) continue;
    const physical = index.devices.get(device.physical);
    visit.examined();
    if (physical?.pci === undefined) continue;
    const message = `device '${device.logical}' of ${owner} has no PCI address, but '${physical.name}' is the PCI device ${bdf(physical.pci)}`;
    visit.report(device, message, 'Add <pci bus="16#00#" .../>.');
  }
}

function checkPci(index: PolicyIndex, visit: Visit): void {
  for (const { owner, device } of deviceReferences(index.document)) {
    if (device.pci === undefined) continue;
    const physical = index.devices.get(device.physical);
    visit.examined();
    if (physical === undefined || physical.pci !== undefined) continue;
    const message = `device '${device.logical}' of ${owner} has the PCI address ${bdf(device.pci)}, but '${physical.name}' is no PCI device`;
    visit.report(device.pci, message, 'Remove <pci>.');
  }
}

function checkMultifunction(index: PolicyIndex, visit: Visit): void {
  const functions = new Map<string, number>();
  const key = ({ bus, device }: PciAddress): string => `${bus}:${device}`;
  for (const { pci } of index.document.hardware.devices) {
    if (pci !== undefined) functions.set(key(pci), (functions.get(key(pci)) ?? 0) + 1);
  }
  const first = new Map<string, { readonly subject: string; readonly device: LogicalDevice }>();
  // Siblings share the devices of their origin.
  const owner = (subject: Subject): string => subject.siblingOf ?? subject.name;
  for (const { subject, device, physical } of subjectReferences(index)) {
    if (physical?.pci === undefined || (functions.get(key(physical.pci)) ?? 0) < 2) continue;
    visit.examined();
    const earlier = first.get(key(physical.pci));
    if (earlier === undefined) {
      first.set(key(physical.pci), { subject: owner(subject), device });
      continue;
    }
    const what = `function ${bdf(physical.pci)} ('${physical.name}') of a multi-function device`;
    if (earlier.subject !== owner(subject)) {
      const message = `${what} belongs to subject '${subject.name}', another function to '${earlier.subject}' (${placeOf(earlier.device)})`;
      visit.report(device, message, 'Give all functions of one device to one subject.');
    } else if (earlier.device.pci?.device !== device.pci?.device) {
      const message = `${what} has the logical device number ${device.pci?.device}, another function ${earlier.device.pci?.device} (${placeOf(earlier.device)})`;
      visit.report(device, message, 'Give all functions of one device the same logical device number.');
    }
  }
}

function checkMmconf(index: PolicyIndex, visit: Visit): void {
  for (const { subject, device, physical } of subjectReferences(index)) {
    const config = device.memory.find(mapping => mapping.physical === 'mmconf');
    if (device.pci === undefined || physical === undefined || config === undefined) continue;
    visit.examined();
    const expected = mmconfAddress(device.pci);
    if (config.virtualAddress === expected) continue;
    const message = `PCI config space of device '${device.logical}' of subject '${subject.name}' is at ${formatAddress(config.virtualAddress)}, expected ${formatAddress(expected)} for ${bdf(device.pci)}`;
    visit.report(config, message, 'The subject looks for it at the address of the logical PCI device.');
  }
}

function checkPortOrder({ document }: PolicyIndex, visit: Visit): void {
  for (const device of document.hardware.devices) {
    for (const port of device.ioPorts) {
      visit.examined();
      if (port.start <= port.end) continue;
      const message = `I/O ports '${port.name}' of '${device.name}' start at 0x${port.start.toString(16)}, after their end 0x${port.end.toString(16)}`;
      visit.report(port, message, 'Swap start and end.');
    }
  }
}

function checkIommuSizes({ document }: PolicyIndex, visit: Visit): void {
  for (const iommu of document.hardware.devices.filter(device => hasCapability(device, 'iommu'))) {
    for (const memory of iommu.memory) {
      visit.examined();
      if (memory.sizeBytes === PAGE_SIZE_BYTES) continue;
      const message = `registers of IOMMU '${iommu.name}' have ${formatAddress(memory.sizeBytes)} bytes, expected ${formatAddress(PAGE_SIZE_BYTES)}`;
      visit.report(memory, message, 'Correct the size.');
    }
  }
}

function checkDomainDevices({ document }: PolicyIndex, visit: Visit): void {
  const references = document.deviceDomains.flatMap(domain => domain.devices);
  const entries = references.map(node => ({ key: node.physical, node }));
  reportDuplicates(visit, { what: 'device in device domains', entries });
}

type Row = readonly [string, string, string, (index: PolicyIndex, visit: Visit) => void];
/** Rows of this file: code, check of the real validator, title, body. */
const ROWS: readonly Row[] = [
  [
    'DEV-LEGACY-REFERENCE',
    'Legacy_Device_References',
    'Validate that references without PCI address refer to devices that are no PCI devices.',
    checkLegacy,
  ],
  [
    'DEV-PCI-REFERENCE',
    'PCI_Device_References',
    'Validate that references with a PCI address refer to PCI devices.',
    checkPci,
  ],
  [
    'DEV-PORT-ORDER',
    'IO_Port_Start_Smaller_End',
    'Validate that I/O port ranges start at or before their end.',
    checkPortOrder,
  ],
  ['DEV-PORT-UNIQUE', 'IO_Port_Uniqueness', 'Validate that I/O port ranges of devices do not overlap.', checkPorts],
  [
    'DEV-BDF-UNIQUE',
    'PCI_Device_BDF_Uniqueness',
    'Validate that PCI addresses of physical devices are unique.',
    ({ document }, visit) => {
      const devices = document.hardware.devices.flatMap(({ pci }) => pci ?? []);
      reportDuplicates(visit, { what: 'PCI address', entries: devices.map(node => ({ key: bdf(node), node })) });
    },
  ],
  [
    'DEV-REFERENCE-UNIQUE',
    'Device_Reference_Uniqueness',
    'Validate that no subject refers to one physical device twice.',
    ({ document }, visit) => {
      for (const subject of document.subjects) {
        const entries = subject.devices.map(node => ({ key: node.physical, node }));
        reportDuplicates(visit, { what: `device of subject '${subject.name}'`, entries });
      }
    },
  ],
  [
    'DEV-MULTIFUNCTION',
    'PCI_Multifunction_Device_Refs',
    'Validate that all functions of a PCI device belong to one subject and have one logical device number.',
    checkMultifunction,
  ],
  [
    'DEV-REFERENCE-BDF-UNIQUE',
    'Device_Reference_BDF_Uniqueness',
    'Validate that PCI addresses of device references are unique per subject.',
    ({ document }, visit) => {
      for (const subject of document.subjects) {
        const entries = subject.devices.flatMap(({ pci }) => (pci === undefined ? [] : [{ key: bdf(pci), node: pci }]));
        reportDuplicates(visit, { what: `PCI address of subject '${subject.name}'`, entries });
      }
    },
  ],
  [
    'DEV-PCI-BUS',
    'Device_References_PCI_Bus_Number',
    'Validate that all logical PCI devices are on bus 0.',
    (index, visit) => {
      for (const { subject, device } of subjectReferences(index)) {
        if (device.pci === undefined) continue;
        visit.examined();
        if (device.pci.bus === 0) continue;
        const message = `device '${device.logical}' of subject '${subject.name}' is on virtual PCI bus ${device.pci.bus}, expected 0`;
        visit.report(device.pci, message, 'Subjects have PCI bus 0 only.');
      }
    },
  ],
  ['DEV-IOMMU-SIZE', 'IOMMU_Region_Size', 'Validate that registers of IOMMUs have one page.', checkIommuSizes],
];

/** Rules about devices and who has them. */
export const DEVICE_RULES: readonly Rule[] = [
  ...ROWS.map(([code, name, title, body]) =>
    validatorRule({ code, area: 'devices', title, validator: `device.${name}` }, body),
  ),
  validatorRule(
    {
      code: 'DEV-MMCONF',
      area: 'devices',
      title: 'Validate that subjects find the PCI config space of their devices at the address of the logical device.',
      validator: 'subject.Device_Mmconf_Mappings',
    },
    checkMmconf,
  ),
  validatorRule(
    {
      code: 'DOM-DEVICE-UNIQUE',
      area: 'domains',
      title: 'Validate that each device is in at most one device domain.',
      validator: 'device_domains.Device_Reference_Uniqueness',
    },
    checkDomainDevices,
  ),
  rule(
    {
      code: 'DOM-DEVICE-PCI',
      area: 'domains',
      title: 'Validate that devices of device domains are PCI devices.',
      severity: 'error',
    },
    ({ document, devices }, visit) => {
      for (const { physical } of document.deviceDomains.flatMap(domain => domain.devices)) {
        visit.examined();
        const device = devices.get(physical);
        if (device === undefined || device.pci !== undefined) continue;
        visit.report(
          device,
          `device '${physical}' of a device domain is no PCI device`,
          'Only PCI devices have a VT-d context; remove it.',
        );
      }
    },
  ),
];
