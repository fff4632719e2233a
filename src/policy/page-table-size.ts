import { PAGE_SIZE_BYTES } from '../units/address.ts';
import { type Span, touchedBlocks } from './spans.ts';

/** Address bits that one page-table level translates. */
const LEVEL_BITS = 9;

/**
 * Bytes that the tables for `spans` need with 4 KiB leaves and `levels` levels (3 or 4): one root and, per lower level,
 * one page for each block that is touched (SDM Vol. 3A, "4-Level Paging"; Vol. 3C, "EPT Translation Mechanism").
 */
export function pageTableBytes(spans: readonly Span[], levels: 3 | 4): number {
  let tables = 1;
  for (let level = 1; level < levels; level++) {
    tables += touchedBlocks(spans, PAGE_SIZE_BYTES * 2 ** (LEVEL_BITS * level));
  }
  return tables * PAGE_SIZE_BYTES;
}
