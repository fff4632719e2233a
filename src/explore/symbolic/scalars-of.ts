import { reachableTerms, type Term } from './terms.ts';

/** Scalars that terms read, ascending. */
export function scalarsOf(roots: readonly Term[]): readonly number[] {
  const scalars = reachableTerms(roots).flatMap(term => (term.kind === 'leaf' ? [term.scalar] : []));
  return [...new Set(scalars)].sort((a, b) => a - b);
}
