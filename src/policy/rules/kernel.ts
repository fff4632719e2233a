import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { KernelCpu, LogicalDevice, MemoryMapping, PolicyDocument } from '../document.ts';
import { hasCapability, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';

/** Pages that the address layout of the kernel leaves for one array (muen.md section 1.1): the highest global id plus one. */
const MAX_SUBJECTS = 256;

/** Mapping of a region by a section. */
const mapped = (section: KernelCpu, region: string): MemoryMapping | undefined =>
  section.memory.find(mapping => mapping.physical === region);

/** What all kernels must have at one virtual address; `required` demands it of each of them. */
interface EqualAddress {
  readonly code: string;
  readonly validator?: string;
  readonly what: string;
  readonly required: boolean;
  regions(document: PolicyDocument, cpu: number): readonly string[];
}

const ofType = (document: PolicyDocument, type: string): string[] =>
  document.memory.filter(region => region.type === type).map(region => region.name);

const EQUAL: readonly EqualAddress[] = [
  {
    code: 'KRN-DATA-ADDRESS',
    validator: 'CPU_Local_Data_Address_Equality',
    what: 'CPU-local data sections',
    required: false,
    regions: (_, cpu) => [`kernel_data_${cpu}`],
  },
  {
    code: 'KRN-BSS-ADDRESS',
    validator: 'CPU_Local_BSS_Address_Equality',
    what: 'CPU-local BSS sections',
    required: false,
    regions: (_, cpu) => [`kernel_bss_${cpu}`],
  },
  {
    code: 'KRN-GLOBAL-DATA-ADDRESS',
    validator: 'Global_Data_Address_Equality',
    what: 'global data sections',
    required: true,
    regions: () => ['kernel_global_data'],
  },
  {
    code: 'KRN-CRASH-AUDIT-ADDRESS',
    validator: 'Crash_Audit_Address_Equality',
    what: 'crash audit regions',
    required: true,
    regions: document => ofType(document, 'subject_crash_audit'),
  },
  {
    code: 'KRN-STACK-ADDRESS',
    validator: 'Stack_Address_Equality',
    what: 'stacks and interrupt stacks',
    required: false,
    regions: (_, cpu) => [`kernel_stack_${cpu}`, `kernel_interrupt_stack_${cpu}`],
  },
  {
    code: 'KRN-MICROCODE-ADDRESS',
    validator: 'Microcode_Address_Equality',
    what: 'microcode updates',
    required: false,
    regions: document => ofType(document, 'kernel_microcode'),
  },
  { code: 'KRN-TEXT-ADDRESS', what: 'texts', required: true, regions: () => ['kernel_text'] },
];

function checkEqual({ document, kernelSections, regions: known }: PolicyIndex, visit: Visit, row: EqualAddress): void {
  const first: (MemoryMapping | undefined)[] = [];
  for (const section of kernelSections.values()) {
    row.regions(document, section.id).forEach((region, position) => {
      const mapping = mapped(section, region);
      if (mapping === undefined) {
        // Without the region its presence rule speaks.
        if (row.required && known.has(region)) {
          const message = `the kernel on CPU ${section.id} does not map '${region}', but it needs it`;
          visit.report(section, message, 'mucfgexpand adds the mapping.');
        }
        return;
      }
      visit.examined();
      first[position] ??= mapping;
      const expected = first[position];
      if (mapping.virtualAddress !== expected.virtualAddress) {
        const message = `'${region}' of CPU ${section.id} is at ${formatAddress(mapping.virtualAddress)}, '${expected.physical}' at ${formatAddress(expected.virtualAddress)}`;
        visit.report(mapping, message, 'All CPUs run the same text and need it at one address.');
      }
    });
  }
}

function checkStacks({ kernelSections, regions }: PolicyIndex, visit: Visit): void {
  for (const section of kernelSections.values()) {
    const pages = section.memory.map(mapping => ({
      mapping,
      start: mapping.virtualAddress,
      end: mapping.virtualAddress + (regions.get(mapping.physical)?.sizeBytes ?? 0),
    }));
    for (const name of [`kernel_stack_${section.id}`, `kernel_interrupt_stack_${section.id}`]) {
      visit.examined();
      const stack = pages.find(page => page.mapping.physical === name);
      if (stack === undefined) {
        if (!regions.has(name)) continue;
        const message = `the kernel on CPU ${section.id} does not map its stack '${name}'`;
        visit.report(section, message, 'mucfgexpand adds the mapping.');
        continue;
      }
      const [low, high] = [stack.start - PAGE_SIZE_BYTES, stack.end + PAGE_SIZE_BYTES];
      const neighbour = pages.find(page => page !== stack && page.start < high && page.end > low);
      if (neighbour !== undefined) {
        const message = `'${name}' of CPU ${section.id} at ${formatAddress(stack.start)} has '${neighbour.mapping.logical}' at ${formatAddress(neighbour.start)} in its guard pages`;
        visit.report(stack.mapping, message, 'Leave the page below and the page above the stack unmapped.');
      }
    }
  }
}

function checkSystemBoard({ document, devices }: PolicyIndex, visit: Visit): void {
  visit.examined();
  const board = document.kernel.devices.find(device => {
    const physical = devices.get(device.physical);
    return physical !== undefined && hasCapability(physical, 'systemboard');
  });
  if (board === undefined) {
    const names = document.kernel.devices.map(device => device.physical).join(', ') || 'none';
    const message = `no device of the kernel is the system board (it has: ${names})`;
    visit.report(document.kernel, message, 'Add it to /system/kernel/devices: the kernel resets the system there.');
  } else if (!board.ioPorts.some(port => port.logical === 'reset_port')) {
    const names = board.ioPorts.map(port => port.logical).join(', ') || 'none';
    const message = `the system board of the kernel has no I/O port 'reset_port' (it has: ${names})`;
    visit.report(board, message, 'Add <ioPort logical="reset_port" physical="reset"/>.');
  }
}

/** IOMMUs of the kernel, with their one register page. */
function iommuPages({ document, devices }: PolicyIndex): readonly MemoryMapping[] {
  const isIommu = (device: LogicalDevice): boolean => {
    const physical = devices.get(device.physical);
    return physical !== undefined && hasCapability(physical, 'iommu');
  };
  return document.kernel.devices.filter(isIommu).flatMap(device => device.memory);
}

function checkIommus(index: PolicyIndex, visit: Visit): void {
  const pages = [...iommuPages(index)].sort((a, b) => a.virtualAddress - b.virtualAddress);
  pages.forEach((page, position) => {
    visit.examined();
    const before = pages[position - 1];
    if (before === undefined || page.virtualAddress === before.virtualAddress + PAGE_SIZE_BYTES) return;
    const message = `IOMMU memory '${page.logical}' is at ${formatAddress(page.virtualAddress)}, expected ${formatAddress(before.virtualAddress + PAGE_SIZE_BYTES)} behind '${before.logical}'`;
    visit.report(page, message, 'The kernel addresses its IOMMUs as one array of pages.');
  });
}

/** Rules about the memory and the devices of the kernel. */
export const KERNEL_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'KRN-CPU-SECTIONS',
      area: 'kernel',
      title: 'Validate that each active CPU has a kernel memory section.',
      validator: 'kernel.CPU_Memory_Section_Count',
    },
    ({ document, activeCpus, kernelSections, activeCpuCount }, visit) => {
      visit.examined();
      const sections = kernelSections.size;
      if (sections !== activeCpuCount) {
        const message = `${sections} kernel memory sections exist, expected ${activeCpuCount}, one for each scheduled CPU`;
        visit.report(document.kernel, message, 'Give /system/kernel/memory one <cpu> for each scheduled CPU.');
      }
      for (const cpu of activeCpus) {
        if (kernelSections.has(cpu) || sections !== activeCpuCount) continue;
        const message = `CPU ${cpu} is scheduled, but has no kernel memory section`;
        visit.report(document.kernel, message, `Add <cpu id="${cpu}"> to /system/kernel/memory.`);
      }
    },
  ),
  ...EQUAL.map(row =>
    rule(
      {
        code: row.code,
        area: 'kernel',
        title: `Validate that ${row.what} of the kernel ${row.required ? 'are mapped by each CPU' : 'have'}${row.required ? ' at' : ''} equal virtual addresses.`,
        severity: 'error',
        ...(row.validator === undefined ? {} : { validator: `kernel.${row.validator}` }),
      },
      (index, visit) => checkEqual(index, visit, row),
    ),
  ),
  validatorRule(
    {
      code: 'KRN-STACK-GUARD',
      area: 'kernel',
      title: 'Validate that each kernel maps its stacks, guarded by unmapped pages below and above.',
      validator: 'kernel.Stack_Layout',
    },
    checkStacks,
  ),
  validatorRule(
    {
      code: 'KRN-SYSTEM-BOARD',
      area: 'kernel',
      title: 'Validate that the kernel has the system board with its reset port.',
      validator: 'kernel.System_Board_Reference',
    },
    checkSystemBoard,
  ),
  validatorRule(
    {
      code: 'KRN-IOMMU-CONSECUTIVE',
      area: 'kernel',
      title: 'Validate that the kernel maps its IOMMUs one behind the other.',
      validator: 'kernel.IOMMU_Consecutiveness',
    },
    checkIommus,
  ),
  rule(
    {
      code: 'KRN-SUBJECT-LIMIT',
      area: 'kernel',
      title: `Validate that global subject ids are below ${MAX_SUBJECTS} and number all subjects from 0.`,
      severity: 'error',
    },
    ({ document }, visit) => {
      const limit = Math.min(MAX_SUBJECTS, document.subjects.length);
      for (const subject of document.subjects) {
        visit.examined();
        if (subject.globalId >= limit) {
          const message = `subject '${subject.name}' has globalId ${subject.globalId}, expected 0 .. ${limit - 1}`;
          visit.report(subject, message, 'The kernel indexes its tables by this id; number the subjects from 0.');
        }
      }
    },
  ),
];
