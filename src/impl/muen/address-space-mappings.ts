import type {
  KernelCpu,
  LogicalDevice,
  MemoryMapping,
  PhysicalDevice,
  PolicyDocument,
  Subject,
} from '../../policy/document.ts';
import type { Finding } from '../../policy/finding.ts';
import type { PageMapping } from '../x86/paging-layout.ts';

/** Physical memory that a logical mapping refers to: a region or a device's memory. */
type PhysicalResource = Pick<PageMapping, 'physicalAddress' | 'sizeBytes' | 'caching'>;

/** What an address space shall map, and the references that lead nowhere. */
export interface CollectedMappings {
  readonly mappings: readonly PageMapping[];
  readonly findings: readonly Finding[];
}

function pageMapping(mapping: MemoryMapping, resource: PhysicalResource): PageMapping {
  return {
    name: mapping.logical,
    virtualAddress: mapping.virtualAddress,
    physicalAddress: resource.physicalAddress,
    sizeBytes: resource.sizeBytes,
    writable: mapping.writable,
    executable: mapping.executable,
    caching: resource.caching,
    line: mapping.at.line,
  };
}

function unresolved(holder: string, mapping: MemoryMapping, what: string): Finding {
  return {
    code: 'PAGING-REFERENCE',
    severity: 'error',
    message: `${holder}: mapping '${mapping.logical}' refers to ${what} '${mapping.physical}', which does not exist`,
    line: mapping.at.line,
    column: mapping.at.column,
    hint: 'name a memory region of <memory> or a memory of the physical device',
  };
}

/** Resolves the memory of assigned devices; `devices` are the physical ones of the hardware section. */
function deviceMappings(
  holder: string,
  logicalDevices: readonly LogicalDevice[],
  devices: ReadonlyMap<string, PhysicalDevice>,
): CollectedMappings {
  const mappings: PageMapping[] = [];
  const findings: Finding[] = [];
  for (const logical of logicalDevices) {
    const memory = new Map(devices.get(logical.physical)?.memory.map(entry => [entry.name, entry]));
    for (const mapping of logical.memory) {
      const resource = memory.get(mapping.physical);
      if (resource === undefined) findings.push(unresolved(holder, mapping, `memory of device '${logical.physical}'`));
      else mappings.push(pageMapping(mapping, resource));
    }
  }
  return { mappings, findings };
}

function collect(
  document: PolicyDocument,
  holder: string,
  memory: readonly MemoryMapping[],
  devices: readonly LogicalDevice[],
): CollectedMappings {
  const regions = new Map(document.memory.map(region => [region.name, region]));
  const fromDevices = deviceMappings(
    holder,
    devices,
    new Map(document.hardware.devices.map(device => [device.name, device])),
  );
  const mappings: PageMapping[] = [];
  const findings: Finding[] = [];
  for (const mapping of memory) {
    const region = regions.get(mapping.physical);
    if (region === undefined) findings.push(unresolved(holder, mapping, 'memory region'));
    else mappings.push(pageMapping(mapping, region));
  }
  return { mappings: [...mappings, ...fromDevices.mappings], findings: [...findings, ...fromDevices.findings] };
}

/** Mappings of a subject with tables of its own: its memory and the memory of its devices (Muen: mugenpt). */
export function collectSubjectMappings(document: PolicyDocument, subject: Subject): CollectedMappings {
  return collect(document, `subject '${subject.name}'`, subject.memory, subject.devices);
}

/** Mappings of the kernel on one CPU: its memory and the memory of the kernel's devices, the same on every CPU (Muen: mugenpt). */
export function collectKernelMappings(document: PolicyDocument, cpu: KernelCpu): CollectedMappings {
  return collect(document, `kernel of CPU ${cpu.id}`, cpu.memory, document.kernel.devices);
}
