import { CACHING_TYPES, type DevicePci, type Hardware, type PciAddress, type PhysicalDevice } from './document.ts';
import { group, leaf, many, may, type NodeOf, needs, one, optional } from './grammar.ts';
import {
  ADDRESS,
  BOOLEAN,
  BYTE,
  decimal,
  NAME,
  oneOf,
  PCI_DEVICE,
  SIZE,
  TEXT,
  WORD16,
  WORD32,
  WORD64,
  XS_BOOLEAN,
} from './literal.ts';

/** Highest IRQ number that the kernel can remap (muen.md section 4: host vector = IRQ + 32 below 253). */
const IRQ_NUMBER = decimal('an IRQ number', 0, 220);
export const CACHING = oneOf('a caching type', CACHING_TYPES);

export const PCI_ADDRESS = leaf({
  bus: needs(BYTE),
  device: needs(PCI_DEVICE),
  function: needs(decimal('a PCI function number', 0, 7)),
});

const CPU = leaf({
  apicId: needs(decimal('an APIC id', 0, 255)),
  cpuId: needs(decimal('a CPU id', 0, 255)),
});

const CPUID = leaf({
  leaf: needs(WORD32),
  subleaf: needs(BYTE),
  eax: needs(WORD32),
  ebx: needs(WORD32),
  ecx: needs(WORD32),
  edx: needs(WORD32),
});

const PROCESSOR = {
  attributes: {
    cpuCores: needs(decimal('a number of CPU cores', 1, 255)),
    speed: needs(decimal('a TSC frequency in kHz', 1, 2 ** 32 - 1)),
    vmxTimerRate: needs(decimal('a VMX-preemption timer rate', 0, 31)),
  },
  children: {
    cpu: many(CPU, 1),
    cpuid: many(CPUID),
    msr: many(leaf({ address: needs(WORD32), name: needs(TEXT), regval: needs(WORD64) })),
  },
};

const MEMORY_BLOCK = leaf({
  name: needs(NAME),
  physicalAddress: needs(ADDRESS),
  size: needs(SIZE),
  allocatable: needs(BOOLEAN),
});

const PCI = {
  attributes: { ...PCI_ADDRESS.attributes, msi: needs(XS_BOOLEAN) },
  children: {
    identification: one(
      leaf({ classcode: needs(WORD16), vendorId: needs(WORD16), deviceId: needs(WORD16), revisionId: needs(BYTE) }),
    ),
    iommuGroup: optional(leaf({ id: needs(decimal('an IOMMU group', 0, 2 ** 32 - 1)) })),
  },
};

const DEVICE = {
  attributes: { name: needs(NAME) },
  children: {
    description: optional({ attributes: {}, children: {}, text: TEXT }),
    pci: optional(PCI),
    irq: many({
      attributes: { name: needs(NAME), number: needs(IRQ_NUMBER) },
      children: { msi: many(leaf({ name: needs(NAME) })) },
    }),
    memory: many(
      leaf({ name: needs(NAME), physicalAddress: needs(ADDRESS), size: needs(SIZE), caching: needs(CACHING) }),
    ),
    ioPort: many(leaf({ name: needs(NAME), start: needs(WORD16), end: needs(WORD16) })),
    capabilities: optional(
      group({ capability: many({ attributes: { name: needs(TEXT) }, children: {}, text: TEXT }, 1) }),
    ),
  },
};

/** Grammar of `/system/hardware` in formats A and B. */
export const HARDWARE = group({
  processor: one(PROCESSOR),
  memory: one(group({ memoryBlock: many(MEMORY_BLOCK, 1) })),
  devices: one({
    attributes: { pciConfigAddress: may(ADDRESS), pciConfigSize: may(SIZE) },
    children: { device: many(DEVICE) },
  }),
});

export function toHardware(node: NodeOf<typeof HARDWARE>): Hardware {
  const [processor, memory, devices] = [
    node.children.processor[0]!,
    node.children.memory[0]!,
    node.children.devices[0]!,
  ];
  const { pciConfigAddress, pciConfigSize } = devices.attributes;
  return {
    at: node.at,
    processor: {
      at: processor.at,
      cpuCores: processor.attributes.cpuCores,
      speedKhz: processor.attributes.speed,
      vmxTimerRate: processor.attributes.vmxTimerRate,
      cpus: processor.children.cpu.map(({ at, attributes }) => ({ at, ...attributes })),
      cpuid: processor.children.cpuid.map(({ at, attributes }) => ({ at, ...attributes })),
      msrs: processor.children.msr.map(({ at, attributes: { address, name, regval } }) => ({
        at,
        address,
        name,
        value: regval,
      })),
    },
    memoryBlocks: memory.children.memoryBlock.map(
      ({ at, attributes: { name, physicalAddress, size, allocatable } }) => ({
        at,
        name,
        physicalAddress,
        sizeBytes: size,
        allocatable,
      }),
    ),
    reservedMemory: [],
    ...(pciConfigAddress === undefined ? {} : { pciConfigAddress }),
    ...(pciConfigSize === undefined ? {} : { pciConfigSizeBytes: pciConfigSize }),
    devices: devices.children.device.map(toDevice),
  };
}

function toDevice({ at, attributes, children }: NodeOf<typeof DEVICE>): PhysicalDevice {
  const description = children.description[0]?.text;
  const pci = children.pci[0];
  return {
    at,
    name: attributes.name,
    ...(description === undefined ? {} : { description }),
    ...(pci === undefined ? {} : { pci: toDevicePci(pci) }),
    irqs: children.irq.map(irq => ({
      at: irq.at,
      name: irq.attributes.name,
      number: irq.attributes.number,
      msis: irq.children.msi.map(msi => ({ at: msi.at, name: msi.attributes.name })),
    })),
    memory: children.memory.map(({ at: place, attributes: { name, physicalAddress, size, caching } }) => ({
      at: place,
      name,
      physicalAddress,
      sizeBytes: size,
      caching,
    })),
    ioPorts: children.ioPort.map(port => ({ at: port.at, ...port.attributes })),
    reservedMemory: [],
    capabilities: (children.capabilities[0]?.children.capability ?? []).map(capability => ({
      at: capability.at,
      name: capability.attributes.name,
      value: capability.text.trim(),
    })),
  };
}

export function toPciAddress({ at, attributes }: NodeOf<typeof PCI_ADDRESS>): PciAddress {
  return { at, bus: attributes.bus, device: attributes.device, function: attributes.function };
}

function toDevicePci({ at, attributes, children }: NodeOf<typeof PCI>): DevicePci {
  const identification = children.identification[0]!.attributes;
  const iommuGroup = children.iommuGroup[0]?.attributes.id;
  return {
    at,
    bus: attributes.bus,
    device: attributes.device,
    function: attributes.function,
    msi: attributes.msi,
    identification: {
      classCode: identification.classcode,
      deviceId: identification.deviceId,
      revisionId: identification.revisionId,
      vendorId: identification.vendorId,
    },
    ...(iommuGroup === undefined ? {} : { iommuGroup }),
  };
}
