import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { MemoryRegion, MemoryType } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';
import { needsMsrStore } from './msrs.ts';
import { requireRegion, requireSize } from './required-region.ts';

/** Regions that every subject has under `<subject>|<suffix>`, with their exact size; a VMCS has a row for its size. */
const SUBJECT_REGIONS: readonly {
  readonly suffix: string;
  readonly code: string;
  readonly validator: string;
  readonly type: MemoryType;
  readonly pages?: number;
  readonly what: string;
}[] = [
  {
    suffix: 'state',
    code: 'REG-STATE',
    validator: 'Subject_State_Region_Presence',
    type: 'subject_state',
    pages: 1,
    what: 'subject state',
  },
  {
    suffix: 'timed_event',
    code: 'REG-TIMED-EVENT',
    validator: 'Subject_Timed_Event_Region_Presence',
    type: 'subject_timed_event',
    pages: 1,
    what: 'timed event',
  },
  {
    suffix: 'interrupts',
    code: 'REG-INTERRUPTS',
    validator: 'Subject_Interrupts_Region_Presence',
    type: 'subject_interrupts',
    pages: 1,
    what: 'pending interrupts',
  },
  { suffix: 'vmcs', code: 'REG-VMCS', validator: 'VMCS_Region_Presence', type: 'kernel_vmcs', what: 'VMCS' },
  {
    suffix: 'iobm',
    code: 'REG-IOBM',
    validator: 'Subject_IOBM_Region_Presence',
    type: 'system_iobm',
    pages: 2,
    what: 'I/O bitmap',
  },
  {
    suffix: 'msrbm',
    code: 'REG-MSRBM',
    validator: 'Subject_MSRBM_Region_Presence',
    type: 'system_msrbm',
    pages: 1,
    what: 'MSR bitmap',
  },
  {
    suffix: 'fpu',
    code: 'REG-FPU',
    validator: 'Subject_FPU_State_Region_Presence',
    type: 'kernel_fpu',
    pages: 1,
    what: 'FPU state',
  },
];

/** Regions that every kernel has, by its CPU; a VMXON region has rows for its size and place. */
const KERNEL_REGIONS: readonly {
  readonly code: string;
  readonly validator: string;
  readonly name: (cpu: number) => string;
  readonly types: readonly MemoryType[];
  readonly what: string;
}[] = [
  {
    code: 'REG-KERNEL-DATA',
    validator: 'Kernel_Data_Region_Presence',
    name: cpu => `kernel_data_${cpu}`,
    types: ['kernel_binary', 'kernel'],
    what: 'data',
  },
  {
    code: 'REG-KERNEL-BSS',
    validator: 'Kernel_BSS_Region_Presence',
    name: cpu => `kernel_bss_${cpu}`,
    types: ['kernel_binary', 'kernel'],
    what: 'bss',
  },
  {
    code: 'REG-KERNEL-STACK',
    validator: 'Kernel_Stack_Region_Presence',
    name: cpu => `kernel_stack_${cpu}`,
    types: ['kernel'],
    what: 'stack',
  },
  {
    code: 'REG-KERNEL-INTERRUPT-STACK',
    validator: 'Kernel_Intr_Stack_Region_Presence',
    name: cpu => `kernel_interrupt_stack_${cpu}`,
    types: ['kernel'],
    what: 'interrupt stack',
  },
  {
    code: 'REG-KERNEL-PT',
    validator: 'Kernel_PT_Region_Presence',
    name: cpu => `kernel_${cpu}|pt`,
    types: ['system_pt'],
    what: 'page-table',
  },
  {
    code: 'REG-VMXON',
    validator: 'VMXON_Region_Presence',
    name: vmxonName,
    types: ['system_vmxon'],
    what: 'VMXON',
  },
];

/** Boot code reaches the VMXON regions in real mode. */
export const LOW_MEMORY_END = 0x10_0000 - PAGE_SIZE_BYTES;

/** Name of the VMXON region of the kernel on a CPU. */
export function vmxonName(cpu: number): string {
  return `kernel_${cpu}|vmxon`;
}

const subjectRules = SUBJECT_REGIONS.map(({ suffix, code, validator, type, pages, what }) =>
  validatorRule(
    {
      code,
      area: 'subjects',
      title: `Validate that a ${what} region${pages === undefined ? '' : ' with the expected size'} exists for every subject.`,
      validator: `memory.${validator}`,
    },
    (index, visit) => {
      for (const subject of index.document.subjects) {
        requireRegion(index, visit, {
          name: `${subject.name}|${suffix}`,
          types: [type],
          ...(pages === undefined ? {} : { sizeBytes: pages * PAGE_SIZE_BYTES }),
          node: subject,
          whom: `subject '${subject.name}'`,
        });
      }
    },
  ),
);

const kernelRules = KERNEL_REGIONS.map(({ code, validator, name, types, what }) =>
  validatorRule(
    {
      code,
      area: 'kernel',
      title: `Validate that a kernel ${what} region exists for every CPU.`,
      validator: `memory.${validator}`,
    },
    (index, visit) => {
      for (const cpu of index.cpuIds) {
        const node = index.document.kernel.cpus[0] ?? index.document;
        requireRegion(index, visit, { name: name(cpu), types, node, whom: `the kernel on CPU ${cpu}` });
      }
    },
  ),
);

/** Existing regions of one kind. */
const existing = ({ regions }: PolicyIndex, names: readonly string[]): readonly MemoryRegion[] =>
  names.flatMap(name => regions.get(name) ?? []);

function checkVmcsSizes(index: PolicyIndex, visit: Visit): void {
  const names = index.document.subjects.map(subject => `${subject.name}|vmcs`);
  for (const region of existing(index, names)) {
    visit.examined();
    requireSize(visit, region, PAGE_SIZE_BYTES);
  }
}

function checkMsrStores(index: PolicyIndex, visit: Visit): void {
  for (const subject of index.document.subjects) {
    if (!needsMsrStore(subject)) continue;
    requireRegion(index, visit, {
      name: `${subject.name}|msrstore`,
      types: ['kernel_msrstore'],
      sizeBytes: PAGE_SIZE_BYTES,
      node: subject,
      whom: `subject '${subject.name}'`,
    });
  }
}

/** Rules about regions that every kernel and every subject needs. */
export const REGION_RULES: readonly Rule[] = [
  ...subjectRules,
  validatorRule(
    {
      code: 'REG-VMCS-SIZE',
      area: 'subjects',
      title: 'Validate that VMCS regions have one page.',
      validator: 'memory.VMCS_Region_Size',
    },
    checkVmcsSizes,
  ),
  validatorRule(
    {
      code: 'REG-MSRSTORE',
      area: 'subjects',
      title: 'Validate that an MSR store region exists for each subject that writes MSRs which the VMCS does not hold.',
      validator: 'memory.Subject_MSR_Store_Region_Presence',
    },
    checkMsrStores,
  ),
  ...kernelRules,
  rule(
    {
      code: 'REG-KERNEL-SHARED',
      area: 'kernel',
      title: 'Validate that the kernel text and global data regions exist.',
      severity: 'error',
    },
    (index, visit) => {
      for (const name of ['kernel_text', 'kernel_global_data']) {
        requireRegion(index, visit, {
          name,
          types: ['kernel_binary'],
          node: index.document,
          whom: 'the kernel',
        });
      }
    },
  ),
  validatorRule(
    {
      code: 'REG-SCHEDULING-INFO',
      area: 'scheduling',
      title: 'Validate that a scheduling info region exists for each scheduling partition.',
      validator: 'memory.Scheduling_Info_Region_Presence',
    },
    (index, visit) => {
      for (const partition of index.document.scheduling.partitions) {
        requireRegion(index, visit, {
          name: `scheduling_info_${partition.id}`,
          types: ['subject_scheduling_info'],
          sizeBytes: PAGE_SIZE_BYTES,
          node: partition,
          whom: `scheduling partition '${partition.name}'`,
        });
      }
    },
  ),
];
