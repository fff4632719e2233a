import { formatAddress } from '../../units/address.ts';
import type { PolicyNode, Subject } from '../document.ts';
import { pageTableBytes } from '../page-table-size.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';
import { type AddressSpace, domainAddressBits, domainSpace, kernelSpace, subjectSpace } from './address-spaces.ts';
import { requireRegion } from './required-region.ts';

const FOUR_GIB = 2 ** 32;

/** A sibling maps what its origin maps and may have more; the tables must hold both. */
function tableSpace(index: PolicyIndex, subject: Subject): AddressSpace {
  const own = subjectSpace(index, subject.name);
  const siblings = index.siblings.get(subject.name) ?? [];
  return { ...own, spans: [...own.spans, ...siblings.flatMap(sibling => subjectSpace(index, sibling.name).spans)] };
}

/** A page-table region with the address space that it describes. */
interface TableRegion {
  readonly name: string;
  readonly node: PolicyNode;
  readonly space: AddressSpace;
  readonly levels: 3 | 4;
}

const kernelTables = (index: PolicyIndex): readonly TableRegion[] =>
  index.activeCpus.map(cpu => ({
    name: `kernel_${cpu}|pt`,
    node: index.kernelSections.get(cpu) ?? index.document,
    space: kernelSpace(index, cpu),
    levels: 4,
  }));

const subjectTables = (index: PolicyIndex): readonly TableRegion[] =>
  index.document.subjects
    .filter(subject => subject.siblingOf === undefined)
    .map(node => ({ name: `${node.name}|pt`, node, space: tableSpace(index, node), levels: 4 }));

function domainTables(index: PolicyIndex): readonly TableRegion[] {
  const levels = domainAddressBits(index) === 48 ? 4 : 3;
  return index.document.deviceDomains.map(node => ({
    name: `vtd_${node.name}_pt`,
    node,
    space: domainSpace(index, node.name),
    levels,
  }));
}

const requireTables =
  (tables: (index: PolicyIndex) => readonly TableRegion[]) =>
  (index: PolicyIndex, visit: Visit): void => {
    for (const { name, node, space } of tables(index)) {
      requireRegion(index, visit, { name, types: ['system_pt'], node, whom: space.owner });
    }
  };

/** Rules about the regions that hold page tables. */
export const PAGE_TABLE_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'REG-PT',
      area: 'subjects',
      title: 'Validate that a page-table region exists for each subject that is no sibling.',
      validator: 'memory.Subject_PT_Region_Presence',
    },
    requireTables(subjectTables),
  ),
  validatorRule(
    {
      code: 'DOM-PT',
      area: 'domains',
      title: 'Validate that a page-table region exists for each device domain.',
      validator: 'device_domains.Domain_PT_Region_Presence',
    },
    requireTables(domainTables),
  ),
  rule(
    {
      code: 'REG-PT-SIZE',
      area: 'memory',
      title: 'Validate that page-table regions hold the tables of all mappings with 4 KiB pages.',
      severity: 'warning',
    },
    (index, visit) => {
      for (const { name, space, levels } of [...kernelTables(index), ...subjectTables(index), ...domainTables(index)]) {
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
  validatorRule(
    {
      code: 'REG-KERNEL-PT-LOW',
      area: 'kernel',
      title: 'Validate that kernel page-table regions lie below 4 GiB.',
      validator: 'memory.Kernel_PT_Below_4G',
    },
    (index, visit) => {
      for (const cpu of index.cpuIds) {
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
