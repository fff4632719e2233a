import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { MemoryRegion, MemoryType } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, type Visit, validatorRule } from '../rule.ts';
import { LOW_MEMORY_END, vmxonName } from './regions.ts';
import { requireRegion, requireSize } from './required-region.ts';

const VTD_ROOT = 'vtd_root';

const vmxonRegions = ({ regions, cpuIds }: PolicyIndex): readonly MemoryRegion[] =>
  cpuIds.flatMap(cpu => regions.get(vmxonName(cpu)) ?? []);

const ofType = ({ document }: PolicyIndex, type: MemoryType): readonly MemoryRegion[] =>
  document.memory.filter(region => region.type === type);

function checkVmxonOrder(index: PolicyIndex, visit: Visit): void {
  let before: MemoryRegion | undefined;
  for (const region of vmxonRegions(index)) {
    visit.examined();
    const expected = before === undefined ? region.physicalAddress : before.physicalAddress + PAGE_SIZE_BYTES;
    if (region.physicalAddress !== expected) {
      const message = `region '${region.name}' is at ${formatAddress(region.physicalAddress)}, expected ${formatAddress(expected)} behind '${before?.name}'`;
      visit.report(region, message, 'Place the VMXON regions one behind the other: boot code counts pages.');
    }
    before = region;
  }
}

function checkContexts(index: PolicyIndex, visit: Visit): void {
  const buses = new Set<number>();
  for (const domain of index.document.deviceDomains) {
    for (const device of domain.devices) {
      const bus = index.devices.get(device.physical)?.pci?.bus;
      if (bus === undefined || buses.has(bus)) continue;
      buses.add(bus);
      requireRegion(index, visit, {
        name: `vtd_context_bus_${bus.toString(16)}`,
        types: ['system_vtd_context'],
        node: device,
        whom: `PCI bus ${bus}`,
      });
    }
  }
}

function checkPageSized(type: MemoryType): (index: PolicyIndex, visit: Visit) => void {
  return (index, visit) => {
    for (const region of ofType(index, type)) {
      visit.examined();
      requireSize(visit, region, PAGE_SIZE_BYTES);
    }
  };
}

/** Rules about regions that boot code, VT-d and the microcode loader use. */
export const SYSTEM_REGION_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'REG-VMXON-SIZE',
      area: 'kernel',
      title: 'Validate that VMXON regions have one page.',
      validator: 'memory.VMXON_Region_Size',
    },
    (index, visit) => {
      for (const region of vmxonRegions(index)) {
        visit.examined();
        requireSize(visit, region, PAGE_SIZE_BYTES);
      }
    },
  ),
  validatorRule(
    {
      code: 'REG-VMXON-LOW',
      area: 'kernel',
      title: 'Validate that VMXON regions are in low memory.',
      validator: 'memory.VMXON_In_Lowmem',
    },
    (index, visit) => {
      for (const region of vmxonRegions(index)) {
        visit.examined();
        if (region.physicalAddress < LOW_MEMORY_END) continue;
        const message = `region '${region.name}' at ${formatAddress(region.physicalAddress)} is not below ${formatAddress(LOW_MEMORY_END)}`;
        visit.report(region, message, 'Move it into low memory.');
      }
    },
  ),
  validatorRule(
    {
      code: 'REG-VMXON-CONSECUTIVE',
      area: 'kernel',
      title: 'Validate that VMXON regions are consecutive.',
      validator: 'memory.VMXON_Consecutiveness',
    },
    checkVmxonOrder,
  ),
  validatorRule(
    {
      code: 'REG-VTD-ROOT',
      area: 'domains',
      title: 'Validate that a VT-d root table region exists when there are device domains.',
      validator: 'memory.VTd_Root_Region_Presence',
    },
    (index, visit) => {
      const [first] = index.document.deviceDomains;
      if (first === undefined) return;
      requireRegion(index, visit, {
        name: VTD_ROOT,
        types: ['system_vtd_root'],
        node: first,
        whom: 'the device domains',
      });
    },
  ),
  validatorRule(
    {
      code: 'REG-VTD-ROOT-SIZE',
      area: 'domains',
      title: 'Validate that the VT-d root table region has one page.',
      validator: 'memory.VTd_Root_Region_Size',
    },
    checkPageSized('system_vtd_root'),
  ),
  validatorRule(
    {
      code: 'REG-VTD-CONTEXT-SIZE',
      area: 'domains',
      title: 'Validate that VT-d context table regions have one page.',
      validator: 'memory.VTd_Context_Region_Size',
    },
    checkPageSized('system_vtd_context'),
  ),
  validatorRule(
    {
      code: 'REG-VTD-IR',
      area: 'domains',
      title: 'Validate that a VT-d interrupt remapping table region with the expected size exists.',
      validator: 'memory.VTd_IRT_Region_Presence',
    },
    (index, visit) => {
      requireRegion(index, visit, {
        name: 'vtd_ir',
        types: ['system_vtd_ir'],
        sizeBytes: PAGE_SIZE_BYTES,
        node: index.document.hardware,
        whom: 'the interrupt remapping',
      });
    },
  ),
  validatorRule(
    {
      code: 'DOM-CONTEXT',
      area: 'domains',
      title: 'Validate that a VT-d context table region exists for each PCI bus with devices in domains.',
      validator: 'device_domains.PCI_Bus_Context_Region_Presence',
    },
    checkContexts,
  ),
  validatorRule(
    {
      code: 'REG-MICROCODE',
      area: 'kernel',
      title: 'Validate that there is at most one microcode region.',
      validator: 'memory.Microcode_Region_Count',
    },
    (index, visit) => {
      const regions = ofType(index, 'kernel_microcode');
      for (const _ of regions) visit.examined();
      if (regions.length > 1) {
        const message = `${regions.length} regions have the type kernel_microcode, first '${regions[0]!.name}', expected at most 1`;
        visit.report(regions[1]!, message, 'Keep one: the kernel loads one update.');
      }
    },
  ),
];
