import { InvariantError } from '../../units/invariant.ts';
import type { Term, Terms } from './terms.ts';
import {
  type Choice,
  element,
  isScalarPlace,
  lengthOf,
  type Place,
  type Scalars,
  TermBox,
  type Value,
} from './values.ts';

/** A scalar of plain data, or what stands for any value. */
export type PlainScalar = number | boolean | string | TermBox;

/** Term of plain data; names are numbers. */
export function constantTerm(terms: Terms, shape: Scalars, value: PlainScalar): Term {
  if (value instanceof TermBox) return value.term;
  return terms.constant(typeof value === 'string' ? shape.numberOf(value) : value);
}

/** Elements of one array that the index may name; the last one also stands for what is behind the end. */
export function elementsAt(terms: Terms, when: Term, place: Place, at: Term): Choice {
  const length = lengthOf(place);
  if (length <= 0) return [];
  if (at.kind === 'constant') {
    const index = at.value as number;
    const inside = index >= 0 && index < length ? index : length - 1;
    return [{ when, place: element(place, inside) }];
  }
  const choices: { when: Term; place: Place }[] = [];
  let otherwise = when;
  for (let index = 0; index < length; index++) {
    const isLast = index === length - 1;
    const isHere = terms.equal(at, terms.constant(index));
    const condition = isLast ? otherwise : terms.and(when, isHere);
    if (!isLast) otherwise = terms.and(otherwise, terms.not(isHere));
    if (condition !== terms.no) choices.push({ when: condition, place: element(place, index) });
  }
  return choices;
}

/** Value of places: a scalar as a choice of terms, other places as they are. */
export function readPlaces(terms: Terms, shape: Scalars, places: Choice, scalars: readonly Term[]): Value {
  if (!places.every(({ place }) => isScalarPlace(place))) return places;
  let value: Term | undefined;
  for (const { when, place } of places.toReversed()) {
    const here =
      place.kind === 'state'
        ? scalars[shape.indexOf(place.path)]!
        : constantTerm(terms, shape, place.value as PlainScalar);
    value = value === undefined ? here : terms.ite(when, here, value);
  }
  if (value === undefined) throw new InvariantError('a path that names nothing');
  return value;
}

/** Number of elements of places that are arrays. */
export function lengthOfPlaces(terms: Terms, places: Choice): Term {
  const last = terms.constant(lengthOf(places.at(-1)!.place));
  return places
    .toReversed()
    .reduce<Term>((value, { when, place }) => terms.ite(when, terms.constant(lengthOf(place)), value), last);
}
