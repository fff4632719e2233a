/**
 * Delta debugging over a list (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input"): removes
 * halves, quarters, ... and at last single items as long as `keeps` still accepts the rest.
 *
 * @param keeps true when the remaining items still show the failure; asked only for proper sublists.
 * @returns a sublist from which no single item can be removed, unless `keeps` refused because its budget ended.
 */
export function shrinkList<T>(items: readonly T[], keeps: (rest: readonly T[]) => boolean): readonly T[] {
  let current = items;
  if (current.length > 0 && keeps([])) return [];
  let chunk = Math.max(1, Math.floor(current.length / 2));
  while (current.length > 0) {
    let removed = false;
    // From the end: later operations are more often irrelevant, and earlier ones keep their addresses and times.
    for (let end = current.length; end > 0; end -= chunk) {
      const start = Math.max(0, end - chunk);
      const rest = [...current.slice(0, start), ...current.slice(end)];
      if (rest.length === 0 || !keeps(rest)) continue;
      current = rest;
      removed = true;
    }
    if (chunk === 1 && !removed) break;
    chunk = removed && chunk === 1 ? 1 : Math.max(1, Math.floor(chunk / 2));
  }
  return current;
}
