import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { KernelCpu, MemoryMapping, PolicyDocument, PolicyNode } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';
import { needsMsrStore } from './msrs.ts';

/** Kernel virtual addresses of the per-subject page arrays, by region suffix (muen.md section 1.1); stride one page per global id. */
const SUBJECT_ARRAYS: readonly { readonly suffix: string; readonly base: number }[] = [
  { suffix: 'state', base: 0x60_0000 },
  { suffix: 'timed_event', base: 0x70_0000 },
  { suffix: 'interrupts', base: 0x80_0000 },
  { suffix: 'msrstore', base: 0x90_0000 },
  { suffix: 'vmcs', base: 0xa0_0000 },
  { suffix: 'fpu', base: 0xc0_0000 },
];
const SCHEDULING_INFO_BASE = 0xb0_0000;
/** Pages between two arrays: the highest global id plus one. */
const MAX_SUBJECTS = 256;

/** Sections with one region per CPU: logical name and region name without the CPU. */
const CPU_LOCAL_SECTIONS: readonly { readonly logical: string; readonly region: string }[] = [
  { logical: 'data', region: 'kernel_data' },
  { logical: 'bss', region: 'kernel_bss' },
  { logical: 'stack', region: 'kernel_stack' },
  { logical: 'interrupt_stack', region: 'kernel_interrupt_stack' },
];

const sectionOf = (document: PolicyDocument, cpu: number): KernelCpu | undefined =>
  document.kernel.cpus.find(section => section.id === cpu);

/** One mapping that the kernel must have. */
interface Expected {
  readonly region: string;
  readonly address: number;
  readonly writable: boolean;
  readonly why: string;
}

function expectMapping(
  visit: Visit,
  section: KernelCpu | undefined,
  byRegion: ReadonlyMap<string, MemoryMapping>,
  expected: Expected,
): void {
  visit.examined();
  if (section === undefined) return;
  const mapping = byRegion.get(expected.region);
  const where = `the kernel on CPU ${section.id}`;
  const place = formatAddress(expected.address);
  if (mapping === undefined) {
    visit.report(section, `${where} does not map '${expected.region}' of ${expected.why}`, `Map it at ${place}.`);
    return;
  }
  if (mapping.virtualAddress !== expected.address) {
    const message = `${where} maps '${expected.region}' at ${formatAddress(mapping.virtualAddress)}, expected ${place}`;
    visit.report(mapping, message, 'The kernel finds the page by this address.');
  }
  if (mapping.writable !== expected.writable) {
    const message = `${where} maps '${expected.region}' ${mapping.writable ? 'writable' : 'read-only'}, expected ${expected.writable ? 'writable' : 'read-only'}`;
    visit.report(mapping, message, 'Correct the attribute writable.');
  }
}

/** Mappings of a section by region; the first one of each. */
function mappingsByRegion(section: KernelCpu | undefined): ReadonlyMap<string, MemoryMapping> {
  const map = new Map<string, MemoryMapping>();
  for (const mapping of section?.memory ?? []) if (!map.has(mapping.physical)) map.set(mapping.physical, mapping);
  return map;
}

function checkSubjectPages({ document, places }: PolicyIndex, visit: Visit): void {
  const maps = new Map(document.kernel.cpus.map(section => [section.id, mappingsByRegion(section)]));
  const none: ReadonlyMap<string, MemoryMapping> = new Map();
  for (const subject of document.subjects) {
    const section = sectionOf(document, subject.cpu);
    for (const { suffix, base } of SUBJECT_ARRAYS) {
      if (suffix === 'msrstore' && !needsMsrStore(subject)) continue;
      const address = base + subject.globalId * PAGE_SIZE_BYTES;
      const expected = {
        region: `${subject.name}|${suffix}`,
        address,
        writable: true,
        why: `subject '${subject.name}'`,
      };
      expectMapping(visit, section, maps.get(subject.cpu) ?? none, expected);
    }
  }
  for (const partition of new Set([...places.values()].map(place => place.partition))) {
    const address = SCHEDULING_INFO_BASE + (partition.id - 1) * PAGE_SIZE_BYTES;
    const expected = {
      region: `scheduling_info_${partition.id}`,
      address,
      writable: true,
      why: `partition '${partition.name}'`,
    };
    expectMapping(visit, sectionOf(document, partition.cpu), maps.get(partition.cpu) ?? none, expected);
  }
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
    ({ document, activeCpus }, visit) => {
      for (const cpu of activeCpus) {
        visit.examined();
        if (sectionOf(document, cpu) === undefined) {
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
      title: 'Validate that the kernel maps the pages of its subjects and partitions at the expected addresses.',
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
    ({ regions, document, mappings }, visit) => {
      const region = regions.get('sys_interface');
      if (region === undefined) return;
      visit.examined();
      const section = sectionOf(document, 0);
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
