/** Edits (insert, delete, replace, swap of neighbours) between two short words: optimal string alignment distance. */
function editDistance(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= left.length; row++) {
    const above = rows[row - 1] ?? [];
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const cost = left[row - 1] === right[column - 1] ? 0 : 1;
      let best = Math.min((above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (above[column - 1] ?? 0) + cost);
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        best = Math.min(best, (rows[row - 2]?.[column - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    rows.push(current);
  }
  return rows[left.length]?.[right.length] ?? 0;
}

/** The candidate most like `word`, if one is like it at all. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const typed = word.toLowerCase().slice(0, 100);
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const distance =
      candidate.startsWith(typed) && typed.length > 1 ? 0.5 : editDistance(typed, candidate.toLowerCase());
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  return best !== undefined && best.distance <= Math.max(2, Math.floor(word.length / 3)) ? best.candidate : undefined;
}

/** ` Did you mean X?` or nothing. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const found = nearest(word, candidates);
  return found === undefined ? '' : ` Did you mean ${found}?`;
}

/** Names that are looked through, and lookups that are made: suggestions are for people, not for generated input. */
const MAX_CANDIDATES = 2000;
const MAX_LOOKUPS = 20;

/** As `suggestion`, for many words and candidates: its work is bounded, later words get no suggestion. */
export function suggester(candidates: Iterable<string>): (word: string) => string {
  let names: readonly string[] | undefined;
  let lookups = 0;
  return word => {
    if (lookups >= MAX_LOOKUPS) return '';
    lookups += 1;
    names ??= firstOf(candidates, MAX_CANDIDATES);
    return suggestion(word, names);
  };
}

function firstOf(values: Iterable<string>, count: number): readonly string[] {
  const found: string[] = [];
  for (const value of values) {
    if (found.length >= count) break;
    found.push(value);
  }
  return found;
}
