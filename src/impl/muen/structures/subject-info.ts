import type {
  LogicalDevice,
  MemoryMapping,
  MemoryRegion,
  MemoryType,
  PhysicalDevice,
  PolicyDocument,
  Subject,
} from '../../../policy/document.ts';
import type { StructureOps } from './ops.ts';

/** What a subject is told about one of its resources (muen.md 5.7). */
export type SubjectResource =
  | {
      readonly kind: 'memory';
      readonly name: string;
      readonly memoryKind: number;
      readonly content: 'uninitialised' | 'fill' | 'file';
      readonly writable: boolean;
      readonly executable: boolean;
      /** Fill byte; absent without a fill. */
      readonly pattern?: number;
      readonly address: number;
      readonly sizeBytes: number;
      /** SHA-256 as 64 hex digits; absent if the policy states none. */
      readonly hash?: string;
    }
  | { readonly kind: 'event' | 'vector'; readonly name: string; readonly value: number }
  | {
      readonly kind: 'device';
      readonly name: string;
      readonly sourceId: number;
      readonly firstIrte: number;
      readonly firstVector: number;
      readonly interruptCount: number;
      readonly msi: boolean;
    }
  | {
      readonly kind: 'device_memory';
      readonly name: string;
      readonly writable: boolean;
      readonly executable: boolean;
      readonly address: number;
      readonly sizeBytes: number;
    };

/** Bytes of the whole structure; its region has 0x8000. */
export const SUBJECT_INFO_BYTES = 32720;
const MAGIC = 0x0300_6f66_6e69_756dn;
const MAX_RESOURCES = 255;
const RESOURCES_OFFSET = 80;
const RESOURCE_BYTES = 128;
const MAX_NAME = 63;

const RESOURCE_KIND = { memory: 1, event: 2, vector: 3, device: 4, device_memory: 5 } as const;
const CONTENT = { uninitialised: 0, fill: 1, file: 2 } as const;
/** Pattern of memory that is not filled. */
const NO_PATTERN = 256;

const MEMORY_KIND: Partial<Record<MemoryType, number>> = {
  subject: 0,
  subject_info: 1,
  subject_binary: 2,
  subject_zeropage: 3,
  subject_initrd: 4,
  subject_channel: 5,
  subject_state: 6,
  subject_timed_event: 7,
  subject_interrupts: 8,
  subject_scheduling_info: 9,
  subject_bios: 10,
  subject_acpi_rsdp: 11,
  subject_acpi_xsdt: 12,
  subject_acpi_fadt: 13,
  subject_acpi_dsdt: 14,
  subject_device: 15,
  subject_solo5_boot_info: 16,
  subject_crash_audit: 17,
  kernel_interface: 18,
};

function statedHash(region: MemoryRegion, regions: ReadonlyMap<string, MemoryRegion>): string | undefined {
  const hash = region.hash ?? (region.hashRef === undefined ? undefined : regions.get(region.hashRef)?.hash);
  return hash === 'none' ? undefined : hash;
}

function memoryResource(
  mapping: MemoryMapping,
  region: MemoryRegion,
  regions: ReadonlyMap<string, MemoryRegion>,
): SubjectResource {
  const hash = statedHash(region, regions);
  return {
    kind: 'memory',
    name: mapping.logical,
    memoryKind: MEMORY_KIND[region.type] ?? 0,
    content: region.content?.kind ?? 'uninitialised',
    writable: mapping.writable,
    executable: mapping.executable,
    ...(region.content?.kind === 'fill' ? { pattern: region.content.pattern } : {}),
    address: mapping.virtualAddress,
    sizeBytes: region.sizeBytes,
    ...(hash === undefined ? {} : { hash }),
  };
}

/** A PCI device and its memory; others are not listed. */
function deviceResources(logical: LogicalDevice, physical: PhysicalDevice): SubjectResource[] {
  const pci = logical.pci;
  if (pci === undefined) return [];
  const numbers = logical.irqs.flatMap(
    irq => physical.irqs.find(candidate => candidate.name === irq.physical)?.number ?? [],
  );
  const vectors = logical.irqs.flatMap(irq => irq.vector ?? []);
  const firstVector = vectors.length === 0 ? 0 : Math.min(...vectors);
  const memory = logical.memory.flatMap((mapping): SubjectResource[] => {
    const resource = physical.memory.find(candidate => candidate.name === mapping.physical);
    if (resource === undefined) return [];
    const { writable, executable, virtualAddress: address } = mapping;
    const name = `${logical.logical}_${mapping.logical}`;
    return [{ kind: 'device_memory', name, writable, executable, address, sizeBytes: resource.sizeBytes }];
  });
  return [
    {
      kind: 'device',
      name: logical.logical,
      sourceId: (pci.bus << 8) | (pci.device << 3) | pci.function,
      firstIrte: numbers.length === 0 ? 0 : Math.min(...numbers),
      firstVector,
      interruptCount: vectors.length === 0 ? 0 : Math.max(...vectors) - firstVector + 1,
      msi: numbers.length > 0 && physical.pci?.msi === true,
    },
    ...memory,
  ];
}

/** Everything that a subject is told: its memory, PCI devices, vmcall events and vectors, in document order. */
export function subjectResources(document: PolicyDocument, subject: Subject): readonly SubjectResource[] {
  const regions = new Map(document.memory.map(region => [region.name, region]));
  const devices = new Map(document.hardware.devices.map(device => [device.name, device]));
  return [
    ...subject.memory.flatMap(mapping => {
      const region = regions.get(mapping.physical);
      return region === undefined ? [] : [memoryResource(mapping, region, regions)];
    }),
    ...subject.devices.flatMap(logical => {
      const physical = devices.get(logical.physical);
      return physical === undefined ? [] : deviceResources(logical, physical);
    }),
    ...subject.sourceGroups
      .filter(group => group.name === 'vmcall')
      .flatMap(group => group.events.map(event => ({ kind: 'event' as const, name: event.logical, value: event.id }))),
    ...subject.targetEvents.flatMap(({ logical, action }) =>
      action?.kind === 'inject_interrupt' ? [{ kind: 'vector' as const, name: logical, value: action.vector }] : [],
    ),
  ];
}

function writeName(bytes: Uint8Array, offset: number, name: string): void {
  const encoded = new TextEncoder().encode(name).subarray(0, MAX_NAME);
  bytes[offset] = encoded.length;
  bytes.set(encoded, offset + 1);
}

const rights = (resource: { readonly writable: boolean; readonly executable: boolean }): number =>
  (resource.writable ? 1 : 0) | (resource.executable ? 2 : 0);

function writeResource(bytes: Uint8Array, view: DataView, offset: number, resource: SubjectResource): void {
  view.setUint32(offset, RESOURCE_KIND[resource.kind], true);
  writeName(bytes, offset + 4, resource.name);
  const union = offset + 72;
  switch (resource.kind) {
    case 'memory':
      bytes.set([resource.memoryKind, CONTENT[resource.content], rights(resource)], union);
      view.setUint16(union + 3, resource.pattern ?? NO_PATTERN, true);
      view.setBigUint64(union + 8, BigInt(resource.address), true);
      view.setBigUint64(union + 16, BigInt(resource.sizeBytes), true);
      if (resource.hash !== undefined)
        for (let index = 0; index < 32; index++)
          bytes[union + 24 + index] = Number.parseInt(resource.hash.slice(index * 2, index * 2 + 2), 16);
      return;
    case 'event':
    case 'vector':
      bytes[union] = resource.value;
      return;
    case 'device':
      view.setUint16(union, resource.sourceId, true);
      view.setUint16(union + 2, resource.firstIrte, true);
      bytes.set([resource.firstVector, resource.interruptCount, resource.msi ? 1 : 0], union + 4);
      return;
    case 'device_memory':
      bytes[union] = rights(resource);
      view.setBigUint64(union + 8, BigInt(resource.address), true);
      view.setBigUint64(union + 16, BigInt(resource.sizeBytes), true);
  }
}

/** Subject information of a subject (Muen: mugensinfo; region `<subject>|sinfo`); at most 255 resources fit. */
export function buildSubjectInfo(document: PolicyDocument, subject: Subject, ops: StructureOps): Uint8Array {
  const bytes = new Uint8Array(SUBJECT_INFO_BYTES);
  const view = new DataView(bytes.buffer);
  const resources = ops.subjectResources(document, subject).slice(0, MAX_RESOURCES);
  view.setBigUint64(0, MAGIC, true);
  view.setUint32(8, document.hardware.processor.speedKhz, true);
  writeName(bytes, 12, subject.name);
  view.setUint16(77, resources.length, true);
  for (const [index, resource] of resources.entries())
    writeResource(bytes, view, RESOURCES_OFFSET + index * RESOURCE_BYTES, resource);
  return bytes;
}
