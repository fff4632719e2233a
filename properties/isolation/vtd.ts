import type { Property } from '../../src/engine/property.ts';
import { structureProperty } from './structure-property.ts';

/** DMA of every PCI function: root, context and second-level tables. */
export const vtdTables: Property = structureProperty({
  kind: 'vtd-tables',
  claim:
    'Every PCI function reaches by DMA exactly the memory of its device domain, with the declared rights, and functions without a domain reach nothing',
  witnesses: [{ id: 'blocked-function', description: 'a PCI function whose DMA is blocked' }],
  killedBy: [
    'dma-wrong-domain',
    'dma-leaf-writable',
    'dma-index-alias',
    'dma-large-page',
    'context-wrong-function',
    'context-address-width',
    'context-one-domain-id',
    'context-pass-through',
  ],
  absence: 'the policy allocates no VT-d root table',
});

/** Interrupts of every device: the interrupt-remapping table. */
export const interruptRemapping: Property = structureProperty({
  kind: 'interrupt-remapping',
  claim:
    'Every device can raise exactly the interrupts that the policy assigns, each with its vector, at the CPU of its owner and with its source verified',
  witnesses: [{ id: 'blocked-interrupt', description: 'an interrupt that no device can raise' }],
  killedBy: [
    'irte-source-not-verified',
    'irte-wrong-source',
    'irte-wrong-vector',
    'irte-wrong-cpu',
    'irte-unassigned',
    'irte-missing',
  ],
  absence: 'the policy allocates no interrupt-remapping table',
});
