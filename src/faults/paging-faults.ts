import type { PageMapping } from '../impl/x86/paging-layout.ts';
import { PAGE_SIZE_BYTES } from '../units/address.ts';
import type { Fault } from './fault.ts';
import { seamFaults } from './fault-parts.ts';

const SUBJECTS = 'isolation/subject-page-tables';
const KERNEL = 'isolation/kernel-page-tables';

/** Bytes that one page table translates. */
const TABLE_SPAN_BYTES = 0x20_0000;

/** First page behind a mapping that is free and needs no further page table. */
function freePage(mappings: readonly PageMapping[]): number {
  const isTaken = (page: number): boolean =>
    mappings.some(({ virtualAddress, sizeBytes }) => page >= virtualAddress && page < virtualAddress + sizeBytes);
  const ends = mappings.map(({ virtualAddress, sizeBytes }) => virtualAddress + sizeBytes);
  return ends.find(end => !isTaken(end) && end % TABLE_SPAN_BYTES !== 0) ?? 0;
}

/** Defects of the page-table builders. */
export const PAGING_FAULTS: readonly Fault[] = seamFaults('paging', [
  {
    id: 'paging-ept-leaf-writable',
    title: 'every page of a VM subject is writable',
    precedent: 'XSA-148 (CVE-2015-7835): unchecked flags of an entry gave a guest writable page tables',
    killedBy: [SUBJECTS],
    replace: ops => ({
      encodeEptLeaf: (address, mapping) => ops.encodeEptLeaf(address, { ...mapping, writable: true }),
    }),
  },
  {
    id: 'paging-ept-leaf-executable',
    title: 'every page of a VM subject is executable',
    precedent: 'XSA-182 (CVE-2016-6258): access rights of an entry changed without a check',
    killedBy: [SUBJECTS],
    replace: ops => ({
      encodeEptLeaf: (address, mapping) => ops.encodeEptLeaf(address, { ...mapping, executable: true }),
    }),
  },
  {
    id: 'paging-ia32e-leaf-writable',
    title: 'every page of the kernel and of native subjects is writable',
    precedent: 'XSA-148 (CVE-2015-7835): unchecked flags of an entry gave a guest writable page tables',
    killedBy: [KERNEL, SUBJECTS],
    replace: ops => ({
      encodeIa32eLeaf: (address, mapping) => ops.encodeIa32eLeaf(address, { ...mapping, writable: true }),
    }),
  },
  {
    id: 'paging-ia32e-leaf-executable',
    title: 'every page of the kernel and of native subjects is executable',
    precedent: 'XSA-182 (CVE-2016-6258): access rights of an entry changed without a check',
    killedBy: [KERNEL, SUBJECTS],
    replace: ops => ({
      encodeIa32eLeaf: (address, mapping) => ops.encodeIa32eLeaf(address, { ...mapping, executable: true }),
    }),
  },
  {
    id: 'paging-device-cached',
    title: 'device registers are mapped write-back',
    precedent: 'XSA-321: memory of an IOMMU seen through the cache',
    killedBy: [KERNEL],
    replace: ops => ({
      encodeIa32eLeaf: (address, mapping) =>
        ops.encodeIa32eLeaf(address, mapping.caching === 'UC' ? { ...mapping, caching: 'WB' } : mapping),
    }),
  },
  {
    id: 'paging-index-alias',
    title: 'two directory entries share one page table',
    precedent: 'Muen 2ab34317f (2014-08): the table index calculation mapped different addresses to one entry',
    killedBy: [SUBJECTS],
    replace: ops => ({
      tableIndex: (address, level) =>
        level === 2 ? ops.tableIndex(address, level) & ~1 : ops.tableIndex(address, level),
    }),
  },
  {
    id: 'paging-neighbour-mapping',
    title: 'a subject also gets the first page of the subject after it',
    precedent: 'XSA-36 (CVE-2013-0153): one table used for the devices of all guests',
    killedBy: [SUBJECTS, 'isolation/loads-confined'],
    replace: ops => ({
      collectSubjectMappings(document, subject) {
        const own = ops.collectSubjectMappings(document, subject);
        const neighbour = document.subjects[document.subjects.indexOf(subject) + 1];
        const first = neighbour === undefined ? undefined : ops.collectSubjectMappings(document, neighbour).mappings[0];
        if (first === undefined) return own;
        const virtualAddress = freePage(own.mappings);
        return { ...own, mappings: [...own.mappings, { ...first, virtualAddress, sizeBytes: PAGE_SIZE_BYTES }] };
      },
    }),
  },
]);
