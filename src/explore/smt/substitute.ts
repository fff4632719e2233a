import { reachableTerms, type Term, type Terms } from '../symbolic/terms.ts';

/** The roots with some scalars replaced; what then is constant folds away. */
export function substitute(
  terms: Terms,
  roots: readonly Term[],
  replacement: (scalar: number) => Term | undefined,
): readonly Term[] {
  const known = new Map<Term, Term>();
  for (const term of reachableTerms(roots)) {
    if (term.kind === 'constant') known.set(term, term);
    else if (term.kind === 'leaf') known.set(term, replacement(term.scalar) ?? term);
    else {
      const of = term.of.map(inner => known.get(inner)!);
      known.set(term, of.every((inner, at) => inner === term.of[at]) ? term : terms.make(term.operator, ...of));
    }
  }
  return roots.map(root => known.get(root)!);
}
