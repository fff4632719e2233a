import type { MemoryRegion, PolicyDocument, Subject } from '../policy/document.ts';

/** A fact that the policy lets a subject learn about its resources, as text that two sides can compare. */
export interface KnownResource {
  readonly kind: 'memory' | 'event' | 'vector' | 'device' | 'device_memory';
  readonly name: string;
  /** Canonical text of all that is said about it, without its content hash. */
  readonly facts: string;
  /** Content hash: 64 hex digits, zeros if the content has none, undefined if the policy does not state it. */
  readonly hash?: string;
  readonly line: number;
}

/** Word of the subject information for a memory type: the type without its prefixes. */
export const memoryWord = (type: string): string => type.replace(/^subject_/, '').replace(/^acpi_/, '');

const access = (mapping: { readonly writable: boolean; readonly executable: boolean }): string =>
  `${mapping.writable ? 'w' : '-'}${mapping.executable ? 'x' : '-'}`;

function contentWord(region: MemoryRegion): string {
  if (region.content === undefined) return 'empty';
  return region.content.kind === 'fill' ? `fill ${region.content.pattern}` : 'file';
}

function hashOf(document: PolicyDocument, region: MemoryRegion): string | undefined {
  const stated = region.hash ?? document.memory.find(other => other.name === region.hashRef)?.hash;
  if (stated === 'none') return '0'.repeat(64);
  if (stated !== undefined) return stated.toLowerCase();
  // Content without a stated hash may be hashed by a later step of the toolchain; memory without content never is.
  return region.content === undefined && region.hashRef === undefined ? '0'.repeat(64) : undefined;
}

export const memoryFacts = (
  word: string,
  content: string,
  rights: string,
  address: number,
  sizeBytes: number,
): string => `${word}, ${content}, ${rights}, address ${address.toString(16)}, size ${sizeBytes.toString(16)}`;

export const deviceMemoryFacts = (rights: string, address: number, sizeBytes: number): string =>
  `${rights}, address ${address.toString(16)}, size ${sizeBytes.toString(16)}`;

export const deviceFacts = (
  sourceId: number,
  firstIrte: number,
  firstVector: number,
  count: number,
  isMsi: boolean,
): string =>
  `source ${sourceId}, entries from ${firstIrte}, vectors from ${firstVector}, ${count} interrupts${isMsi ? ', MSI' : ''}`;

/** Everything that a subject may be told: what it maps, the PCI devices that it has, its vmcall events and its vectors. */
export function subjectKnowledge(document: PolicyDocument, subject: Subject): readonly KnownResource[] {
  const regions = new Map(document.memory.map(region => [region.name, region]));
  const hardware = new Map(document.hardware.devices.map(device => [device.name, device]));
  const known: KnownResource[] = [];
  for (const mapping of subject.memory) {
    const region = regions.get(mapping.physical);
    if (region === undefined) continue;
    const hash = hashOf(document, region);
    const facts = memoryFacts(
      memoryWord(region.type),
      contentWord(region),
      access(mapping),
      mapping.virtualAddress,
      region.sizeBytes,
    );
    known.push({
      kind: 'memory',
      name: mapping.logical,
      facts,
      line: mapping.at.line,
      ...(hash === undefined ? {} : { hash }),
    });
  }
  for (const device of subject.devices) {
    const physical = hardware.get(device.physical);
    if (physical === undefined || device.pci === undefined) continue;
    const irqs = device.irqs.flatMap(irq => {
      const number = physical.irqs.find(candidate => candidate.name === irq.physical)?.number;
      return number === undefined || irq.vector === undefined ? [] : [{ number, vector: irq.vector }];
    });
    const lowest = (values: readonly number[]): number => (values.length === 0 ? 0 : Math.min(...values));
    const vectors = irqs.map(irq => irq.vector);
    const span = vectors.length === 0 ? 0 : Math.max(...vectors) - lowest(vectors) + 1;
    const sourceId = device.pci.bus * 256 + device.pci.device * 8 + device.pci.function;
    const isMsi = irqs.length > 0 && physical.pci?.msi === true;
    const facts = deviceFacts(sourceId, lowest(irqs.map(irq => irq.number)), lowest(vectors), span, isMsi);
    known.push({ kind: 'device', name: device.logical, facts, line: device.at.line });
    for (const mapping of device.memory) {
      const memory = physical.memory.find(candidate => candidate.name === mapping.physical);
      if (memory === undefined) continue;
      known.push({
        kind: 'device_memory',
        name: `${device.logical}_${mapping.logical}`,
        facts: deviceMemoryFacts(access(mapping), mapping.virtualAddress, memory.sizeBytes),
        line: mapping.at.line,
      });
    }
  }
  for (const { name, events } of subject.sourceGroups) {
    if (name !== 'vmcall') continue;
    for (const event of events)
      known.push({ kind: 'event', name: event.logical, facts: `number ${event.id}`, line: event.at.line });
  }
  for (const { logical, action, at } of subject.targetEvents) {
    if (action?.kind === 'inject_interrupt')
      known.push({ kind: 'vector', name: logical, facts: `number ${action.vector}`, line: at.line });
  }
  return known;
}
