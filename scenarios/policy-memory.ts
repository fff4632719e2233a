import type { PolicyDescription, SubjectDescription } from './policy-description.ts';
import { CPU_COUNT, KERNEL_DEVICE_PAGES } from './policy-hardware.ts';
import { byteLiteral, element, wordLiteral, type XmlElement } from './xml-text.ts';

const PAGE = 0x1000;

/** A physical region before or after placement. */
export interface Region {
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly caching: 'UC' | 'WB';
  readonly content?:
    | { readonly kind: 'fill'; readonly pattern: number }
    | { readonly kind: 'file'; readonly filename: string; readonly offset: number | 'none' };
  /** Fixed by the platform, else placed by `placeRegions`. */
  readonly address?: number;
}

export interface Mapping {
  readonly logical: string;
  readonly physical: string;
  readonly virtualAddress: number;
  readonly writable: boolean;
  readonly executable: boolean;
}

/** Kernel pages per subject: name suffix, first kernel virtual address; stride 4 KiB by global subject id. */
const KERNEL_SUBJECT_PAGES = [
  { suffix: 'state', base: 0x60_0000 },
  { suffix: 'timed_event', base: 0x70_0000 },
  { suffix: 'interrupts', base: 0x80_0000 },
  { suffix: 'vmcs', base: 0xa0_0000 },
  { suffix: 'fpu', base: 0xc0_0000 },
] as const;
const MSR_STORE_BASE = 0x90_0000;
const SCHEDULING_INFO_BASE = 0xb0_0000;
const SINFO_ADDRESS = 0xe_0000_0000;
const SINFO_SIZE = 0x8000;

const fill = (pattern: number): { readonly kind: 'fill'; readonly pattern: number } => ({ kind: 'fill', pattern });
const kernelFile = (offset: number): { readonly kind: 'file'; readonly filename: string; readonly offset: number } => ({
  kind: 'file',
  filename: 'kernel',
  offset,
});
const region = (name: string, type: string, pages: number, content?: Region['content'], address?: number): Region => ({
  name,
  type,
  sizeBytes: pages * PAGE,
  caching: 'WB',
  ...(content === undefined ? {} : { content }),
  ...(address === undefined ? {} : { address }),
});

/** Ids (1-based, document order) of partitions and groups that a subject belongs to. */
export function placeOf(
  description: PolicyDescription,
  subject: string,
): { readonly partition: number; readonly group: number } {
  let group = 0;
  for (const [index, partition] of description.partitions.entries()) {
    for (const members of partition.groups) {
      group += 1;
      if (members.includes(subject)) return { partition: index + 1, group };
    }
  }
  throw new Error(`subject ${subject} is in no scheduling group`);
}

function kernelImageRegions(): Region[] {
  const regions = [
    region('kernel_text', 'kernel_binary', 0x11, kernelFile(0)),
    region('kernel_global_data', 'kernel_binary', 1, kernelFile(0x2_b000)),
    region('kernel_ro', 'kernel_binary', 0x2c0, kernelFile(0x2_f000)),
  ];
  for (let cpu = 0; cpu < CPU_COUNT; cpu++) {
    regions.push(region(`kernel_data_${cpu}`, 'kernel_binary', 2, kernelFile(0x2_0000)));
    regions.push(region(`kernel_bss_${cpu}`, 'kernel_binary', 4, fill(0)));
    regions.push(region(`kernel_stack_${cpu}`, 'kernel', 1));
    regions.push(region(`kernel_interrupt_stack_${cpu}`, 'kernel', 1));
    regions.push(region(`kernel_${cpu}|vmxon`, 'system_vmxon', 1, undefined, 0x8000 + cpu * PAGE));
  }
  return regions;
}

function subjectRegions(subject: SubjectDescription): Region[] {
  const { name } = subject;
  const own = subject.regions.map(own =>
    region(`${name}|${own.name}`, own.type, own.sizeBytes / PAGE, own.fill === undefined ? undefined : fill(own.fill)),
  );
  const file = (suffix: string): Region['content'] => ({ kind: 'file', filename: `${name}_${suffix}`, offset: 'none' });
  return [
    ...own,
    region(`${name}|state`, 'subject_state', 1),
    region(`${name}|timed_event`, 'subject_timed_event', 1),
    region(`${name}|interrupts`, 'subject_interrupts', 1),
    region(`${name}|fpu`, 'kernel_fpu', 1),
    region(`${name}|vmcs`, 'kernel_vmcs', 1),
    region(`${name}|iobm`, 'system_iobm', 2, fill(0)),
    region(`${name}|msrbm`, 'system_msrbm', 1, fill(0)),
    region(`${name}|sinfo`, 'subject_info', SINFO_SIZE / PAGE, file('sinfo')),
    ...(subject.profile === 'vm' ? [region(`${name}|msrstore`, 'kernel_msrstore', 1, file('msrstore'))] : []),
  ];
}

/** Tables that map 4 KiB pages of the given ranges: root, page-directory-pointer tables, directories, page tables. */
function tablePages(ranges: readonly (readonly [number, number])[], levels: 3 | 4 = 4): number {
  const distinct = (span: number): number => {
    const indexes = new Set<number>();
    for (const [start, size] of ranges) {
      for (let index = Math.floor(start / span); index <= Math.floor((start + size - 1) / span); index++)
        indexes.add(index);
    }
    return indexes.size;
  };
  const below = distinct(2 ** 30) + distinct(2 ** 21);
  return 1 + (levels === 4 ? distinct(2 ** 39) : 0) + below;
}

/** Logical mappings of a subject, in the order of the toolchain: own memory, sinfo, channels, monitors, kernel pages. */
export function subjectMappings(description: PolicyDescription, subject: SubjectDescription): Mapping[] {
  const { name } = subject;
  const read = (logical: string, physical: string, virtualAddress: number, writable = false): Mapping => ({
    logical,
    physical,
    virtualAddress,
    writable,
    executable: false,
  });
  const own = subject.regions.map(
    (own): Mapping => ({
      logical: own.name,
      physical: `${name}|${own.name}`,
      virtualAddress: own.address,
      writable: own.writable,
      executable: own.executable,
    }),
  );
  const channels = description.channels.flatMap(channel => [
    ...(channel.writer.subject === name
      ? [read(channel.writer.logical, channel.name, channel.writer.address, true)]
      : []),
    ...(channel.reader.subject === name ? [read(channel.reader.logical, channel.name, channel.reader.address)] : []),
  ]);
  const monitors = (subject.monitors ?? []).map(monitor =>
    read(monitor.logical, `${monitor.subject}|${monitor.page}`, monitor.address, monitor.writable),
  );
  const tau0 = subject.isTau0 === true ? [read('sys_interface', 'sys_interface', 0x3f_f000, true)] : [];
  return [
    ...tau0,
    ...own,
    ...channels,
    read('sinfo', `${name}|sinfo`, SINFO_ADDRESS),
    ...monitors,
    read('scheduling_info', `scheduling_info_${placeOf(description, name).partition}`, SINFO_ADDRESS + SINFO_SIZE),
    read('timed_event', `${name}|timed_event`, 0xe_0001_0000, true),
  ];
}

/** Mappings of the kernel on one CPU (muen kernel layout: fixed areas, then pages by global subject id). */
export function kernelMappings(description: PolicyDescription, cpu: number): Mapping[] {
  const page = (
    logical: string,
    physical: string,
    virtualAddress: number,
    writable = true,
    executable = false,
  ): Mapping => ({
    logical,
    physical,
    virtualAddress,
    writable,
    executable,
  });
  const local = description.subjects.map((subject, id) => ({ subject, id })).filter(entry => entry.subject.cpu === cpu);
  const same = (suffix: string, id: number, base: number): Mapping => {
    const name = `${description.subjects[id]!.name}|${suffix}`;
    return page(name, name, base + id * PAGE);
  };
  const partitions = [...new Set(local.map(({ subject }) => placeOf(description, subject.name).partition))].sort(
    (a, b) => a - b,
  );
  return [
    page('text', 'kernel_text', 0x10_0000, false, true),
    page('data', `kernel_data_${cpu}`, 0x12_0000),
    page('bss', `kernel_bss_${cpu}`, 0x12_2000),
    page('global_data', 'kernel_global_data', 0x12_b000),
    page('ro', 'kernel_ro', 0x12_f000, false),
    page('stack', `kernel_stack_${cpu}`, 0x12_7000),
    page('interrupt_stack', `kernel_interrupt_stack_${cpu}`, 0x12_9000),
    ...KERNEL_SUBJECT_PAGES.flatMap(({ suffix, base }) => local.map(({ id }) => same(suffix, id, base))),
    ...partitions.map(id =>
      page(`scheduling_info_${id}`, `scheduling_info_${id}`, SCHEDULING_INFO_BASE + (id - 1) * PAGE),
    ),
    page('crash_audit', 'crash_audit', 0x40_0000),
    ...(cpu === 0 ? [page('tau0_interface', 'sys_interface', 0x3f_f000, false)] : []),
    ...local.filter(({ subject }) => subject.profile === 'vm').map(({ id }) => same('msrstore', id, MSR_STORE_BASE)),
  ];
}

/** Pages of device registers that a subject has. */
const registerPages = (description: PolicyDescription, subject: SubjectDescription): (readonly [number, number])[] =>
  (description.devices ?? []).flatMap(({ subject: owner, registers }): (readonly [number, number])[] =>
    owner === subject.name && registers !== undefined ? [[registers.address, PAGE]] : [],
  );

function pageTableRegions(description: PolicyDescription, regions: readonly Region[]): Region[] {
  const sizeOf = new Map(regions.map(({ name, sizeBytes }) => [name, sizeBytes]));
  const ranges = (mappings: readonly Mapping[]): (readonly [number, number])[] =>
    mappings.map(mapping => [mapping.virtualAddress, sizeOf.get(mapping.physical) ?? PAGE]);
  const kernel = Array.from({ length: CPU_COUNT }, (_, cpu) => {
    const devices = KERNEL_DEVICE_PAGES.map((page): readonly [number, number] => [page.virtualAddress, PAGE]);
    const pages = tablePages([...ranges(kernelMappings(description, cpu)), ...devices]);
    return region(`kernel_${cpu}|pt`, 'system_pt', pages, fill(0));
  });
  const subjects = description.subjects.map(subject =>
    region(
      `${subject.name}|pt`,
      'system_pt',
      tablePages([...ranges(subjectMappings(description, subject)), ...registerPages(description, subject)]),
      fill(0),
    ),
  );
  // The IOMMU of the described machine translates 39 bits.
  const domains = (description.domains ?? []).map(({ name, memory }) => {
    const pages = tablePages(
      memory.map(({ address, physical }) => [address, sizeOf.get(physical) ?? PAGE]),
      3,
    );
    return region(`vtd_${name}_pt`, 'system_pt', pages, fill(0));
  });
  return [...kernel, ...subjects, ...domains];
}

/** All physical regions of a system, not yet placed. */
export function allRegions(description: PolicyDescription): Region[] {
  const regions = [
    { ...region('crash_audit', 'subject_crash_audit', 1, undefined, 0x1_0000_0000), caching: 'UC' as const },
    ...kernelImageRegions(),
    ...description.subjects.flatMap(subjectRegions),
    ...description.channels.map(channel => region(channel.name, 'subject_channel', channel.sizeBytes / PAGE, fill(0))),
    ...description.partitions.map((_, index) => region(`scheduling_info_${index + 1}`, 'subject_scheduling_info', 1)),
    region('sys_interface', 'kernel_interface', 1, fill(0)),
    region('trampoline', 'system', 1, undefined, 0x1000),
    region('vtd_root', 'system_vtd_root', 1, fill(0)),
    region('vtd_ir', 'system_vtd_ir', 1, fill(0)),
    ...(description.domains === undefined ? [] : [region('vtd_context_bus_0', 'system_vtd_context', 1, fill(0))]),
  ];
  return [...regions, ...pageTableRegions(description, regions)];
}

/** The `memory` element of a placed region. */
export function regionElement(region: Region & { readonly address: number }): XmlElement {
  const { content } = region;
  const children =
    content === undefined
      ? []
      : [
          content.kind === 'fill'
            ? element('fill', { pattern: byteLiteral(content.pattern) })
            : element('file', {
                filename: content.filename,
                offset: content.offset === 'none' ? 'none' : wordLiteral(content.offset),
                ...(region.type === 'subject_info' ? { size: wordLiteral(region.sizeBytes) } : {}),
              }),
        ];
  return element(
    'memory',
    {
      alignment: wordLiteral(PAGE),
      caching: region.caching,
      name: region.name,
      physicalAddress: wordLiteral(region.address),
      size: wordLiteral(region.sizeBytes),
      type: region.type,
    },
    children,
  );
}

/** The `memory` element of a logical mapping. */
export function mappingElement(mapping: Mapping): XmlElement {
  return element('memory', {
    executable: mapping.executable,
    logical: mapping.logical,
    physical: mapping.physical,
    virtualAddress: wordLiteral(mapping.virtualAddress),
    writable: mapping.writable,
  });
}
