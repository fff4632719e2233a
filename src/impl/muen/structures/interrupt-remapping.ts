import type { PhysicalDevice, PolicyDocument } from '../../../policy/document.ts';
import type { StructureImage } from './build.ts';
import type { StructureOps } from './ops.ts';
import { VTD_TABLE_BYTES, type WideEntry, writeWide } from './vtd-tables.ts';

/** What an interrupt-remapping table entry says. */
export interface Remapping {
  readonly irq: number;
  readonly vector: number;
  /** x2APIC id of the CPU. */
  readonly destination: number;
  readonly isLevel: boolean;
  readonly sourceId: number;
}

/** Muen `Host_IRQ_Remap_Offset`. */
const VECTOR_OFFSET = 32;

/** Entry: present, fixed delivery, physical destination, source verified in full (VT-d specification, "Interrupt Remapping Table Entry"). */
export function encodeIrte({ vector, destination, isLevel, sourceId }: Remapping): WideEntry {
  const verifySource = 1 << 18;
  return [1 | (isLevel ? 1 << 4 : 0) | (vector << 16), destination, sourceId | verifySource, 0];
}

const capabilityNumber = (device: PhysicalDevice, name: string): number => {
  const text = device.capabilities.find(candidate => candidate.name === name)?.value.trim() ?? '0';
  const hex = /^16#(.*)#$/.exec(text)?.[1];
  const value =
    hex === undefined ? Number.parseInt(text.replaceAll('_', ''), 10) : Number.parseInt(hex.replaceAll('_', ''), 16);
  return Number.isNaN(value) ? 0 : value;
};

/** Requester id of the messages of a device's interrupt: its own if it sends them itself, else the I/O APIC's. */
export function sourceIdOf(document: PolicyDocument, device: PhysicalDevice, irq: number): number {
  if (device.pci?.msi === true) return (device.pci.bus << 8) | (device.pci.device << 3) | device.pci.function;
  const ioApics = document.hardware.devices.filter(({ capabilities }) =>
    capabilities.some(({ name }) => name === 'ioapic'),
  );
  const wired = ioApics.find(candidate => {
    const base = capabilityNumber(candidate, 'gsi_base');
    return base <= irq && irq <= base + capabilityNumber(candidate, 'max_redirection_entry');
  });
  const ioApic = wired ?? ioApics[0];
  return ioApic === undefined ? 0 : capabilityNumber(ioApic, 'source_id');
}

/** Remappings of all interrupts that are assigned to a subject. */
export function assignedInterrupts(
  document: PolicyDocument,
  ops: Pick<StructureOps, 'sourceIdOf'>,
): readonly Remapping[] {
  const remappings: Remapping[] = [];
  for (const subject of document.subjects) {
    const destination = document.hardware.processor.cpus.find(cpu => cpu.cpuId === subject.cpu)?.apicId ?? 0;
    for (const logical of subject.devices) {
      const device = document.hardware.devices.find(candidate => candidate.name === logical.physical);
      for (const { physical } of logical.irqs) {
        const irq = device?.irqs.find(candidate => candidate.name === physical)?.number;
        if (device === undefined || irq === undefined) continue;
        const isLevel = device.pci !== undefined && !device.pci.msi;
        const sourceId = ops.sourceIdOf(document, device, irq);
        remappings.push({ irq, vector: irq + VECTOR_OFFSET, destination, isLevel, sourceId });
      }
    }
  }
  return remappings;
}

/** Interrupt-remapping table (Muen: mugenvtd; region `vtd_ir`), entry = IRQ; none if the policy allocates none. */
export function remappingImages(document: PolicyDocument, ops: StructureOps): readonly StructureImage[] {
  if (!document.memory.some(region => region.type === 'system_vtd_ir')) return [];
  const table = new DataView(new ArrayBuffer(VTD_TABLE_BYTES));
  for (const remapping of ops.assignedInterrupts(document, ops)) {
    if (remapping.irq < 256) writeWide(table, remapping.irq, ops.encodeIrte(remapping));
  }
  return [{ region: 'vtd_ir', bytes: new Uint8Array(table.buffer), node: document.hardware }];
}
