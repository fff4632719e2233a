import { type Hpa, hpa } from '../../units/address.ts';
import type { PhysicalMemory } from '../memory.ts';
import { REMAPPING_ENTRIES, readRemappingEntry } from '../vtd/remapping-entries.ts';
import { DmaFault } from './dma-remapping.ts';

/** Where an interrupt message goes, or the reason why it is blocked. */
export type RemappedInterrupt =
  | { readonly kind: 'delivered'; readonly destination: number; readonly vector: number }
  | { readonly kind: 'blocked'; readonly reason: number };

const blocked = (reason: number): RemappedInterrupt => ({ kind: 'blocked', reason });
const VERIFY_REQUESTER = 1;

/** Remaps the message of a device for an entry of the table (VT-d specification, "Interrupt Remapping"); any table is allowed. */
export function remapInterrupt(memory: PhysicalMemory, table: Hpa, index: number, source: number): RemappedInterrupt {
  if (index < 0 || index >= REMAPPING_ENTRIES) return blocked(DmaFault.interruptIndex);
  const entry = readRemappingEntry(memory, hpa(table), index);
  if (entry === undefined) return blocked(DmaFault.interruptNotPresent);
  if (entry.defect !== '' || entry.isPosted || entry.deliveryMode !== 0) return blocked(DmaFault.interruptReserved);
  if (entry.sourceValidation === VERIFY_REQUESTER && entry.sourceQualifier === 0 && entry.sourceId !== source)
    return blocked(DmaFault.interruptSource);
  return { kind: 'delivered', destination: entry.destination, vector: entry.vector };
}
