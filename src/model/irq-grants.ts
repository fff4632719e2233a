import type { PhysicalDevice, PolicyDocument } from '../policy/document.ts';

/** An interrupt that a device may raise, as the interrupt-remapping hardware sees it. */
export interface IrqGrant {
  readonly irq: number;
  /** Host vector that arrives at the CPU: IRQ + 32. */
  readonly vector: number;
  /** APIC id of the CPU that runs the owner. */
  readonly apicId: number;
  readonly isLevel: boolean;
  /** Who may raise it: bus << 8 | device << 3 | function, of the I/O APIC or the device itself. */
  readonly sourceId: number;
  readonly owner: string;
  /** `device/irq`. */
  readonly name: string;
  /** Policy line of the subject's reference. */
  readonly line: number;
}

const FIRST_HOST_VECTOR = 32;

const capability = (device: PhysicalDevice, name: string): string | undefined =>
  device.capabilities.find(candidate => candidate.name === name)?.value.trim();

/** Number in a capability: decimal or `16#f0f8#`, as all numbers of the policy. */
function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const based = /^16#([0-9a-f_]+)#$/i.exec(text);
  const value = based === null ? Number(text.replaceAll('_', '')) : Number.parseInt(based[1]!.replaceAll('_', ''), 16);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Source id of the I/O APIC that an interrupt line is wired to: the one whose range holds it, else the first. */
function ioApicSourceId(document: PolicyDocument, irq: number): number {
  const all = document.hardware.devices.filter(device => capability(device, 'ioapic') !== undefined);
  const isWired = (device: PhysicalDevice): boolean => {
    const base = numberOf(capability(device, 'gsi_base')) ?? 0;
    return irq >= base && irq <= base + (numberOf(capability(device, 'max_redirection_entry')) ?? 0);
  };
  const chosen = all.find(isWired) ?? all[0];
  return chosen === undefined ? 0 : (numberOf(capability(chosen, 'source_id')) ?? 0);
}

/** Every interrupt that some subject's device may raise; one that is not listed must be blocked (muen.md section 4). */
export function irqGrants(document: PolicyDocument): readonly IrqGrant[] {
  const devices = new Map(document.hardware.devices.map(device => [device.name, device]));
  const apicIds = new Map(document.hardware.processor.cpus.map(cpu => [cpu.cpuId, cpu.apicId]));
  return document.subjects.flatMap(subject =>
    subject.devices.flatMap(reference => {
      const device = devices.get(reference.physical);
      return reference.irqs.flatMap(irq => {
        const number = device?.irqs.find(candidate => candidate.name === irq.physical)?.number;
        if (device === undefined || number === undefined) return [];
        const pci = device.pci;
        const isMessage = pci?.msi === true;
        return [
          {
            irq: number,
            vector: number + FIRST_HOST_VECTOR,
            apicId: apicIds.get(subject.cpu) ?? 0,
            isLevel: pci?.msi === false,
            sourceId: isMessage ? pci.bus * 256 + pci.device * 8 + pci.function : ioApicSourceId(document, number),
            owner: subject.name,
            name: `${device.name}/${irq.physical}`,
            line: irq.at.line,
          },
        ];
      });
    }),
  );
}
