import type { Field } from '../../model/schema.ts';
import { invariant } from '../../units/invariant.ts';
import type { Term, Terms } from './terms.ts';

/** A part of the state, or of plain data (configuration, event). */
export type Place =
  | { readonly kind: 'state'; readonly path: string; readonly field: Field }
  | { readonly kind: 'data'; readonly value: unknown };

/** A term that stands among plain data. */
export class TermBox {
  readonly term: Term;
  constructor(term: Term) {
    this.term = term;
  }
}

/** One of several places, each under its condition; the conditions exclude each other and the last one is what is left. */
export type Choice = readonly { readonly when: Term; readonly place: Place }[];

/** What an expression of the subset evaluates to. */
export type Value = Term | Choice;

export const isTerm = (value: Value): value is Term => !Array.isArray(value);

/** Scalars of the state by number, as terms. */
export class Scalars {
  readonly paths: string[] = [];
  readonly fields: Field[] = [];
  private readonly byPath = new Map<string, number>();
  /** Numbers of the names of enums; the values of one enum are consecutive. */
  private readonly names = new Map<string, number>();
  private readonly others: string[] = [];

  constructor(root: Field) {
    const visit = (path: string, field: Field): void => {
      if (field.kind === 'record') {
        for (const [name, of] of Object.entries(field.fields)) visit(path === '' ? name : `${path}.${name}`, of);
      } else if (field.kind === 'array') {
        for (let index = 0; index < field.length; index++) visit(`${path}[${index}]`, field.of);
      } else {
        this.byPath.set(path, this.paths.length);
        this.paths.push(path);
        this.fields.push(field);
        if (field.kind === 'enum') this.nameValues(field.values);
      }
    };
    visit('', root);
  }

  indexOf(path: string): number {
    return this.byPath.get(path) ?? -1;
  }

  /** Number of a piece of text: 0 .. for enum values, below 0 for others, which only the configuration can hold. */
  numberOf(name: string): number {
    const known = this.names.get(name);
    if (known !== undefined) return known;
    if (!this.others.includes(name)) this.others.push(name);
    return -1 - this.others.indexOf(name);
  }

  private nameValues(values: readonly string[]): void {
    const base = this.names.get(values[0]!) ?? this.names.size;
    const isNew = base === this.names.size;
    values.forEach((value, index) => {
      invariant(
        isNew ? !this.names.has(value) : this.names.get(value) === base + index,
        `enum value ${value} is used twice`,
      );
      this.names.set(value, base + index);
    });
  }

  /** Number of the first value of an enum; 0 for other fields. */
  enumBase(scalar: number): number {
    const field = this.fields[scalar]!;
    return field.kind === 'enum' ? this.numberOf(field.values[0]!) : 0;
  }

  /** Smallest and largest value; an enum value is its number, a truth value 0 or 1. */
  bounds(scalar: number): readonly [number, number] {
    const field = this.fields[scalar]!;
    if (field.kind === 'int') return [field.min, field.max];
    if (field.kind === 'bits') return [0, 2 ** field.width - 1];
    if (field.kind !== 'enum') return [0, 1];
    const base = this.enumBase(scalar);
    return [base, base + field.values.length - 1];
  }

  leaf(terms: Terms, scalar: number): Term {
    const [low, high] = this.bounds(scalar);
    return terms.leaf(scalar, low, high, this.fields[scalar]!.kind === 'bool');
  }
}

/** Place of a named part. */
export function member(place: Place, name: string): Place | undefined {
  if (place.kind === 'state') {
    const field = place.field.kind === 'record' ? place.field.fields[name] : undefined;
    return field && { kind: 'state', path: place.path === '' ? name : `${place.path}.${name}`, field };
  }
  const { value } = place;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return { kind: 'data', value: (value as Readonly<Record<string, unknown>>)[name] };
}

/** Number of elements of a place, -1 if it has none. */
export function lengthOf(place: Place): number {
  if (place.kind === 'state') return place.field.kind === 'array' ? place.field.length : -1;
  return Array.isArray(place.value) ? place.value.length : -1;
}

/** Place of an element; the index is in range. */
export function element(place: Place, index: number): Place {
  if (place.kind === 'data') return { kind: 'data', value: (place.value as readonly unknown[])[index] };
  const field = place.field.kind === 'array' ? place.field.of : place.field;
  return { kind: 'state', path: `${place.path}[${index}]`, field };
}

export const isScalarPlace = (place: Place): boolean =>
  place.kind === 'state'
    ? place.field.kind !== 'array' && place.field.kind !== 'record'
    : place.value instanceof TermBox ||
      typeof place.value === 'number' ||
      typeof place.value === 'boolean' ||
      typeof place.value === 'string';
