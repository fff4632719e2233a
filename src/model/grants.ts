import type {
  Caching,
  DeviceDomain,
  KernelCpu,
  LogicalDevice,
  MemoryMapping,
  PolicyDocument,
  Subject,
} from '../policy/document.ts';

/** Access to a stretch of physical memory that the policy declares; grants always allow reading. */
export interface Grant {
  /** First address in the holder's address space. */
  readonly va: number;
  /** First physical address. */
  readonly pa: number;
  readonly sizeBytes: number;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly caching: Caching;
  /** Policy line of the declaration. */
  readonly line: number;
  /** Physical memory: `region`, or `device/memory`. */
  readonly name: string;
}

interface Declared {
  readonly mapping: MemoryMapping;
  readonly name: string;
  readonly target:
    | { readonly physicalAddress: number; readonly sizeBytes: number; readonly caching: Caching }
    | undefined;
}

const declaredMemory = (document: PolicyDocument, mappings: readonly MemoryMapping[]): readonly Declared[] =>
  mappings.map(mapping => ({
    mapping,
    name: mapping.physical,
    target: document.memory.find(region => region.name === mapping.physical),
  }));

const declaredDevices = (document: PolicyDocument, devices: readonly LogicalDevice[]): readonly Declared[] =>
  devices.flatMap(device => {
    const physical = document.hardware.devices.find(candidate => candidate.name === device.physical);
    return device.memory.map(mapping => ({
      mapping,
      name: `${device.physical}/${mapping.physical}`,
      target: physical?.memory.find(memory => memory.name === mapping.physical),
    }));
  });

/** Grants of resolved, non-empty declarations, by ascending address. */
function toGrants(declared: readonly Declared[]): readonly Grant[] {
  const grants = declared.flatMap(({ mapping, name, target }) =>
    target === undefined || target.sizeBytes === 0
      ? []
      : [
          {
            va: mapping.virtualAddress,
            pa: target.physicalAddress,
            sizeBytes: target.sizeBytes,
            writable: mapping.writable,
            executable: mapping.executable,
            caching: target.caching,
            line: mapping.at.line,
            name,
          },
        ],
  );
  return grants.sort((a, b) => a.va - b.va);
}

/**
 * What the policy says a subject may access: its memory elements and the memory of its devices. A sibling is held to its own
 * declaration, although it runs on its origin's tables. References that lead nowhere grant nothing.
 */
export function subjectGrants(document: PolicyDocument, subject: Subject): readonly Grant[] {
  return toGrants([...declaredMemory(document, subject.memory), ...declaredDevices(document, subject.devices)]);
}

/** What the policy says the kernel on one CPU may access: that CPU's memory elements and the memory of the kernel's devices. */
export function kernelGrants(document: PolicyDocument, cpu: KernelCpu): readonly Grant[] {
  return toGrants([...declaredMemory(document, cpu.memory), ...declaredDevices(document, document.kernel.devices)]);
}

/** What the policy says the devices of a domain may access by DMA. */
export function domainGrants(document: PolicyDocument, domain: DeviceDomain): readonly Grant[] {
  return toGrants(declaredMemory(document, domain.memory));
}
