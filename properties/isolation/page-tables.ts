import type { Property, Witness } from '../../src/engine/property.ts';
import { structureProperty } from './structure-property.ts';

const WITNESSES: readonly Witness[] = [
  { id: 'leaf', description: 'a page that the tables map' },
  { id: 'writable-leaf', description: 'a writable page' },
  { id: 'read-only-leaf', description: 'a page that may be read but not written' },
  { id: 'no-execute-leaf', description: 'a page that may not be executed' },
];

/** Every subject's tables against the policy's declarations, leaf by leaf. */
export const subjectPageTables: Property = structureProperty({
  kind: 'subject-page-tables',
  claim:
    'Every page that a subject can reach through its EPT or page tables is granted by the policy with exactly these rights and this memory type, and every granted page is mapped',
  witnesses: WITNESSES,
  killedBy: [
    'paging-ept-leaf-writable',
    'paging-ept-leaf-executable',
    'paging-ia32e-leaf-writable',
    'paging-ia32e-leaf-executable',
    'paging-index-alias',
    'paging-neighbour-mapping',
  ],
  absence: 'the policy has no subjects',
});

/** Every kernel CPU's tables against the policy's declarations, leaf by leaf. */
export const kernelPageTables: Property = structureProperty({
  kind: 'kernel-page-tables',
  claim:
    "Every page that the kernel of a CPU maps is declared for that CPU with exactly these rights and this memory type, every declared page is mapped, and no table or VMX structure of type 'system' is mapped",
  witnesses: WITNESSES,
  killedBy: ['paging-ia32e-leaf-writable', 'paging-ia32e-leaf-executable', 'paging-device-cached'],
  absence: 'the policy has no kernels',
});
