import type { KernelCpu, PolicyDocument, Subject } from '../policy/document.ts';
import type { Hpa } from '../units/address.ts';
import {
  type CollectedMappings,
  collectKernelMappings,
  collectSubjectMappings,
} from './muen/address-space-mappings.ts';
import { encodeEptLeaf, encodeEptTable } from './vmx/ept.ts';
import { encodeIa32eLeaf, encodeIa32eTable } from './x86/paging.ts';
import { type EntryWords, type PageMapping, type TableLevel, tableIndex } from './x86/paging-layout.ts';

/** Collaborators of the page-table builders; a seeded fault replaces one of them. */
export interface PagingOps {
  /** What a subject's tables map. */
  collectSubjectMappings(document: PolicyDocument, subject: Subject): CollectedMappings;
  /** What the kernel's tables of one CPU map. */
  collectKernelMappings(document: PolicyDocument, cpu: KernelCpu): CollectedMappings;
  /** Entry (0 .. 511) of an address in a table of `level`. */
  tableIndex(virtualAddress: number, level: TableLevel): number;
  encodeIa32eLeaf(physicalAddress: Hpa, mapping: PageMapping): EntryWords;
  encodeIa32eTable(physicalAddress: Hpa): EntryWords;
  encodeEptLeaf(physicalAddress: Hpa, mapping: PageMapping): EntryWords;
  encodeEptTable(physicalAddress: Hpa): EntryWords;
}

/** The page-table builders' collaborators as they should be. */
export const pagingOps: PagingOps = {
  collectSubjectMappings,
  collectKernelMappings,
  tableIndex,
  encodeIa32eLeaf,
  encodeIa32eTable,
  encodeEptLeaf,
  encodeEptTable,
};
