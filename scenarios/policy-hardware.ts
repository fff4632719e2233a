import type { DeviceDescription, PolicyDescription } from './policy-description.ts';
import { byteLiteral, element, wordLiteral, type XmlElement } from './xml-text.ts';

/** Memory blocks of the machine: first address, size, and whether regions may be placed there freely. */
export const MEMORY_BLOCKS = [
  { name: 'Low memory', address: 0, sizeBytes: 0x9_f000, allocatable: false },
  { name: 'System RAM', address: 0x10_0000, sizeBytes: 0x3ff0_0000, allocatable: true },
  { name: 'High RAM', address: 0x1_0000_0000, sizeBytes: 0x4000_0000, allocatable: true },
] as const;

/** Logical CPUs of the machine. */
export const CPU_COUNT = 2;

/** Register pages of the I/O APIC and the IOMMU, as the kernel maps them. */
export const KERNEL_DEVICE_PAGES = [
  { logical: 'ioapic_1', physical: 'ioapic_1', memory: 'mem1', virtualAddress: 0x50_0000 },
  { logical: 'iommu_1', physical: 'iommu_1', memory: 'mmio', virtualAddress: 0x50_1000 },
] as const;

/** CPUID leaves of the described processor: leaf, subleaf, EAX, EBX, ECX, EDX (SDM Vol. 2A, "CPUID"). */
const CPUID_LEAVES: readonly (readonly number[])[] = [
  [0, 0, 0xd, 0x756e_6547, 0x6c65_746e, 0x4965_6e69],
  [1, 0, 0x0005_06e3, 0x0002_0800, 0x3ffa_ebbf, 0xbfeb_fbff],
  [7, 0, 0, 0x0000_0200, 0, 0],
  [0xd, 0, 7, 0x340, 0x340, 0],
  [0x8000_0000, 0, 0x8000_0008, 0, 0, 0],
  [0x8000_0001, 0, 0, 0, 1, 0x2810_0800],
  [0x8000_0007, 0, 0, 0, 0, 0x100],
  [0x8000_0008, 0, 0x3027, 0, 0, 0],
];

/** Capability MSRs of the described processor (SDM Vol. 3D, "VMX Capability Reporting Facility"). */
const MSRS: readonly (readonly [number, string, bigint])[] = [
  [0x3a, 'IA32_FEATURE_CONTROL', 0x5n],
  [0x480, 'IA32_VMX_BASIC', 0x00da_0400_0000_0004n],
  [0x481, 'IA32_VMX_PINBASED_CTLS', 0x0000_007f_0000_0016n],
  [0x482, 'IA32_VMX_PROCBASED_CTLS', 0xfff9_fffe_0401_e172n],
  [0x483, 'IA32_VMX_EXIT_CTLS', 0x01ff_ffff_0003_6dffn],
  [0x484, 'IA32_VMX_ENTRY_CTLS', 0x0003_ffff_0000_11ffn],
  [0x485, 'IA32_VMX_MISC', 0x0000_0000_7004_c1e5n],
  [0x486, 'IA32_VMX_CR0_FIXED0', 0x8000_0021n],
  [0x487, 'IA32_VMX_CR0_FIXED1', 0xffff_ffffn],
  [0x488, 'IA32_VMX_CR4_FIXED0', 0x2000n],
  [0x489, 'IA32_VMX_CR4_FIXED1', 0x0037_67ffn],
  [0x48b, 'IA32_VMX_PROCBASED_CTLS2', 0x0000_08ff_0000_0000n],
  [0x48c, 'IA32_VMX_EPT_VPID_CAP', 0x0000_0f01_0633_4141n],
  [0x48d, 'IA32_VMX_TRUE_PINBASED_CTLS', 0x0000_007f_0000_0016n],
  [0x48e, 'IA32_VMX_TRUE_PROCBASED_CTLS', 0xfff9_fffe_0400_6172n],
  [0x48f, 'IA32_VMX_TRUE_EXIT_CTLS', 0x01ff_ffff_0003_6dfbn],
  [0x490, 'IA32_VMX_TRUE_ENTRY_CTLS', 0x0003_ffff_0000_11fbn],
];

function processor(description: PolicyDescription): XmlElement {
  const cpus = Array.from({ length: CPU_COUNT }, (_, cpu) => element('cpu', { apicId: cpu * 2, cpuId: cpu }));
  const leaves = CPUID_LEAVES.map(([leaf, subleaf, eax, ebx, ecx, edx]) =>
    element('cpuid', {
      eax: wordLiteral(eax!, 2),
      ebx: wordLiteral(ebx!, 2),
      ecx: wordLiteral(ecx!, 2),
      edx: wordLiteral(edx!, 2),
      leaf: wordLiteral(leaf!, 2),
      subleaf: byteLiteral(subleaf!),
    }),
  );
  const msrs = MSRS.map(([address, name, value]) =>
    element('msr', { address: wordLiteral(address, 2), name, regval: wordLiteral(value, 4) }),
  );
  return element(
    'processor',
    { cpuCores: CPU_COUNT, speed: description.speedKhz, vmxTimerRate: description.vmxTimerRate },
    [...cpus, ...leaves, ...msrs],
  );
}

function capabilities(entries: Readonly<Record<string, string>>): XmlElement {
  return element(
    'capabilities',
    {},
    Object.entries(entries).map(([name, value]): XmlElement => {
      const bare = element('capability', { name });
      return value === '' ? bare : { ...bare, text: value };
    }),
  );
}

const ioPort = (name: string, start: number, end: number): XmlElement =>
  element('ioPort', { end: wordLiteral(end), name, start: wordLiteral(start) });

const registers = (name: string, address: number): XmlElement =>
  element('memory', { caching: 'UC', name, physicalAddress: wordLiteral(address), size: wordLiteral(0x1000) });

/** PCI configuration space: 1 MiB (bus 0), outside of the memory blocks. */
const PCI_CONFIG = { pciConfigAddress: wordLiteral(0xf800_0000), pciConfigSize: wordLiteral(0x10_0000) };

/** Vendor and class of a 16550-compatible PCI serial controller. */
const PCI_SERIAL = { classcode: 0x0700, deviceId: 0x9c3d, vendorId: 0x8086 };

function pciElement({ pci }: DeviceDescription): readonly XmlElement[] {
  if (pci === undefined) return [];
  const address = {
    bus: byteLiteral(0),
    device: byteLiteral(pci.device),
    function: 0,
    msi: pci.unmaskEvent === undefined,
  };
  const { classcode, deviceId, vendorId } = PCI_SERIAL;
  return [
    element('pci', address, [
      element('identification', {
        classcode: wordLiteral(classcode),
        deviceId: wordLiteral(deviceId),
        revisionId: byteLiteral(4),
        vendorId: wordLiteral(vendorId),
      }),
      element('iommuGroup', { id: pci.iommuGroup }),
    ]),
  ];
}

const deviceElement = (device: DeviceDescription): XmlElement =>
  element('device', { name: device.name }, [
    ...pciElement(device),
    element('irq', { name: 'irq1', number: device.irq }),
    ...(device.registers === undefined ? [] : [registers('mem1', device.registers.physicalAddress)]),
    ioPort('ioport1', device.ports.start, device.ports.end),
  ]);

const DEVICES: readonly XmlElement[] = [
  element('device', { name: 'system_board' }, [
    ioPort('reset', 0xcf9, 0xcf9),
    ioPort('pm1a_cnt', 0x1804, 0x1804),
    capabilities({ systemboard: '', pm1a_cnt_slp_typ: '7168' }),
  ]),
  element('device', { name: 'ioapic_1' }, [
    registers('mem1', 0xfec0_0000),
    capabilities({ ioapic: '', gsi_base: '0', max_redirection_entry: '23', source_id: wordLiteral(0xf0f8) }),
  ]),
  element('device', { name: 'iommu_1' }, [
    registers('mmio', 0xfed9_0000),
    capabilities({ iommu: '', agaw: '39', fr_offset: '512', iotlb_invalidate_offset: '264' }),
  ]),
  element('device', { name: 'com_1' }, [element('irq', { name: 'irq1', number: 4 }), ioPort('ioport1', 0x3f8, 0x3ff)]),
];

/** The `hardware` element: two CPUs, 2 GiB of memory, system board, I/O APIC, IOMMU, one serial port, the described devices. */
export function hardwareElement(description: PolicyDescription): XmlElement {
  const blocks = MEMORY_BLOCKS.map(block =>
    element('memoryBlock', {
      allocatable: block.allocatable,
      name: block.name,
      physicalAddress: wordLiteral(block.address),
      size: wordLiteral(block.sizeBytes),
    }),
  );
  const devices = description.devices ?? [];
  const pciConfig = devices.some(({ pci }) => pci !== undefined) ? PCI_CONFIG : {};
  return element('hardware', {}, [
    processor(description),
    element('memory', {}, blocks),
    element('devices', pciConfig, [...DEVICES, ...devices.map(deviceElement)]),
  ]);
}

/** The `platform` element: no aliases, kernel diagnostics on the serial port. */
export function platformElement(): XmlElement {
  return element('platform', {}, [
    element('mappings', {}, [element('aliases', {}), element('classes', {})]),
    element('kernelDiagnostics', { type: 'uart' }, [
      element('device', { physical: 'com_1' }, [element('ioPort', { physical: 'ioport1' })]),
    ]),
  ]);
}

/** The `config` element. */
export function configElement(description: PolicyDescription): XmlElement {
  return element('config', {}, [
    element('boolean', { name: 'serial_supported', value: true }),
    element('string', { name: 'system', value: description.name }),
  ]);
}

/** The `kernel/devices` element. */
export function kernelDevicesElement(): XmlElement {
  const pages = KERNEL_DEVICE_PAGES.map(page =>
    element('device', { logical: page.logical, physical: page.physical }, [
      element('memory', {
        executable: false,
        logical: page.memory,
        physical: page.memory,
        virtualAddress: wordLiteral(page.virtualAddress, 2),
        writable: true,
      }),
    ]),
  );
  const ports = (logical: string, physical: string, pairs: readonly (readonly [string, string])[]): XmlElement =>
    element(
      'device',
      { logical, physical },
      pairs.map(([port, target]) => element('ioPort', { logical: port, physical: target })),
    );
  return element('devices', {}, [
    ports('debugconsole', 'com_1', [['port', 'ioport1']]),
    ...pages,
    ports('system_board', 'system_board', [
      ['reset_port', 'reset'],
      ['poweroff_port', 'pm1a_cnt'],
    ]),
  ]);
}
