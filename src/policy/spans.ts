/** Span arithmetic on byte ranges below 2^53. */
export interface Span {
  readonly start: number;
  /** First byte after the span. */
  readonly end: number;
}

/** Pairs (earlier, later) of overlapping spans: each span against the one that reaches furthest before it. */
export function overlaps<T extends Span>(spans: readonly T[]): readonly (readonly [T, T])[] {
  const sorted = spans.filter(span => span.end > span.start).sort((a, b) => a.start - b.start || a.end - b.end);
  const found: (readonly [T, T])[] = [];
  let reaching: T | undefined;
  for (const span of sorted) {
    if (reaching !== undefined && span.start < reaching.end) found.push([reaching, span]);
    if (reaching === undefined || span.end > reaching.end) reaching = span;
  }
  return found;
}

/** Spans merged where they touch or overlap, ascending. */
export function merged(spans: readonly Span[]): readonly Span[] {
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

/** True when one of `covers` (merged) holds all of `span`; binary search. */
export function isInside(covers: readonly Span[], span: Span): boolean {
  let low = 0;
  let high = covers.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (covers[middle]!.start <= span.start) low = middle;
    else high = middle - 1;
  }
  const cover = covers[low];
  return cover !== undefined && cover.start <= span.start && span.end <= cover.end;
}

/** Number of aligned blocks of `blockBytes` that at least one of the spans touches. */
export function touchedBlocks(spans: readonly Span[], blockBytes: number): number {
  const blocks = spans
    .filter(span => span.end > span.start)
    .map(span => ({ start: Math.floor(span.start / blockBytes), end: Math.floor((span.end - 1) / blockBytes) + 1 }));
  return merged(blocks).reduce((sum, block) => sum + (block.end - block.start), 0);
}
