import type { PhysicalDevice, PolicyDocument } from '../../policy/document.ts';
import type { SystemBoard } from '../ports.ts';

/** A DMA-remapping unit as the policy describes it. */
export interface IommuSpec {
  readonly name: string;
  readonly physicalAddress: number;
  /** Adjusted guest address width in bits: 39 or 48. */
  readonly addressWidth: number;
  /** Byte offsets of the fault-recording and IOTLB-invalidate registers. */
  readonly faultRecordOffset: number;
  readonly iotlbOffset: number;
  /** Fault-recording registers. */
  readonly faultRecords: number;
  /** What the part itself offers: version register, domains, interrupt remapping, extended interrupt mode. */
  readonly version: number;
  readonly domains: number;
  readonly remapsInterrupts: boolean;
  readonly extendedInterrupts: boolean;
}

/** First I/O APIC, the only one that the kernel drives. */
export interface IoApicSpec {
  readonly physicalAddress: number;
  /** Highest redirection entry. */
  readonly maxEntry: number;
  readonly sourceId: number;
}

/** Devices that the kernel itself drives (Muen Skp.Hardware, Skp.IOMMU). */
export interface PlatformTables {
  readonly systemBoard: SystemBoard;
  readonly ioApic: IoApicSpec | undefined;
  readonly iommus: readonly IommuSpec[];
  /** Physical addresses of the DMA root table and of the interrupt-remapping table. */
  readonly rootTable: number;
  readonly remappingTable: number;
}

const NO_PORT = -1;
const LAST_IO_APIC_ENTRY = 23;

function capability(device: PhysicalDevice, name: string): string | undefined {
  return device.capabilities.find(row => row.name === name)?.value;
}

const hasCapability = (device: PhysicalDevice, name: string): boolean =>
  device.capabilities.some(row => row.name === name);

/** Value of a numeric capability; literals are decimal or Ada based ones. */
function numberOf(device: PhysicalDevice, name: string, fallback: number): number {
  const text = capability(device, name)?.trim().replaceAll('_', '') ?? '';
  const based = /^16#([0-9a-fA-F]+)#$/.exec(text);
  if (based !== null) return Number.parseInt(based[1]!, 16);
  return /^[0-9]+$/.test(text) ? Number(text) : fallback;
}

function compileSystemBoard(document: PolicyDocument): SystemBoard {
  for (const logical of document.kernel.devices) {
    const device = document.hardware.devices.find(row => row.name === logical.physical);
    if (device === undefined || !hasCapability(device, 'systemboard')) continue;
    const port = (name: string): number => {
      const physical = logical.ioPorts.find(row => row.logical === name)?.physical;
      return device.ioPorts.find(row => row.name === physical)?.start ?? NO_PORT;
    };
    return {
      resetPort: port('reset_port'),
      powerPort: port('poweroff_port'),
      sleepType: numberOf(device, 'pm1a_cnt_slp_typ', 0),
    };
  }
  return { resetPort: NO_PORT, powerPort: NO_PORT, sleepType: 0 };
}

function compileIommu(device: PhysicalDevice): IommuSpec {
  return {
    name: device.name,
    physicalAddress: device.memory[0]?.physicalAddress ?? 0,
    addressWidth: numberOf(device, 'agaw', 39),
    faultRecordOffset: numberOf(device, 'fr_offset', 512),
    iotlbOffset: numberOf(device, 'iotlb_invalidate_offset', 264),
    faultRecords: numberOf(device, 'nfr', 1),
    version: 0x10,
    domains: 256,
    remapsInterrupts: true,
    extendedInterrupts: true,
  };
}

/** Devices of the kernel section by their capabilities. */
export function compilePlatform(document: PolicyDocument): PlatformTables {
  const devices = document.kernel.devices.flatMap(logical =>
    document.hardware.devices.filter(row => row.name === logical.physical),
  );
  const ioApic = devices.find(device => hasCapability(device, 'ioapic'));
  return {
    systemBoard: compileSystemBoard(document),
    ioApic:
      ioApic === undefined
        ? undefined
        : {
            physicalAddress: ioApic.memory[0]?.physicalAddress ?? 0,
            maxEntry: numberOf(ioApic, 'max_redirection_entry', LAST_IO_APIC_ENTRY),
            sourceId: numberOf(ioApic, 'source_id', 0),
          },
    rootTable: document.memory.find(region => region.type === 'system_vtd_root')?.physicalAddress ?? 0,
    remappingTable: document.memory.find(region => region.type === 'system_vtd_ir')?.physicalAddress ?? 0,
    iommus: devices.filter(device => hasCapability(device, 'iommu')).map(compileIommu),
  };
}
