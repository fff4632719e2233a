import { childrenNamed, type TreeElement } from '../../tree.ts';
import type { Workspace } from '../../workspace.ts';
import { capability } from '../device-interrupts.ts';
import { bdfOf } from '../logical-devices.ts';
import { activeCpuCount } from '../processors.ts';
import { nameOf } from '../subjects.ts';
import { repeated, reportRepeated, reportUnknown, type SourceCheck } from './source-check.ts';

const devicesOf = (workspace: Workspace): TreeElement[] => workspace.all('hardware/devices/device');

/** Checks of the hardware that the second stage relies on. */
export const RESERVED_MEMORY_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-MSI-NAME',
    name: 'Hardware_IRQ_MSI_Name_Uniqueness',
    title: 'Validate that the MSI names of a device are unique.',
    check(workspace, report) {
      for (const device of devicesOf(workspace)) {
        const messages = childrenNamed(device, 'irq').flatMap(irq => childrenNamed(irq, 'msi'));
        const what = (msi: TreeElement): string => `device '${nameOf(device)}' has the MSI '${nameOf(msi)}'`;
        reportRepeated(report, messages, nameOf, what);
      }
    },
  },
  {
    code: 'EXPAND-RESERVED-NAME',
    name: 'Hardware_Reserved_Memory_Region_Name_Uniqueness',
    title: 'Validate that the names of reserved memory regions are unique.',
    check(workspace, report) {
      const what = (region: TreeElement): string => `the reserved memory region '${nameOf(region)}' is defined`;
      reportRepeated(report, workspace.all('hardware/memory/reservedMemory'), nameOf, what);
    },
  },
  {
    code: 'EXPAND-RESERVED-REFERENCE',
    name: 'Hardware_Reserved_Memory_Region_References',
    title: 'Validate that reserved memory regions which devices name exist.',
    check(workspace, report) {
      const known = new Set(workspace.all('hardware/memory/reservedMemory').map(nameOf));
      const references = workspace.all('hardware/devices/device/reservedMemory');
      const names = { names: known, hint: 'Add the region to hardware/memory, or remove the reference.' };
      const what = () => 'a device names the reserved memory region';
      reportUnknown(report, names, references, ({ attributes }) => attributes.ref, what);
    },
  },
  {
    code: 'EXPAND-RESERVED-DOMAIN',
    name: 'Device_RMRR_Domain_Assignment',
    title: 'Validate that devices which share reserved memory are in one device domain.',
    check(workspace, report) {
      const devices = new Map(devicesOf(workspace).map(device => [nameOf(device), device]));
      const owners = new Map<string, TreeElement>();
      for (const domain of workspace.all('deviceDomains/domain')) {
        for (const user of childrenNamed(domain, 'devices').flatMap(section => section.children)) {
          const device = devices.get(user.attributes.physical ?? '');
          if (device === undefined || user.attributes.mapReservedMemory !== 'true') continue;
          for (const { attributes } of childrenNamed(device, 'reservedMemory')) {
            const owner = owners.get(attributes.ref ?? '');
            if (owner !== undefined && owner !== domain) {
              const message = `the device domains '${nameOf(owner)}' and '${nameOf(domain)}' both map the reserved memory '${attributes.ref}'`;
              report(user, message, 'Put devices that share reserved memory into one domain.');
            }
            owners.set(attributes.ref ?? '', owner ?? domain);
          }
        }
      }
    },
  },
];

export const HARDWARE_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-BDF',
    name: 'PCI_Device_BDF_Uniqueness',
    title: 'Validate that PCI devices have different bus, device and function numbers.',
    check(workspace, report) {
      const key = (device: TreeElement): string | undefined => {
        const bdf = bdfOf(device);
        return bdf === undefined ? undefined : `${bdf.bus}:${bdf.device}.${bdf.function}`;
      };
      for (const [device, first] of repeated(devicesOf(workspace), key)) {
        const message = `the PCI devices '${nameOf(first)}' and '${nameOf(device)}' have the same bus, device and function`;
        report(device, message, 'Correct one of them.');
      }
    },
  },
  {
    code: 'EXPAND-PCI-CONFIG',
    name: 'PCI_Config_Space_Address',
    title: 'Validate that hardware with PCI devices says where their configuration space is.',
    check(workspace, report) {
      const section = workspace.all('hardware/devices')[0];
      const hasPci = devicesOf(workspace).some(device => childrenNamed(device, 'pci').length > 0);
      if (section === undefined || !hasPci) return;
      const { pciConfigAddress, pciConfigSize } = section.attributes;
      if (pciConfigAddress !== undefined && pciConfigSize !== undefined) return;
      const message = 'the hardware has PCI devices, but pciConfigAddress and pciConfigSize are not both given';
      report(section, message, 'Add pciConfigAddress="..." pciConfigSize="...".');
    },
  },
  presence('EXPAND-SYSTEM-BOARD', 'System_Board_Presence', 'a system board', 'systemboard'),
  presence('EXPAND-IOAPIC', 'IOAPIC_Presence', 'an I/O APIC', 'ioapic'),
  presence('EXPAND-IOMMU', 'IOMMU_Presence', 'an IOMMU', 'iommu'),
  {
    code: 'EXPAND-CPU-ELEMENTS',
    name: 'Hardware_CPU_Count_Presence',
    title: 'Validate that the hardware says how many CPU cores it has.',
    check(workspace, report) {
      const processor = workspace.all('hardware/processor')[0];
      if (processor === undefined) {
        report(workspace.root, 'the hardware has no processor', 'Add <processor> to the hardware section.');
      } else if (processor.attributes.cpuCores === undefined) {
        report(processor, 'the processor has no attribute cpuCores', 'Add cpuCores="...".');
      }
    },
  },
  {
    code: 'EXPAND-CPU-COUNT',
    name: 'CPU_Count',
    title: 'Validate that the hardware has as many CPUs as the scheduling plan uses.',
    check(workspace, report) {
      const processor = workspace.all('hardware/processor')[0];
      if (processor?.attributes.cpuCores === undefined) return;
      const [wanted, given] = [activeCpuCount(workspace), workspace.decimal(processor, 'cpuCores')];
      const message = `the scheduling plan uses ${wanted} CPUs, the hardware has ${given}`;
      if (wanted > given) report(workspace.section('scheduling'), message, 'Use fewer CPUs, or other hardware.');
    },
  },
  {
    code: 'EXPAND-DIAGNOSTICS',
    name: 'Kernel_Diagnostics_Dev_Reference',
    title: "Validate that the device for the kernel's messages exists.",
    check(workspace, report) {
      const known = new Set(devicesOf(workspace).map(nameOf));
      for (const device of workspace.all('platform/kernelDiagnostics/device')) {
        const { physical = '' } = device.attributes;
        const message = `the kernel's diagnostics device '${physical}' does not exist`;
        if (!known.has(physical)) report(device, message, 'Name a device of the hardware section.');
      }
    },
  },
];

/** Check that a device with a capability is there. */
function presence(code: string, name: string, noun: string, needed: string): SourceCheck {
  return {
    code,
    name,
    title: `Validate that the hardware has ${noun}.`,
    check(workspace, report) {
      if (devicesOf(workspace).some(device => capability(device, needed) !== undefined)) return;
      const message = `no device of the hardware has the capability '${needed}'`;
      report(workspace.section('hardware'), message, `Add ${noun} with that capability.`);
    },
  };
}
