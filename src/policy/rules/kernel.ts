import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { KernelCpu, MemoryMapping, PolicyNode } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';
import { needsMsrStore } from './msrs.ts';

/** Suffixes of the per-subject pages that the kernel maps as arrays: one page per global subject id. */
const SUBJECT_ARRAYS = ['state', 'timed_event', 'interrupts', 'msrstore', 'vmcs', 'fpu'] as const;
/** Pages that the address layout of the kernel leaves for one array (muen.md section 1.1): the highest global id plus one. */
const MAX_SUBJECTS = 256;

/** Sections with one region per CPU: logical name and region name without the CPU. */
const CPU_LOCAL_SECTIONS: readonly { readonly logical: string; readonly region: string }[] = [
  { logical: 'data', region: 'kernel_data' },
  { logical: 'bss', region: 'kernel_bss' },
  { logical: 'stack', region: 'kernel_stack' },
  { logical: 'interrupt_stack', region: 'kernel_interrupt_stack' },
];

/** One page of an array that the kernel of a CPU must map. */
interface ArrayPage {
  readonly region: string;
  readonly position: number;
  readonly cpu: number;
  readonly why: string;
}

/** Mappings of a section by region; the first one of each. */
function mappingsByRegion(section: KernelCpu | undefined): ReadonlyMap<string, MemoryMapping> {
  const map = new Map<string, MemoryMapping>();
  for (const mapping of section?.memory ?? []) if (!map.has(mapping.physical)) map.set(mapping.physical, mapping);
  return map;
}

/** The address that most pages of an array agree on as its start: the policy chooses it, the kernel needs one for all. */
function arrayBase(pages: readonly { readonly page: ArrayPage; readonly mapping: MemoryMapping }[]): number {
  const votes = new Map<number, number>();
  for (const { page, mapping } of pages) {
    const base = mapping.virtualAddress - page.position * PAGE_SIZE_BYTES;
    votes.set(base, (votes.get(base) ?? 0) + 1);
  }
  return [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best), [0, 0] as const)[0];
}

function checkArray(
  index: PolicyIndex,
  maps: ReadonlyMap<number, ReadonlyMap<string, MemoryMapping>>,
  visit: Visit,
  pages: readonly ArrayPage[],
): void {
  const mapped = pages.flatMap(page => {
    const mapping = maps.get(page.cpu)?.get(page.region);
    return mapping === undefined ? [] : [{ page, mapping }];
  });
  const base = arrayBase(mapped);
  for (const { page, mapping } of mapped) {
    const expected = base + page.position * PAGE_SIZE_BYTES;
    if (mapping.virtualAddress !== expected) {
      const message = `the kernel on CPU ${page.cpu} maps '${page.region}' at ${formatAddress(mapping.virtualAddress)}, expected ${formatAddress(expected)}`;
      visit.report(mapping, message, 'The kernel finds the page by the id; all pages of a kind form one array.');
    }
    if (!mapping.writable) {
      visit.report(
        mapping,
        `the kernel on CPU ${page.cpu} maps '${page.region}' read-only, expected writable`,
        'Set writable="true".',
      );
    }
  }
  for (const page of pages) {
    visit.examined();
    const section = index.kernelSections.get(page.cpu);
    if (section !== undefined && maps.get(page.cpu)?.has(page.region) !== true) {
      const message = `the kernel on CPU ${page.cpu} does not map '${page.region}' of ${page.why}`;
      visit.report(section, message, `Map it at ${formatAddress(base + page.position * PAGE_SIZE_BYTES)}.`);
    }
  }
}

function checkSubjectPages(index: PolicyIndex, visit: Visit): void {
  const { document } = index;
  const maps = new Map([...index.kernelSections].map(([cpu, section]) => [cpu, mappingsByRegion(section)]));
  for (const suffix of SUBJECT_ARRAYS) {
    const subjects = suffix === 'msrstore' ? document.subjects.filter(needsMsrStore) : document.subjects;
    const pages = subjects.map(({ name, globalId, cpu }) => ({
      region: `${name}|${suffix}`,
      position: globalId,
      cpu,
      why: `subject '${name}'`,
    }));
    checkArray(index, maps, visit, pages);
  }
  const partitions = document.scheduling.partitions.map(({ id, cpu, name }) => ({
    region: `scheduling_info_${id}`,
    position: id - 1,
    cpu,
    why: `partition '${name}'`,
  }));
  checkArray(index, maps, visit, partitions);
}

/** Logical mapping of a section by its name. */
const logical = (section: KernelCpu, name: string): MemoryMapping | undefined =>
  section.memory.find(mapping => mapping.logical === name);

function checkSections({ document, mappings, activeCpus }: PolicyIndex, visit: Visit): void {
  const first = document.kernel.cpus[0];
  if (first === undefined) return;
  for (const section of document.kernel.cpus) {
    for (const name of [...CPU_LOCAL_SECTIONS.map(entry => entry.logical), 'text', 'global_data', 'crash_audit']) {
      visit.examined();
      const [mapping, reference] = [logical(section, name), logical(first, name)];
      if (mapping === undefined) {
        visit.report(section, `the kernel on CPU ${section.id} has no mapping '${name}'`, 'mucfgexpand adds it.');
      } else if (reference !== undefined && mapping.virtualAddress !== reference.virtualAddress) {
        const message = `'${name}' of CPU ${section.id} is at ${formatAddress(mapping.virtualAddress)}, on CPU ${first.id} at ${formatAddress(reference.virtualAddress)}`;
        visit.report(mapping, message, 'All CPUs run the same text and need it at one address.');
      }
    }
  }
  const owners = new Map<string, number>(
    activeCpus.flatMap(cpu => CPU_LOCAL_SECTIONS.map(({ region }) => [`${region}_${cpu}`, cpu] as const)),
  );
  for (const { owner, mapping } of mappings) {
    const cpu = owners.get(mapping.physical);
    if (cpu === undefined || (owner.kind === 'kernel' && owner.cpu === cpu)) continue;
    const who =
      owner.kind === 'kernel'
        ? `the kernel on CPU ${owner.cpu}`
        : owner.kind === 'subject'
          ? `subject '${owner.subject.name}'`
          : `device domain '${owner.domain.name}'`;
    visit.report(
      mapping,
      `'${mapping.physical}' belongs to the kernel on CPU ${cpu}, but ${who} maps it`,
      'Map the region of the own CPU.',
    );
  }
}

function checkStacks({ document, regions }: PolicyIndex, visit: Visit): void {
  for (const section of document.kernel.cpus) {
    const pages = section.memory.flatMap(mapping => {
      const size = regions.get(mapping.physical)?.sizeBytes ?? 0;
      return [{ mapping, start: mapping.virtualAddress, end: mapping.virtualAddress + size }];
    });
    for (const name of ['stack', 'interrupt_stack']) {
      const stack = pages.find(page => page.mapping.logical === name);
      if (stack === undefined) continue;
      visit.examined();
      const [low, high] = [stack.start - PAGE_SIZE_BYTES, stack.end + PAGE_SIZE_BYTES];
      const neighbour = pages.find(page => page !== stack && page.start < high && page.end > low);
      if (neighbour !== undefined) {
        const message = `'${name}' of CPU ${section.id} at ${formatAddress(stack.start)} has '${neighbour.mapping.logical}' at ${formatAddress(neighbour.start)} in its guard pages`;
        visit.report(stack.mapping, message, 'Leave the page below and the page above the stack unmapped.');
      }
    }
  }
}

/** Rules about the kernel's own mappings. */
export const KERNEL_RULES: readonly Rule[] = [
  rule(
    {
      code: 'KRN-CPU-SECTIONS',
      area: 'kernel',
      title: 'Validate that each active CPU has a kernel memory section.',
      severity: 'error',
    },
    ({ document, activeCpus, kernelSections }, visit) => {
      for (const cpu of activeCpus) {
        visit.examined();
        if (!kernelSections.has(cpu)) {
          const node: PolicyNode = document.kernel.cpus[0] ?? document;
          visit.report(
            node,
            `CPU ${cpu} is scheduled, but has no kernel memory section`,
            `Add <cpu id="${cpu}"> to /system/kernel/memory.`,
          );
        }
      }
    },
  ),
  rule(
    {
      code: 'KRN-SUBJECT-PAGES',
      area: 'kernel',
      title:
        'Validate that the kernel of its CPU maps the pages of each subject and partition, as arrays indexed by their ids.',
      severity: 'error',
    },
    checkSubjectPages,
  ),
  rule(
    {
      code: 'KRN-SECTIONS',
      area: 'kernel',
      title:
        'Validate that kernel sections are mapped at equal addresses on all CPUs and CPU-local ones by their own CPU only.',
      severity: 'error',
    },
    checkSections,
  ),
  rule(
    {
      code: 'KRN-STACK-GUARD',
      area: 'kernel',
      title: 'Validate that kernel stacks are guarded by unmapped pages below and above.',
      severity: 'error',
    },
    checkStacks,
  ),
  rule(
    {
      code: 'KRN-TAU0-INTERFACE',
      area: 'kernel',
      title:
        'Validate that the tau0 interface page is one page that the kernel on CPU 0 maps read-only and only tau0 writes.',
      severity: 'error',
    },
    ({ regions, document, mappings, kernelSections }, visit) => {
      const region = regions.get('sys_interface');
      if (region === undefined) return;
      visit.examined();
      const section = kernelSections.get(0);
      const mapping = mappingsByRegion(section).get('sys_interface');
      if (region.sizeBytes !== PAGE_SIZE_BYTES) {
        visit.report(
          region,
          `region 'sys_interface' has ${formatAddress(region.sizeBytes)} bytes, expected 0x1000`,
          'Correct the size.',
        );
      }
      if (mapping === undefined) {
        visit.report(
          section ?? document,
          "the kernel on CPU 0 does not map 'sys_interface'",
          'CPU 0 reads the next major frame there; map it read-only.',
        );
      } else if (mapping.writable) {
        visit.report(
          mapping,
          "the kernel maps 'sys_interface' writable, expected read-only",
          'Only tau0 writes this page.',
        );
      }
      for (const { owner, mapping: other } of mappings) {
        if (other.physical === 'sys_interface' && owner.kind === 'subject' && owner.subject.name !== 'tau0') {
          visit.report(
            other,
            `subject '${owner.subject.name}' maps 'sys_interface'`,
            'Only tau0 may choose the major frame.',
          );
        }
      }
    },
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
