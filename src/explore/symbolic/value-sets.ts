import type { SymbolicModel } from './symbolic-model.ts';
import { compute } from './term.ts';
import { reachableTerms, type Term } from './terms.ts';

/** Values that a scalar can take in any reachable state, or undefined if they are too many to list. */
export type ValueSet = ReadonlySet<number | boolean | string> | undefined;

const MOST_VALUES = 32;
const MOST_PRODUCTS = 1024;

const union = (a: ValueSet, b: ValueSet): ValueSet => {
  if (a === undefined || b === undefined) return undefined;
  const joined = new Set([...a, ...b]);
  return joined.size > MOST_VALUES ? undefined : joined;
};

const isTruth = (set: ValueSet, value: boolean): boolean => set !== undefined && set.size === 1 && set.has(value);

/** Values of an operation whose operands take these values. */
function applyTo(term: Term & { kind: 'operation' }, of: readonly ValueSet[]): ValueSet {
  const [a, b, c] = of;
  if (term.operator === 'ite') return isTruth(a, true) ? b : isTruth(a, false) ? c : union(b, c);
  const all: ValueSet = term.isBoolean ? new Set([false, true]) : undefined;
  if (a === undefined || (of.length > 1 && b === undefined)) return all;
  const second = b ?? new Set([0]);
  if (a.size * second.size > MOST_PRODUCTS) return all;
  const values = new Set<number | boolean | string>();
  for (const left of a) for (const right of second) values.add(compute(term.operator, [left, right]));
  return values.size > MOST_VALUES ? all : values;
}

/**
 * Over-approximates the values of each scalar: starts from the initial one and adds what updates can yield, guards ignored,
 * until nothing changes. Words that hold a few distant values then pack into a few bits.
 */
export function valueSets({ shape, initial, transitions, constants }: SymbolicModel): readonly ValueSet[] {
  const sets: ValueSet[] = initial.map(term => (term.kind === 'constant' ? new Set([term.value]) : undefined));
  const updates = transitions.flatMap(({ updates: its }) => [...its]);
  const terms = reachableTerms(updates.map(([, term]) => term));
  const inField = (scalar: number, set: ValueSet): ValueSet => {
    const [low, high] = shape.bounds(scalar);
    // A value outside of the field is a step out of bounds, which the search reports.
    return set && new Set([...set].filter(value => Number(value) >= low && Number(value) <= high));
  };
  for (let changed = true; changed; ) {
    changed = false;
    const values = new Map<Term, ValueSet>();
    for (const term of terms) {
      if (term.kind === 'constant') values.set(term, new Set([term.value]));
      else if (term.kind === 'leaf') values.set(term, sets[term.scalar]);
      else
        values.set(
          term,
          applyTo(
            term,
            term.of.map(inner => values.get(inner)),
          ),
        );
    }
    for (const [scalar, term] of updates) {
      const before = sets[scalar];
      if (before === undefined || constants.has(scalar)) continue;
      const after = union(before, inField(scalar, values.get(term)));
      if (after !== undefined && after.size === before.size) continue;
      sets[scalar] = after;
      changed = true;
    }
  }
  return sets;
}
