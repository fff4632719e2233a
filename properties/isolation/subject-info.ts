import type { Property } from '../../src/engine/property.ts';
import { structureProperty } from './structure-property.ts';

/** What every subject is told about its resources. */
export const subjectInfo: Property = structureProperty({
  kind: 'subject-info',
  claim:
    'The subject information of a subject names exactly the memory, devices, events and vectors that the policy gives it',
  witnesses: [{ id: 'resource', description: 'a resource that a subject is told of' }],
  killedBy: ['subject-info-of-neighbour', 'subject-info-interrupts'],
  absence: 'the policy has no region for subject information',
  open: { 'hash-not-stated': 'a content hash that the policy does not state' },
});
