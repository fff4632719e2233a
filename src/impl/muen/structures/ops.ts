import { tableIndex } from '../../x86/paging-layout.ts';
import { collectDomainMappings } from './dma-mappings.ts';
import { assignedInterrupts, encodeIrte, sourceIdOf } from './interrupt-remapping.ts';
import { allowPorts } from './io-bitmap.ts';
import { allowMsrs } from './msr-bitmap.ts';
import { storedMsrs } from './msr-store.ts';
import { subjectResources } from './subject-info.ts';
import {
  contextIndex,
  domainOf,
  encodeContextEntry,
  encodeDmaLeaf,
  encodeDmaTable,
  encodeRootEntry,
} from './vtd-tables.ts';

/** Collaborators of the builders of bitmaps, stores, VT-d tables and subject information; a seeded fault replaces one of them. */
export interface StructureOps {
  readonly allowPorts: typeof allowPorts;
  readonly allowMsrs: typeof allowMsrs;
  readonly storedMsrs: typeof storedMsrs;
  readonly collectDomainMappings: typeof collectDomainMappings;
  /** Entry of an address in a second-level table. */
  readonly dmaTableIndex: typeof tableIndex;
  readonly encodeDmaLeaf: typeof encodeDmaLeaf;
  readonly encodeDmaTable: typeof encodeDmaTable;
  readonly encodeRootEntry: typeof encodeRootEntry;
  readonly encodeContextEntry: typeof encodeContextEntry;
  readonly contextIndex: typeof contextIndex;
  readonly domainOf: typeof domainOf;
  readonly sourceIdOf: typeof sourceIdOf;
  readonly assignedInterrupts: typeof assignedInterrupts;
  readonly encodeIrte: typeof encodeIrte;
  readonly subjectResources: typeof subjectResources;
}

/** The builders' collaborators as they should be. */
export const structureOps: StructureOps = {
  allowPorts,
  allowMsrs,
  storedMsrs,
  collectDomainMappings,
  dmaTableIndex: tableIndex,
  encodeDmaLeaf,
  encodeDmaTable,
  encodeRootEntry,
  encodeContextEntry,
  contextIndex,
  domainOf,
  sourceIdOf,
  assignedInterrupts,
  encodeIrte,
  subjectResources,
};
