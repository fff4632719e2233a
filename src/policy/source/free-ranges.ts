/** Disjoint ranges of free numbers; both ends belong to a range. */
export class FreeRanges {
  /** Ascending. */
  #ranges: { first: bigint; last: bigint }[];
  /** What was taken away since the ranges were last brought up to date. */
  #removed: { first: bigint; last: bigint }[] = [];
  /** Index of the first range that may hold a size: those before it did not, and ranges only shrink. */
  readonly #from = new Map<bigint, number>();

  constructor(first: bigint, last: bigint) {
    this.#ranges = [{ first, last }];
  }

  /** Takes `size` numbers away from `first` on, those that are free. */
  remove(first: bigint, size: bigint): void {
    if (size > 0n) this.#removed.push({ first, last: first + size - 1n });
  }

  /** Takes the lowest `size` numbers in a row; undefined when there are none. */
  take(size: bigint): bigint | undefined {
    this.#update();
    let index = this.#from.get(size) ?? 0;
    while (index < this.#ranges.length && lengthOf(this.#ranges[index]!) < size) index += 1;
    this.#from.set(size, index);
    const range = this.#ranges[index];
    if (range === undefined) return undefined;
    const { first } = range;
    range.first += size;
    return first;
  }

  /** Cuts what was removed out of the ranges, in one pass over both. */
  #update(): void {
    if (this.#removed.length === 0) return;
    const removed = this.#removed.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
    const ranges: { first: bigint; last: bigint }[] = [];
    let next = 0;
    for (const range of this.#ranges) {
      let { first } = range;
      // A hole that reaches into the next range is looked at again there.
      while (next < removed.length && removed[next]!.last < first) next += 1;
      for (let index = next; index < removed.length && removed[index]!.first <= range.last; index += 1) {
        const hole = removed[index]!;
        if (hole.first > first) ranges.push({ first, last: hole.first - 1n });
        if (hole.last >= first) first = hole.last + 1n;
      }
      if (first <= range.last) ranges.push({ first, last: range.last });
    }
    this.#ranges = ranges;
    this.#removed = [];
    this.#from.clear();
  }
}

const lengthOf = ({ first, last }: { readonly first: bigint; readonly last: bigint }): bigint => last - first + 1n;
