import { allowPorts } from './io-bitmap.ts';
import { allowMsrs } from './msr-bitmap.ts';
import { storedMsrs } from './msr-store.ts';

/** Collaborators of the builders of bitmaps and stores; a seeded fault replaces one of them. */
export interface StructureOps {
  readonly allowPorts: typeof allowPorts;
  readonly allowMsrs: typeof allowMsrs;
  readonly storedMsrs: typeof storedMsrs;
}

/** The builders' collaborators as they should be. */
export const structureOps: StructureOps = { allowPorts, allowMsrs, storedMsrs };
