import type { PhysicalDevice, PolicyNode } from '../document.ts';
import { placeOf } from '../finding.ts';
import { deviceReferences, hasCapability, type PolicyIndex } from '../policy-index.ts';
import { type Rule, type Visit, validatorRule } from '../rule.ts';

/** Highest IRQ number that the kernel can remap (muen.md section 4: host vector = IRQ + 32 below 253). */
const MAX_IRQ = 220;
const MAX_ISA_IRQ = 15;
/** A PCI device has the lines INTA to INTD. */
const MAX_LINES = 4;

/** How a device signals interrupts: ISA lines, PCI lines (level-triggered) or messages. */
export type IrqKind = 'ISA' | 'PCI LSI' | 'PCI MSI';
export const irqKind = ({ pci }: PhysicalDevice): IrqKind =>
  pci === undefined ? 'ISA' : pci.msi ? 'PCI MSI' : 'PCI LSI';

/** Highest IRQ that an I/O APIC delivers; undefined when none says so. */
function maxLine({ document }: PolicyIndex): number | undefined {
  const lines = document.hardware.devices.flatMap(device => {
    if (!hasCapability(device, 'ioapic')) return [];
    const value = (name: string): number =>
      Number(device.capabilities.find(capability => capability.name === name)?.value ?? Number.NaN);
    const last = value('gsi_base') + value('max_redirection_entry');
    return Number.isSafeInteger(last) ? [last] : [];
  });
  return lines.length === 0 ? undefined : lines.reduce((most, line) => Math.max(most, line));
}

function reportRange(
  index: PolicyIndex,
  visit: Visit,
  { kind, low, high }: { readonly kind: IrqKind; readonly low: number; readonly high: number },
): void {
  for (const device of index.document.hardware.devices) {
    if (irqKind(device) !== kind) continue;
    for (const irq of device.irqs) {
      visit.examined();
      if (irq.number >= low && irq.number <= high) continue;
      const message = `${kind} IRQ '${irq.name}' of device '${device.name}' is ${irq.number}, expected ${low} .. ${high}`;
      visit.report(irq, message, 'Use a number that interrupts of this kind have.');
    }
  }
}

function checkLines(index: PolicyIndex, visit: Visit): void {
  const high = maxLine(index);
  reportRange(index, visit, { kind: 'PCI LSI', low: 0, high: high ?? MAX_IRQ });
  for (const device of index.document.hardware.devices) {
    if (irqKind(device) !== 'PCI LSI' || device.irqs.length <= MAX_LINES) continue;
    const message = `device '${device.name}' has ${device.irqs.length} line-based IRQs, expected at most ${MAX_LINES}`;
    visit.report(device.irqs[MAX_LINES]!, message, 'A PCI device has the lines INTA to INTD.');
  }
}

/** IRQs by number, first ones first; names decide between equal numbers so that the order is the same everywhere. */
const byNumber = <T extends { readonly number: number }>(irqs: readonly T[]): T[] =>
  [...irqs].sort((a, b) => a.number - b.number);

/** PCI devices may share an interrupt line; an ISA IRQ or an MSI belongs to one device. */
function checkNumbers({ document }: PolicyIndex, visit: Visit): void {
  const first = new Map<number, { readonly device: PhysicalDevice; readonly line: string }>();
  for (const device of document.hardware.devices) {
    for (const irq of device.irqs) {
      const earlier = first.get(irq.number);
      if (earlier === undefined) first.set(irq.number, { device, line: placeOf(irq) });
      else if (irqKind(device) !== 'PCI LSI' || irqKind(earlier.device) !== 'PCI LSI') {
        const message = `device '${device.name}' has IRQ ${irq.number}, which '${earlier.device.name}' has in ${earlier.line}`;
        visit.report(irq, message, 'Only PCI devices with line-based interrupts may share an IRQ.');
      }
    }
  }
}

/** The kernel routes each host vector, and so each IRQ number, to one subject. */
function checkOwners({ document, resources }: PolicyIndex, visit: Visit): void {
  const owners = new Map<number, { readonly owner: string; readonly line: string }>();
  for (const { owner, device, subject } of deviceReferences(document)) {
    if (subject === undefined) continue;
    for (const irq of device.irqs) {
      const number = resources.get(device.physical)?.irqs.get(irq.physical);
      if (number === undefined) continue;
      visit.examined();
      const earlier = owners.get(number);
      if (earlier === undefined) owners.set(number, { owner, line: placeOf(irq) });
      else {
        const message = `IRQ ${number} ('${device.physical}->${irq.physical}') of ${owner} is already assigned to ${earlier.owner} in ${earlier.line}`;
        visit.report(irq, message, 'The kernel routes an IRQ to one subject; assign it once.');
      }
    }
  }
}

function checkConsecutive(index: PolicyIndex, visit: Visit): void {
  for (const device of index.document.hardware.devices) {
    if (irqKind(device) !== 'PCI MSI' || device.irqs.length < 2) continue;
    let before: { readonly name: string; readonly number: number } | undefined;
    for (const irq of byNumber(device.irqs)) {
      visit.examined();
      if (before !== undefined && irq.number > before.number + 1) {
        const message = `MSI '${irq.name}' of device '${device.name}' is IRQ ${irq.number}, expected ${before.number + 1} behind '${before.name}'`;
        visit.report(irq, message, 'A device sends its messages with consecutive numbers.');
      }
      before = irq;
    }
  }
}

interface Vector extends PolicyNode {
  readonly logical: string;
  readonly vector: number;
  readonly number: number;
}

function checkVectors({ document, devices, resources }: PolicyIndex, visit: Visit): void {
  for (const { owner, device, subject } of deviceReferences(document)) {
    const physical = devices.get(device.physical);
    if (subject === undefined || physical === undefined || irqKind(physical) !== 'PCI MSI') continue;
    if (device.irqs.length < 2) continue;
    const numbers = resources.get(device.physical)?.irqs;
    const vectors: Vector[] = device.irqs.flatMap(({ at, logical, vector, physical: name }) => {
      const number = numbers?.get(name);
      return vector === undefined || number === undefined ? [] : [{ at, logical, vector, number }];
    });
    let before: Vector | undefined;
    for (const irq of byNumber(vectors)) {
      visit.examined();
      if (before !== undefined && irq.vector !== before.vector + 1) {
        const message = `MSI '${irq.logical}' of device '${device.logical}' of ${owner} has vector ${irq.vector}, expected ${before.vector + 1} behind '${before.logical}'`;
        visit.report(irq, message, 'Vectors of the MSIs of one device are consecutive.');
      }
      before = irq;
    }
  }
}

/** Rules about interrupts of devices. */
export const IRQ_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'DEV-IRQ-UNIQUE',
      area: 'devices',
      title:
        'Validate that IRQ numbers are unique, apart from PCI devices that share a line, and assigned to at most one subject.',
      validator: 'device.Physical_IRQ_Uniqueness',
    },
    (index, visit) => {
      checkNumbers(index, visit);
      checkOwners(index, visit);
    },
  ),
  validatorRule(
    {
      code: 'DEV-IRQ-ISA',
      area: 'devices',
      title: `Validate that IRQs of devices without PCI address are at most ${MAX_ISA_IRQ}.`,
      validator: 'device.Physical_IRQ_Constraints_ISA',
    },
    (index, visit) => reportRange(index, visit, { kind: 'ISA', low: 0, high: MAX_ISA_IRQ }),
  ),
  validatorRule(
    {
      code: 'DEV-IRQ-LSI',
      area: 'devices',
      title: `Validate that PCI devices without MSI have at most ${MAX_LINES} IRQs, of lines that an I/O APIC has.`,
      validator: 'device.Physical_IRQ_Constraints_PCI_LSI',
    },
    checkLines,
  ),
  validatorRule(
    {
      code: 'DEV-IRQ-MSI',
      area: 'devices',
      title: `Validate that IRQs of PCI devices with MSI are above the lines of the I/O APICs and at most ${MAX_IRQ}.`,
      validator: 'device.Physical_IRQ_Constraints_PCI_MSI',
    },
    (index, visit) => reportRange(index, visit, { kind: 'PCI MSI', low: (maxLine(index) ?? -1) + 1, high: MAX_IRQ }),
  ),
  validatorRule(
    {
      code: 'DEV-MSI-CONSECUTIVE',
      area: 'devices',
      title: 'Validate that the MSIs of a PCI device have consecutive IRQ numbers.',
      validator: 'device.Physical_IRQ_MSI_Consecutiveness',
    },
    checkConsecutive,
  ),
  validatorRule(
    {
      code: 'DEV-MSI-VECTORS',
      area: 'devices',
      title: 'Validate that vectors of the MSIs of one device are consecutive.',
      validator: 'subject.Logical_IRQ_MSI_Consecutiveness',
    },
    checkVectors,
  ),
];
