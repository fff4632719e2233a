/** Pages of guest-physical memory. */
export interface PageRange {
  readonly address: number;
  readonly sizeBytes: number;
}

export const PAGE_BYTES = 0x1000;

/** Free ranges, by address, that do not touch each other. */
export type FreeRanges = readonly PageRange[];

/** Size of an allocation in whole pages. */
export const wholePages = (sizeBytes: number): number => Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES;

/** The whole pages inside a range. */
export function pagesInside({ address, sizeBytes }: PageRange): PageRange {
  const start = wholePages(address);
  const end = Math.floor((address + sizeBytes) / PAGE_BYTES) * PAGE_BYTES;
  return { address: start, sizeBytes: Math.max(0, end - start) };
}

/** Takes the first free range that is large enough; undefined if there is none. */
export function allocatePages(
  free: FreeRanges,
  sizeBytes: number,
): { readonly free: FreeRanges; readonly range: PageRange } | undefined {
  const wanted = wholePages(sizeBytes);
  const index = free.findIndex(range => range.sizeBytes >= wanted);
  const found = free[index];
  if (found === undefined || wanted === 0) return undefined;
  const rest = { address: found.address + wanted, sizeBytes: found.sizeBytes - wanted };
  const ranges = free.flatMap((range, place) => (place !== index ? [range] : rest.sizeBytes > 0 ? [rest] : []));
  return { free: ranges, range: { address: found.address, sizeBytes: wanted } };
}

/** Gives pages back and joins them with their free neighbours. */
export function releasePages(free: FreeRanges, range: PageRange): FreeRanges {
  const sorted = [...free, range].sort((a, b) => a.address - b.address);
  const joined: PageRange[] = [];
  for (const next of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && last.address + last.sizeBytes === next.address)
      joined[joined.length - 1] = { address: last.address, sizeBytes: last.sizeBytes + next.sizeBytes };
    else joined.push(next);
  }
  return joined;
}
