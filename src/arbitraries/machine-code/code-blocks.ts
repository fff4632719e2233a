import type { BlockKind } from './block-kind.ts';
import { DMA_BLOCKS } from './dma-blocks.ts';
import { EVENT_BLOCKS } from './event-blocks.ts';
import { INSTRUCTION_BLOCKS } from './instruction-blocks.ts';
import { MEMORY_BLOCKS } from './memory-blocks.ts';
import { modeBlocks } from './mode-blocks.ts';
import { MONITOR_BLOCKS } from './monitor-blocks.ts';
import { PROCESSOR_BLOCKS } from './processor-blocks.ts';

/** Blocks that run in any mode of the processor. */
const MODELESS_BLOCKS: readonly BlockKind[] = [
  ...INSTRUCTION_BLOCKS,
  ...MEMORY_BLOCKS,
  ...EVENT_BLOCKS,
  ...MONITOR_BLOCKS,
  ...PROCESSOR_BLOCKS,
];

const MODE_BLOCKS = modeBlocks(MODELESS_BLOCKS);

/** Kinds of blocks that generated programs consist of. */
export const BLOCK_KINDS: readonly BlockKind[] = [...MODELESS_BLOCKS, ...MODE_BLOCKS, ...DMA_BLOCKS];

/** Kinds of blocks that are about one thing. */
export const BLOCK_THEMES: readonly (readonly BlockKind[])[] = [
  INSTRUCTION_BLOCKS,
  MEMORY_BLOCKS,
  EVENT_BLOCKS,
  MONITOR_BLOCKS,
  PROCESSOR_BLOCKS,
  MODE_BLOCKS,
  DMA_BLOCKS,
];
