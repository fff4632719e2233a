import type { KernelSection, LogicalDevice } from './document.ts';
import { group, leaf, many, type NodeOf, needs, one, optional } from './grammar.ts';
import { decimal, NAME } from './literal.ts';
import { PCI_ADDRESS, toPciAddress } from './parse-hardware.ts';
import { MAPPING, MAPPINGS, toMappings } from './parse-memory.ts';

/** Interrupt vector of a subject. */
export const VECTOR = decimal('an interrupt vector', 0, 255);

const DEVICE_REFERENCE = {
  attributes: { logical: needs(NAME), physical: needs(NAME) },
  children: {
    pci: optional(PCI_ADDRESS),
    irq: many(leaf({ logical: needs(NAME), physical: needs(NAME), vector: needs(VECTOR) })),
    memory: many(MAPPING),
    ioPort: many(leaf({ logical: needs(NAME), physical: needs(NAME) })),
  },
};

/** Grammar of the devices of a subject or of the kernel in formats A and B. */
export const DEVICE_REFERENCES = group({ device: many(DEVICE_REFERENCE) });

export function toLogicalDevices(node: NodeOf<typeof DEVICE_REFERENCES>): readonly LogicalDevice[] {
  return node.children.device.map(({ at, attributes, children }) => {
    const pci = children.pci[0];
    return {
      at,
      logical: attributes.logical,
      physical: attributes.physical,
      ...(pci === undefined ? {} : { pci: toPciAddress(pci) }),
      irqs: children.irq.map(irq => ({ at: irq.at, ...irq.attributes, msis: [] })),
      memory: toMappings(children.memory),
      ioPorts: children.ioPort.map(port => ({ at: port.at, ...port.attributes })),
    };
  });
}

/** Grammar of `/system/kernel`. */
export const KERNEL = group({
  memory: one(
    group({ cpu: many({ attributes: { id: needs(decimal('a CPU id', 0, 255)) }, children: MAPPINGS.children }, 1) }),
  ),
  devices: one(DEVICE_REFERENCES),
});

export function toKernel({ at, children }: NodeOf<typeof KERNEL>): KernelSection {
  return {
    at,
    cpus: children.memory[0]!.children.cpu.map(cpu => ({
      at: cpu.at,
      id: cpu.attributes.id,
      memory: toMappings(cpu.children.memory),
    })),
    devices: toLogicalDevices(children.devices[0]!),
  };
}
