import type {
  DeviceDomain,
  DeviceMemory,
  KernelCpu,
  LogicalDevice,
  MemoryMapping,
  MemoryRegion,
  PhysicalDevice,
  PhysicalEvent,
  PolicyDocument,
  SchedulingGroup,
  SchedulingPartition,
  SourceEvent,
  SourceGroup,
  Subject,
  TargetEvent,
} from './document.ts';

/** Where a subject is scheduled. */
export interface GroupPlace {
  readonly partition: SchedulingPartition;
  readonly group: SchedulingGroup;
}

/** One end of an event at a subject. */
export interface EventSource {
  readonly subject: Subject;
  readonly group: SourceGroup['name'];
  readonly event: SourceEvent;
}
export interface EventTarget {
  readonly subject: Subject;
  readonly event: TargetEvent;
}

/** Resources of one device by name. */
export interface DeviceResources {
  /** IRQ numbers of IRQs; an MSI that is a child of an IRQ has that IRQ's number. */
  readonly irqs: ReadonlyMap<string, number>;
  readonly memory: ReadonlyMap<string, DeviceMemory>;
  readonly ports: ReadonlySet<string>;
}

/** A mapping together with who has it. */
export interface OwnedMapping {
  readonly owner:
    | { readonly kind: 'kernel'; readonly cpu: number }
    | { readonly kind: 'subject'; readonly subject: Subject }
    | { readonly kind: 'domain'; readonly domain: DeviceDomain };
  readonly mapping: MemoryMapping;
}

/** Look-up tables over a document; where a name is not unique the first node has it. */
export interface PolicyIndex {
  readonly document: PolicyDocument;
  readonly regions: ReadonlyMap<string, MemoryRegion>;
  readonly devices: ReadonlyMap<string, PhysicalDevice>;
  readonly events: ReadonlyMap<string, PhysicalEvent>;
  readonly subjects: ReadonlyMap<string, Subject>;
  readonly partitions: ReadonlyMap<string, SchedulingPartition>;
  readonly places: ReadonlyMap<string, GroupPlace>;
  readonly sources: ReadonlyMap<string, readonly EventSource[]>;
  readonly targets: ReadonlyMap<string, readonly EventTarget[]>;
  /** Every mapping of a memory region. */
  readonly mappings: readonly OwnedMapping[];
  /** Resources of each physical device, by the device's name. */
  readonly resources: ReadonlyMap<string, DeviceResources>;
  /** Kernel memory section of each CPU. */
  readonly kernelSections: ReadonlyMap<number, KernelCpu>;
  /** First mapping of each region in the memory section of a kernel, by CPU and region. */
  readonly kernelMappings: ReadonlyMap<number, ReadonlyMap<string, MemoryMapping>>;
  /** Siblings of each subject that has some. */
  readonly siblings: ReadonlyMap<string, readonly Subject[]>;
  /** CPUs that any major frame schedules, ascending. */
  readonly activeCpus: readonly number[];
  /** Number of CPUs that the system uses: those of the first major frame, as the real toolchain counts them. */
  readonly activeCpuCount: number;
  /** Ids 0 .. activeCpuCount - 1. */
  readonly cpuIds: readonly number[];
}

const cache = new WeakMap<PolicyDocument, PolicyIndex>();

/** Index of a document; built once per document. */
export function indexOf(document: PolicyDocument): PolicyIndex {
  const known = cache.get(document);
  if (known !== undefined) return known;
  const index = buildIndex(document);
  cache.set(document, index);
  return index;
}

function buildIndex(document: PolicyDocument): PolicyIndex {
  const cpus = document.scheduling.majorFrames.flatMap(frame => frame.cpus.map(cpu => cpu.id));
  const activeCpuCount = document.scheduling.majorFrames[0]?.cpus.length ?? 0;
  return {
    document,
    regions: byName(document.memory),
    devices: byName(document.hardware.devices),
    events: byName(document.events),
    subjects: byName(document.subjects),
    partitions: byName(document.scheduling.partitions),
    places: subjectPlaces(document),
    sources: groupBy(
      document.subjects.flatMap(subject =>
        subject.sourceGroups.flatMap(group => group.events.map(event => ({ subject, group: group.name, event }))),
      ),
      end => end.event.physical,
    ),
    targets: groupBy(
      document.subjects.flatMap(subject => subject.targetEvents.map(event => ({ subject, event }))),
      end => end.event.physical,
    ),
    mappings: ownedMappings(document),
    resources: new Map(document.hardware.devices.map(device => [device.name, deviceResources(device)])),
    kernelSections: firstSections(document),
    kernelMappings: kernelMappings(document),
    siblings: groupBy(document.subjects, subject => subject.siblingOf),
    activeCpus: [...new Set(cpus)].sort((a, b) => a - b),
    activeCpuCount,
    cpuIds: Array.from({ length: activeCpuCount }, (_, id) => id),
  };
}

/** Name of the subject whose address space a subject uses: its origin's, or its own. */
export const familyName = ({ name, siblingOf }: Subject): string => siblingOf ?? name;

function byName<T extends { readonly name: string }>(nodes: readonly T[]): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const node of nodes) if (!map.has(node.name)) map.set(node.name, node);
  return map;
}

function subjectPlaces({ scheduling }: PolicyDocument): ReadonlyMap<string, GroupPlace> {
  const places = new Map<string, GroupPlace>();
  for (const partition of scheduling.partitions) {
    for (const group of partition.groups) {
      for (const { name } of group.subjects) if (!places.has(name)) places.set(name, { partition, group });
    }
  }
  return places;
}

function groupBy<T>(nodes: readonly T[], keyOf: (node: T) => string | undefined): ReadonlyMap<string, readonly T[]> {
  const map = new Map<string, T[]>();
  for (const node of nodes) {
    const key = keyOf(node);
    if (key === undefined) continue;
    const list = map.get(key);
    if (list === undefined) map.set(key, [node]);
    else list.push(node);
  }
  return map;
}

function deviceResources({ irqs, memory, ioPorts }: PhysicalDevice): DeviceResources {
  return {
    irqs: new Map(
      irqs.flatMap(irq => [[irq.name, irq.number] as const, ...irq.msis.map(msi => [msi.name, irq.number] as const)]),
    ),
    memory: byName(memory),
    ports: new Set(ioPorts.map(port => port.name)),
  };
}

function firstSections({ kernel }: PolicyDocument): ReadonlyMap<number, KernelCpu> {
  const sections = new Map<number, KernelCpu>();
  for (const section of kernel.cpus) if (!sections.has(section.id)) sections.set(section.id, section);
  return sections;
}

function kernelMappings({ kernel }: PolicyDocument): ReadonlyMap<number, ReadonlyMap<string, MemoryMapping>> {
  const byCpu = new Map<number, Map<string, MemoryMapping>>();
  for (const section of kernel.cpus) {
    if (byCpu.has(section.id)) continue;
    const byRegion = new Map<string, MemoryMapping>();
    for (const mapping of section.memory) {
      if (!byRegion.has(mapping.physical)) byRegion.set(mapping.physical, mapping);
    }
    byCpu.set(section.id, byRegion);
  }
  return byCpu;
}

function ownedMappings(document: PolicyDocument): readonly OwnedMapping[] {
  return [
    ...document.kernel.cpus.flatMap(cpu =>
      cpu.memory.map(mapping => ({ owner: { kind: 'kernel' as const, cpu: cpu.id }, mapping })),
    ),
    ...document.subjects.flatMap(subject =>
      subject.memory.map(mapping => ({ owner: { kind: 'subject' as const, subject }, mapping })),
    ),
    ...document.deviceDomains.flatMap(domain =>
      domain.memory.map(mapping => ({ owner: { kind: 'domain' as const, domain }, mapping })),
    ),
  ];
}

/** Name of a mapping's owner for messages. */
export function ownerName({ owner }: OwnedMapping): string {
  switch (owner.kind) {
    case 'kernel':
      return `kernel on CPU ${owner.cpu}`;
    case 'subject':
      return `subject '${owner.subject.name}'`;
    case 'domain':
      return `device domain '${owner.domain.name}'`;
  }
}

/** True when the subject runs on EPT, false when it is native (its address space is an IA-32e page table). */
export const usesEpt = (subject: Subject): boolean => subject.vcpu.controls.proc2.EnableEPT === 1;

/** All device references with who has them; `owner` is for messages. */
export function deviceReferences(
  document: PolicyDocument,
): readonly { readonly owner: string; readonly device: LogicalDevice; readonly subject?: Subject }[] {
  return [
    ...document.kernel.devices.map(device => ({ owner: 'kernel', device })),
    ...document.subjects.flatMap(subject =>
      subject.devices.map(device => ({ owner: `subject '${subject.name}'`, device, subject })),
    ),
  ];
}

/** True when the device declares the capability. */
export const hasCapability = (device: PhysicalDevice, name: string): boolean =>
  device.capabilities.some(capability => capability.name === name);
