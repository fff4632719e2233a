/** Disjoint ranges of free numbers, ascending; both ends belong to a range. */
export class FreeRanges {
  #ranges: { first: bigint; last: bigint }[];

  constructor(first: bigint, last: bigint) {
    this.#ranges = [{ first, last }];
  }

  /** Takes `size` numbers away from `first` on, those that are free. */
  remove(first: bigint, size: bigint): void {
    if (size <= 0n) return;
    const last = first + size - 1n;
    this.#ranges = this.#ranges.flatMap(range => {
      if (range.last < first || range.first > last) return [range];
      const before = { first: range.first, last: first - 1n };
      const after = { first: last + 1n, last: range.last };
      return [before, after].filter(rest => rest.first <= rest.last);
    });
  }

  /** Takes the lowest `size` numbers in a row; undefined when there are none. */
  take(size: bigint): bigint | undefined {
    const range = this.#ranges.find(candidate => candidate.last - candidate.first >= size - 1n);
    if (range === undefined) return undefined;
    const { first } = range;
    this.remove(first, size);
    return first;
  }
}
