import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { MemoryRegion, MemoryType, PolicyNode, Subject } from '../document.ts';
import { pageTableBytes } from '../page-table-size.ts';
import { hasCapability, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';
import { type AddressSpace, domainAddressBits, domainSpace, kernelSpace, subjectSpace } from './address-spaces.ts';
import { needsMsrStore } from './msrs.ts';

/** A region that must exist; `exact` demands its size, otherwise it is a minimum. */
interface Required {
  readonly name: string;
  readonly types: readonly MemoryType[];
  readonly sizeBytes: number;
  readonly exact: boolean;
  /** Node that demands the region, and how it is called. */
  readonly node: PolicyNode;
  readonly whom: string;
}

/** Reports a missing region, a wrong type or a wrong size; returns the region that is there. */
function requireRegion({ regions }: PolicyIndex, visit: Visit, required: Required): MemoryRegion | undefined {
  visit.examined();
  const { name, types, sizeBytes, exact, node, whom } = required;
  const region = regions.get(name);
  if (region === undefined) {
    const hint = `mucfgexpand adds it; add a region '${name}' of type ${types.join(' or ')}, ${formatAddress(sizeBytes)} bytes.`;
    visit.report(node, `the memory region '${name}' of ${whom} does not exist`, hint);
    return undefined;
  }
  if (!types.includes(region.type)) {
    visit.report(
      region,
      `region '${name}' has type ${region.type}, expected ${types.join(' or ')}`,
      'Correct the type.',
    );
  }
  if (exact ? region.sizeBytes !== sizeBytes : region.sizeBytes < sizeBytes) {
    const relation = exact ? 'expected' : 'expected at least';
    const message = `region '${name}' has ${formatAddress(region.sizeBytes)} bytes, ${relation} ${formatAddress(sizeBytes)}`;
    visit.report(region, message, 'Correct the size.');
  }
  return region;
}

/** Regions that every subject has under `<subject>|<suffix>`, with their exact size. */
const SUBJECT_REGIONS: readonly {
  readonly suffix: string;
  readonly code: string;
  readonly type: MemoryType;
  readonly pages: number;
  readonly what: string;
}[] = [
  { suffix: 'state', code: 'REG-STATE', type: 'subject_state', pages: 1, what: 'subject state' },
  { suffix: 'timed_event', code: 'REG-TIMED-EVENT', type: 'subject_timed_event', pages: 1, what: 'timed event' },
  { suffix: 'interrupts', code: 'REG-INTERRUPTS', type: 'subject_interrupts', pages: 1, what: 'pending interrupts' },
  { suffix: 'vmcs', code: 'REG-VMCS', type: 'kernel_vmcs', pages: 1, what: 'VMCS' },
  { suffix: 'iobm', code: 'REG-IOBM', type: 'system_iobm', pages: 2, what: 'I/O bitmap' },
  { suffix: 'msrbm', code: 'REG-MSRBM', type: 'system_msrbm', pages: 1, what: 'MSR bitmap' },
  { suffix: 'fpu', code: 'REG-FPU', type: 'kernel_fpu', pages: 1, what: 'FPU state' },
];

/** Regions that every kernel has, `N` being its CPU. */
const KERNEL_REGIONS: readonly {
  readonly code: string;
  readonly name: (cpu: number) => string;
  readonly types: readonly MemoryType[];
  readonly what: string;
}[] = [
  { code: 'REG-KERNEL-DATA', name: cpu => `kernel_data_${cpu}`, types: ['kernel_binary', 'kernel'], what: 'data' },
  { code: 'REG-KERNEL-BSS', name: cpu => `kernel_bss_${cpu}`, types: ['kernel_binary', 'kernel'], what: 'bss' },
  { code: 'REG-KERNEL-STACK', name: cpu => `kernel_stack_${cpu}`, types: ['kernel'], what: 'stack' },
  {
    code: 'REG-KERNEL-INTERRUPT-STACK',
    name: cpu => `kernel_interrupt_stack_${cpu}`,
    types: ['kernel'],
    what: 'interrupt stack',
  },
];

const FOUR_GIB = 2 ** 32;
/** Boot code reaches the VMXON regions in real mode. */
const LOW_MEMORY_END = 0x10_0000 - PAGE_SIZE_BYTES;

/** A sibling maps what its origin maps and may have more; the tables must hold both. */
function tableSpace(index: PolicyIndex, subject: Subject): AddressSpace {
  const own = subjectSpace(index, subject.name);
  const siblings = index.siblings.get(subject.name) ?? [];
  return { ...own, spans: [...own.spans, ...siblings.flatMap(sibling => subjectSpace(index, sibling.name).spans)] };
}

/** Page-table regions with the address space that they describe. */
function tableRegions(
  index: PolicyIndex,
): readonly {
  readonly name: string;
  readonly node: PolicyNode;
  readonly space: AddressSpace;
  readonly levels: 3 | 4;
}[] {
  const { document } = index;
  const domainLevels = domainAddressBits(index) === 48 ? 4 : 3;
  return [
    ...index.activeCpus.map(cpu => {
      const node = index.kernelSections.get(cpu) ?? document;
      return { name: `kernel_${cpu}|pt`, node, space: kernelSpace(index, cpu), levels: 4 as const };
    }),
    ...document.subjects
      .filter(subject => subject.siblingOf === undefined)
      .map(node => ({ name: `${node.name}|pt`, node, space: tableSpace(index, node), levels: 4 as const })),
    ...document.deviceDomains.map(node => ({
      name: `vtd_${node.name}_pt`,
      node,
      space: domainSpace(index, node.name),
      levels: domainLevels as 3 | 4,
    })),
  ];
}

const subjectRules = SUBJECT_REGIONS.map(({ suffix, code, type, pages, what }) =>
  rule(
    {
      code,
      area: 'subjects',
      title: `Validate that a ${what} region with the expected size exists for every subject.`,
      severity: 'error',
    },
    (index, visit) => {
      for (const subject of index.document.subjects) {
        const sizeBytes = pages * PAGE_SIZE_BYTES;
        const whom = `subject '${subject.name}'`;
        requireRegion(index, visit, {
          name: `${subject.name}|${suffix}`,
          types: [type],
          sizeBytes,
          exact: true,
          node: subject,
          whom,
        });
      }
    },
  ),
);

const kernelRules = KERNEL_REGIONS.map(({ code, name, types, what }) =>
  rule(
    { code, area: 'kernel', title: `Validate that a kernel ${what} region exists for every CPU.`, severity: 'error' },
    (index, visit) => {
      for (const cpu of index.activeCpus) {
        const whom = `the kernel on CPU ${cpu}`;
        requireRegion(index, visit, {
          name: name(cpu),
          types,
          sizeBytes: PAGE_SIZE_BYTES,
          exact: false,
          node: index.document.kernel.cpus[0] ?? index.document,
          whom,
        });
      }
    },
  ),
);

/** Rules about regions that the kernel and the hardware need. */
export const REGION_RULES: readonly Rule[] = [
  ...subjectRules,
  rule(
    {
      code: 'REG-PT',
      area: 'memory',
      title:
        'Validate that page-table regions exist for each kernel, each subject that is no sibling and each device domain.',
      severity: 'error',
    },
    (index, visit) => {
      for (const { name, node, space } of tableRegions(index)) {
        requireRegion(index, visit, {
          name,
          types: ['system_pt'],
          sizeBytes: PAGE_SIZE_BYTES,
          exact: false,
          node,
          whom: space.owner,
        });
      }
    },
  ),
  rule(
    {
      code: 'REG-PT-SIZE',
      area: 'memory',
      title: 'Validate that page-table regions hold the tables of all mappings with 4 KiB pages.',
      severity: 'warning',
    },
    (index, visit) => {
      for (const { name, space, levels } of tableRegions(index)) {
        const region = index.regions.get(name);
        if (region === undefined) continue;
        visit.examined();
        const needed = pageTableBytes(space.spans, levels);
        if (region.sizeBytes < needed) {
          const message = `region '${name}' has ${formatAddress(region.sizeBytes)} bytes, but the page tables of ${space.owner} need ${formatAddress(needed)}`;
          visit.report(region, message, 'Run mucfgexpand again after a change of mappings, or correct the size.');
        }
      }
    },
  ),
  rule(
    {
      code: 'REG-MSRSTORE',
      area: 'subjects',
      title: 'Validate that an MSR store region exists for each subject that writes MSRs which the VMCS does not hold.',
      severity: 'error',
    },
    (index, visit) => {
      for (const subject of index.document.subjects) {
        if (!needsMsrStore(subject)) continue;
        const whom = `subject '${subject.name}'`;
        requireRegion(index, visit, {
          name: `${subject.name}|msrstore`,
          types: ['kernel_msrstore'],
          sizeBytes: PAGE_SIZE_BYTES,
          exact: true,
          node: subject,
          whom,
        });
      }
    },
  ),
  ...kernelRules,
  rule(
    {
      code: 'REG-KERNEL-GLOBAL-DATA',
      area: 'kernel',
      title: 'Validate that the kernel text and global data regions exist.',
      severity: 'error',
    },
    (index, visit) => {
      for (const name of ['kernel_text', 'kernel_global_data']) {
        requireRegion(index, visit, {
          name,
          types: ['kernel_binary'],
          sizeBytes: PAGE_SIZE_BYTES,
          exact: false,
          node: index.document,
          whom: 'the kernel',
        });
      }
    },
  ),
  rule(
    {
      code: 'REG-KERNEL-PT-LOW',
      area: 'kernel',
      title: 'Validate that kernel page-table regions lie below 4 GiB.',
      severity: 'error',
    },
    (index, visit) => {
      for (const cpu of index.activeCpus) {
        const region = index.regions.get(`kernel_${cpu}|pt`);
        if (region === undefined) continue;
        visit.examined();
        if (region.physicalAddress + region.sizeBytes > FOUR_GIB) {
          const message = `region '${region.name}' at ${formatAddress(region.physicalAddress)} does not lie below 4 GiB`;
          visit.report(region, message, 'CR3 is loaded in 32-bit mode at boot; move the region below 4 GiB.');
        }
      }
    },
  ),
  rule(
    {
      code: 'REG-VMXON',
      area: 'kernel',
      title: 'Validate that a VMXON region exists for every kernel, and all of them are consecutive in low memory.',
      severity: 'error',
    },
    (index, visit) => {
      let next: number | undefined;
      for (const cpu of index.activeCpus) {
        const required = {
          name: `kernel_${cpu}|vmxon`,
          types: ['system_vmxon'],
          sizeBytes: PAGE_SIZE_BYTES,
          exact: true,
          node: index.document.kernel.cpus[0] ?? index.document,
          whom: `the kernel on CPU ${cpu}`,
        } as const;
        const region = requireRegion(index, visit, required);
        if (region === undefined) continue;
        const address = region.physicalAddress;
        if (address >= LOW_MEMORY_END) {
          visit.report(
            region,
            `region '${region.name}' at ${formatAddress(address)} is not below ${formatAddress(LOW_MEMORY_END)}`,
            'Move it into low memory.',
          );
        }
        if (next !== undefined && address !== next) {
          const message = `region '${region.name}' is at ${formatAddress(address)}, expected ${formatAddress(next)} behind the one before`;
          visit.report(region, message, 'Place the VMXON regions one behind the other: boot code counts pages.');
        }
        next = address + PAGE_SIZE_BYTES;
      }
    },
  ),
  rule(
    {
      code: 'REG-SCHEDULING-INFO',
      area: 'scheduling',
      title: 'Validate that a scheduling info region exists for each scheduling partition.',
      severity: 'error',
    },
    (index, visit) => {
      for (const partition of index.document.scheduling.partitions) {
        const whom = `scheduling partition '${partition.name}'`;
        requireRegion(index, visit, {
          name: `scheduling_info_${partition.id}`,
          types: ['subject_scheduling_info'],
          sizeBytes: PAGE_SIZE_BYTES,
          exact: true,
          node: partition,
          whom,
        });
      }
    },
  ),
  rule(
    {
      code: 'REG-VTD',
      area: 'domains',
      title: 'Validate that VT-d root, context and interrupt remapping tables exist with the expected size.',
      severity: 'error',
    },
    (index, visit) => {
      const { document } = index;
      const require = (name: string, type: MemoryType, node: PolicyNode, whom: string): void => {
        requireRegion(index, visit, { name, types: [type], sizeBytes: PAGE_SIZE_BYTES, exact: true, node, whom });
      };
      if (document.hardware.devices.some(device => hasCapability(device, 'iommu'))) {
        require('vtd_ir', 'system_vtd_ir', document.hardware, 'the interrupt remapping');
      }
      if (document.deviceDomains.length > 0) require('vtd_root', 'system_vtd_root', document, 'the device domains');
      const buses = new Set<number>();
      for (const domain of document.deviceDomains) {
        for (const device of domain.devices) {
          const bus = index.devices.get(device.physical)?.pci?.bus;
          if (bus === undefined || buses.has(bus)) continue;
          buses.add(bus);
          require(`vtd_context_bus_${bus}`, 'system_vtd_context', device, `PCI bus ${bus}`);
        }
      }
    },
  ),
];
