import type { LogicalDevice, MemoryMapping, MemoryRegion, PolicyDocument, Subject } from '../../policy/document.ts';

/** What a component finds in its subject information: its resources by their logical names. */
export class PolicyFacts {
  readonly document: PolicyDocument;
  readonly subject: Subject;
  readonly #regions: ReadonlyMap<string, MemoryRegion>;

  constructor(document: PolicyDocument, subject: Subject) {
    this.document = document;
    this.subject = subject;
    this.#regions = new Map(document.memory.map(region => [region.name, region]));
  }

  region(mapping: MemoryMapping): MemoryRegion | undefined {
    return this.#regions.get(mapping.physical);
  }

  mapping(logical: string): MemoryMapping | undefined {
    return this.subject.memory.find(row => row.logical === logical);
  }

  /** Address of memory by its logical name. */
  address(logical: string): number | undefined {
    return this.mapping(logical)?.virtualAddress;
  }

  sizeBytes(logical: string): number {
    const mapping = this.mapping(logical);
    return mapping === undefined ? 0 : (this.region(mapping)?.sizeBytes ?? 0);
  }

  /** Number of a vmcall event by its logical name. */
  event(logical: string): number | undefined {
    const group = this.subject.sourceGroups.find(({ name }) => name === 'vmcall');
    return group?.events.find(row => row.logical === logical)?.id;
  }

  /** vmcall events with the physical event that each raises. */
  get events(): readonly { readonly id: number; readonly physical: string }[] {
    return this.subject.sourceGroups.find(({ name }) => name === 'vmcall')?.events ?? [];
  }

  /** Vector of a target event by its logical name. */
  vector(logical: string): number | undefined {
    const action = this.subject.targetEvents.find(row => row.logical === logical)?.action;
    return action?.kind === 'inject_interrupt' ? action.vector : undefined;
  }

  /** Subjects that map a region by its physical name, writable. */
  writersOf(physical: string): readonly Subject[] {
    return this.document.subjects.filter(({ memory }) => memory.some(row => row.physical === physical && row.writable));
  }

  /** Subjects that an event resets. */
  resetBy(physical: string): readonly Subject[] {
    return this.document.subjects.filter(({ targetEvents }) =>
      targetEvents.some(row => row.physical === physical && row.action?.kind === 'reset'),
    );
  }

  /** First I/O port of a device of the subject. */
  port(device: LogicalDevice): number | undefined {
    const physical = this.document.hardware.devices.find(({ name }) => name === device.physical);
    const name = device.ioPorts[0]?.physical;
    return physical?.ioPorts.find(port => port.name === name)?.start;
  }
}
