import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { Subject } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, type Visit, validatorRule } from '../rule.ts';
import { needsMsrStore } from './msrs.ts';

/** One page of an array that the kernel of a CPU must map. */
interface ArrayPage {
  readonly region: string;
  readonly position: number;
  readonly cpu: number;
  readonly why: string;
}

/** An array of pages in the address space of the kernels, indexed by an id. */
interface PageArray {
  readonly code: string;
  readonly validator: string;
  readonly what: string;
  pages(index: PolicyIndex): readonly ArrayPage[];
}

/** Subjects by their global id; an id or a name that is used twice is reported by its own rule. */
function byGlobalId({ subjects }: PolicyIndex): readonly Subject[] {
  const first = new Map<number, Subject>();
  for (const subject of subjects.values()) if (!first.has(subject.globalId)) first.set(subject.globalId, subject);
  return [...first.values()];
}

const subjectPages =
  (suffix: string, needs: (subject: Subject) => boolean = () => true) =>
  (index: PolicyIndex): readonly ArrayPage[] =>
    byGlobalId(index)
      .filter(needs)
      .map(({ name, globalId, cpu }) => ({
        region: `${name}|${suffix}`,
        position: globalId,
        cpu,
        why: `subject '${name}'`,
      }));

const ARRAYS: readonly PageArray[] = [
  {
    code: 'KRN-MAP-STATE',
    validator: 'Subject_State_Mappings',
    what: 'subject state',
    pages: subjectPages('state'),
  },
  {
    code: 'KRN-MAP-INTERRUPTS',
    validator: 'Subject_Interrupts_Mappings',
    what: 'pending interrupts',
    pages: subjectPages('interrupts'),
  },
  {
    code: 'KRN-MAP-TIMED-EVENT',
    validator: 'Subject_Timed_Event_Mappings',
    what: 'timed event',
    pages: subjectPages('timed_event'),
  },
  {
    code: 'KRN-MAP-VMCS',
    validator: 'Subject_VMCS_Mappings',
    what: 'VMCS',
    pages: subjectPages('vmcs'),
  },
  {
    code: 'KRN-MAP-MSRSTORE',
    validator: 'Subject_MSR_Store_Mappings',
    what: 'MSR store',
    pages: subjectPages('msrstore', needsMsrStore),
  },
  {
    code: 'KRN-MAP-FPU',
    validator: 'Subject_FPU_State_Mappings',
    what: 'FPU state',
    pages: subjectPages('fpu'),
  },
  {
    code: 'KRN-MAP-SCHED-INFO',
    validator: 'Kernel_Sched_Info_Mappings',
    what: 'scheduling info',
    pages: ({ document: { scheduling } }) =>
      scheduling.partitions.map(({ id, cpu, name }) => ({
        region: `scheduling_info_${id}`,
        position: id - 1,
        cpu,
        why: `partition '${name}'`,
      })),
  },
];

/** The address that most pages of an array agree on as its start: the policy chooses it, the kernel needs one for all. */
function arrayBase({ kernelMappings }: PolicyIndex, pages: readonly ArrayPage[]): number {
  const votes = new Map<number, number>();
  for (const { cpu, region, position } of pages) {
    const mapping = kernelMappings.get(cpu)?.get(region);
    if (mapping === undefined) continue;
    const base = mapping.virtualAddress - position * PAGE_SIZE_BYTES;
    votes.set(base, (votes.get(base) ?? 0) + 1);
  }
  return [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best), [0, 0] as const)[0];
}

function checkPage(index: PolicyIndex, visit: Visit, base: number, page: ArrayPage): void {
  visit.examined();
  const expected = base + page.position * PAGE_SIZE_BYTES;
  const mapping = index.kernelMappings.get(page.cpu)?.get(page.region);
  if (mapping === undefined) {
    const elsewhere = [...index.kernelMappings].find(([, mappings]) => mappings.has(page.region))?.[0];
    const message = `the kernel on CPU ${page.cpu} does not map '${page.region}' of ${page.why}${elsewhere === undefined ? '' : `, the kernel on CPU ${elsewhere} does`}`;
    const node = index.kernelSections.get(page.cpu) ?? index.document.kernel.cpus[0] ?? index.document;
    visit.report(node, message, `Map it at ${formatAddress(expected)}.`);
    return;
  }
  if (mapping.virtualAddress !== expected) {
    const message = `the kernel on CPU ${page.cpu} maps '${page.region}' at ${formatAddress(mapping.virtualAddress)}, expected ${formatAddress(expected)}`;
    visit.report(mapping, message, 'The kernel finds the page by the id; all pages of a kind form one array.');
  }
  if (!mapping.writable) {
    const message = `the kernel on CPU ${page.cpu} maps '${page.region}' read-only, expected writable`;
    visit.report(mapping, message, 'Set writable="true".');
  }
}

/** Rules about the pages of subjects and partitions that kernels map. */
export const KERNEL_PAGE_RULES: readonly Rule[] = ARRAYS.map(({ code, validator, what, pages }) =>
  validatorRule(
    {
      code,
      area: 'kernel',
      title: `Validate that the kernel of its CPU maps each ${what} page, all of them as one array indexed by their ids.`,
      validator: `memory.${validator}`,
    },
    (index, visit) => {
      const all = pages(index);
      const base = arrayBase(index, all);
      for (const page of all) checkPage(index, visit, base, page);
    },
  ),
);
