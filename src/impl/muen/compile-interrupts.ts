import type { PhysicalDevice, PolicyDocument } from '../../policy/document.ts';
import type { LineSpec, VectorRoute } from './tables.ts';

/** Host vector of a hardware IRQ = IRQ number + 32 (Muen `Host_IRQ_Remap_Offset`). */
export const IRQ_REMAP_OFFSET = 32;
/** First host vector that the kernel uses itself: VT-d fault reporting. */
export const VTD_FAULT_VECTOR = 253;
/** Host vector of inter-processor interrupts. */
export const IPI_VECTOR = 254;

/** Vector routing: each IRQ of a device that is assigned to a subject, by host vector. */
export function compileInterrupts(document: PolicyDocument): readonly (VectorRoute | undefined)[] {
  const routing: (VectorRoute | undefined)[] = Array.from({ length: 256 });
  const devices = new Map(document.hardware.devices.map(device => [device.name, device]));
  for (const subject of document.subjects) {
    for (const logical of subject.devices) {
      const device = devices.get(logical.physical);
      if (device === undefined) continue;
      for (const irq of logical.irqs) {
        const number = device.irqs.find(row => row.name === irq.physical)?.number;
        if (number === undefined || irq.vector === undefined) continue;
        routing[number + IRQ_REMAP_OFFSET] = {
          subject: subject.globalId,
          vector: irq.vector,
          level: isLevelTriggered(device),
        };
      }
    }
  }
  return routing;
}

/** Lines of the I/O APIC that belong to a subject, each once: all assigned interrupts but MSIs. */
export function compileLines(document: PolicyDocument): readonly LineSpec[] {
  const lines = new Map<number, LineSpec>();
  const devices = new Map(document.hardware.devices.map(device => [device.name, device]));
  for (const logical of document.subjects.flatMap(subject => subject.devices)) {
    const device = devices.get(logical.physical);
    if (device === undefined || device.pci?.msi === true) continue;
    for (const { physical } of logical.irqs) {
      const irq = device.irqs.find(row => row.name === physical)?.number;
      if (irq !== undefined) lines.set(irq, { irq, isLevel: isLevelTriggered(device) });
    }
  }
  return [...lines.values()];
}

/** PCI line-signalled interrupts are level-triggered; ISA and MSI are edges. */
function isLevelTriggered(device: PhysicalDevice): boolean {
  return device.pci !== undefined && !device.pci.msi;
}
