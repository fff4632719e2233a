import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { MemoryType, PolicyNode } from '../document.ts';
import { hasCapability } from '../policy-index.ts';
import { type Rule, rule } from '../rule.ts';
import { needsMsrStore } from './msrs.ts';
import { requireRegion } from './required-region.ts';

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

/** Boot code reaches the VMXON regions in real mode. */
const LOW_MEMORY_END = 0x10_0000 - PAGE_SIZE_BYTES;

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
          require(`vtd_context_bus_${bus.toString(16)}`, 'system_vtd_context', device, `PCI bus ${bus}`);
        }
      }
    },
  ),
];
