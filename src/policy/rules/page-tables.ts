import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { PolicyNode, Subject } from '../document.ts';
import { pageTableBytes } from '../page-table-size.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule } from '../rule.ts';
import { type AddressSpace, domainAddressBits, domainSpace, kernelSpace, subjectSpace } from './address-spaces.ts';
import { requireRegion } from './required-region.ts';

const FOUR_GIB = 2 ** 32;

/** A sibling maps what its origin maps and may have more; the tables must hold both. */
function tableSpace(index: PolicyIndex, subject: Subject): AddressSpace {
  const own = subjectSpace(index, subject.name);
  const siblings = index.siblings.get(subject.name) ?? [];
  return { ...own, spans: [...own.spans, ...siblings.flatMap(sibling => subjectSpace(index, sibling.name).spans)] };
}

/** Page-table regions with the address space that they describe. */
function tableRegions(index: PolicyIndex): readonly {
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

/** Rules about the regions that hold page tables. */
export const PAGE_TABLE_RULES: readonly Rule[] = [
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
];
