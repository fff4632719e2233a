import type { Property } from '../../src/engine/property.ts';
import { structureProperty } from './structure-property.ts';

/** Every subject's I/O bitmaps, port by port. */
export const ioBitmaps: Property = structureProperty({
  kind: 'io-bitmaps',
  claim: 'The I/O ports that a subject can access without an exit are exactly those of the devices that it has',
  witnesses: [{ id: 'closed-port', description: 'a port whose access exits' }],
  killedBy: ['io-port-beyond-range', 'io-bit-order'],
  absence: 'the policy has no subjects',
});

/** Every subject's MSR bitmap, MSR by MSR. */
export const msrBitmaps: Property = structureProperty({
  kind: 'msr-bitmaps',
  claim:
    'The MSRs that a subject can read, and those that it can write, without an exit are exactly those of its policy',
  witnesses: [{ id: 'closed-msr', description: 'a read or write of an MSR that exits' }],
  killedBy: ['msr-read-only-writable', 'msr-beyond-range'],
  absence: 'the policy has no subjects',
});

/** Every subject's MSR store, entry by entry. */
export const msrStores: Property = structureProperty({
  kind: 'msr-stores',
  claim:
    'The MSR store of a subject switches exactly the MSRs that it may write and that the VMCS does not switch, and starts with zeros',
  witnesses: [{ id: 'stored-msr', description: 'an MSR that the store switches' }],
  killedBy: ['msr-store-index'],
  absence: 'no subject writes an MSR that an MSR store must switch',
});
