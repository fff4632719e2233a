import { formatAddress } from '../../units/address.ts';
import type { LogicalDevice } from '../document.ts';
import { hasCapability, type PolicyIndex, usesEpt } from '../policy-index.ts';
import { type Rule, rule, validatorRule } from '../rule.ts';
import { mappingSpan, type NamedSpan, reportOverlaps } from './memory.ts';

/** One address space that page tables describe. */
export interface AddressSpace {
  readonly owner: string;
  readonly spans: readonly NamedSpan[];
  /** Address bits that its tables translate. */
  readonly bits: number;
}

function deviceSpans({ resources }: PolicyIndex, references: readonly LogicalDevice[]): readonly NamedSpan[] {
  return references.flatMap(reference =>
    reference.memory.flatMap(mapping => {
      const memory = resources.get(reference.physical)?.memory.get(mapping.physical);
      const span = mappingSpan(mapping, memory);
      return span === undefined ? [] : [{ ...span, name: `'${mapping.logical}' of device '${reference.logical}'` }];
    }),
  );
}

function regionSpans({ regions }: PolicyIndex, mappings: Parameters<typeof mappingSpan>[0][]): readonly NamedSpan[] {
  return mappings.flatMap(mapping => mappingSpan(mapping, regions.get(mapping.physical)) ?? []);
}

/** The kernel's address space on one CPU, with the devices of the kernel. */
export function kernelSpace(index: PolicyIndex, cpu: number): AddressSpace {
  const section = index.kernelSections.get(cpu);
  const spans = [
    ...regionSpans(index, [...(section?.memory ?? [])]),
    ...deviceSpans(index, index.document.kernel.devices),
  ];
  return { owner: `the kernel on CPU ${cpu}`, spans, bits: 48 };
}

/** A subject's address space: EPT or IA-32e tables with four levels (the lower canonical half for native subjects). */
export function subjectSpace(index: PolicyIndex, name: string): AddressSpace {
  const subject = index.subjects.get(name)!;
  const spans = [...regionSpans(index, [...subject.memory]), ...deviceSpans(index, subject.devices)];
  return { owner: `subject '${name}'`, spans, bits: usesEpt(subject) ? 48 : 47 };
}

/** Address width of device domains, from the capability of the IOMMUs; 39 when none says so. */
export function domainAddressBits({ document }: PolicyIndex): number {
  const iommu = document.hardware.devices.find(device => hasCapability(device, 'iommu'));
  return iommu?.capabilities.find(capability => capability.name === 'agaw')?.value === '48' ? 48 : 39;
}

/** Address space that the devices of a domain see. */
export function domainSpace(index: PolicyIndex, name: string): AddressSpace {
  const domain = index.document.deviceDomains.find(entry => entry.name === name);
  return {
    owner: `device domain '${name}'`,
    spans: regionSpans(index, [...(domain?.memory ?? [])]),
    bits: domainAddressBits(index),
  };
}

const kernelSpaces = (index: PolicyIndex): AddressSpace[] =>
  [...index.kernelSections.keys()].map(cpu => kernelSpace(index, cpu));
const subjectSpaces = (index: PolicyIndex): AddressSpace[] =>
  [...index.subjects.keys()].map(name => subjectSpace(index, name));
const domainSpaces = (index: PolicyIndex): AddressSpace[] =>
  index.document.deviceDomains.map(({ name }) => domainSpace(index, name));

const OVERLAP_HINT = 'Two mappings of one address cannot both hold; move one of them.';

/** Rules about the address spaces of the kernel, of subjects and of device domains. */
export const ADDRESS_SPACE_RULES: readonly Rule[] = [
  ...(
    [
      ['KRN-VIRTUAL-OVERLAP', 'kernel', 'kernel.Virtual_Memory_Overlap', 'the kernel on each CPU', kernelSpaces],
      ['SUBJ-VIRTUAL-OVERLAP', 'subjects', 'subject.Virtual_Memory_Overlap', 'each subject', subjectSpaces],
      ['DOM-VIRTUAL-OVERLAP', 'domains', 'device_domains.Domain_Memory_Overlap', 'each device domain', domainSpaces],
    ] as const
  ).map(([code, area, validator, whose, spaces]) =>
    validatorRule(
      { code, area, title: `Validate that no virtual memory regions of ${whose} overlap.`, validator },
      (index, visit) => {
        for (const { owner, spans } of spaces(index)) {
          if (spans.length > 1) reportOverlaps(visit, owner, spans, OVERLAP_HINT);
        }
      },
    ),
  ),
  rule(
    {
      code: 'MEM-VIRTUAL-RANGE',
      area: 'memory',
      title: 'Validate that mappings lie within the addresses that the page tables translate.',
      severity: 'error',
    },
    (index, visit) => {
      for (const { owner, spans, bits } of [...kernelSpaces(index), ...subjectSpaces(index), ...domainSpaces(index)]) {
        for (const span of spans) {
          visit.examined();
          if (span.end > 2 ** bits) {
            const message = `${span.name} of ${owner} ends at ${formatAddress(span.end)}, above the ${bits} address bits of its page tables`;
            visit.report(span.node, message, 'Use a lower virtual address.');
          }
        }
      }
    },
  ),
];
