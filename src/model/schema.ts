import { invariant } from '../units/invariant.ts';
import { generateCode } from './schema-code.ts';
import type { JsonValue } from './schema-describe.ts';
import { checkValue, describeDifference, toJsonValue } from './schema-describe.ts';
import type { Leaf } from './schema-layout.ts';
import { layOut } from './schema-layout.ts';

/** Integer field, `min` .. `max`, both safe integers (|n| <= 2^53-1). */
export interface IntField {
  readonly kind: 'int';
  readonly min: number;
  readonly max: number;
  readonly initial: number;
}
/** Truth value; a JavaScript boolean in the state, one bit when packed. */
export interface BoolField {
  readonly kind: 'bool';
  readonly initial: boolean;
}
/** One of a closed list of domain names; a string in the state, its index when packed. */
export interface EnumField<V extends string = string> {
  readonly kind: 'enum';
  readonly values: readonly V[];
  readonly initial: V;
}
/** Set of up to 32 members as an unsigned 32-bit word; `names[i]` is what bit i means. */
export interface BitsField {
  readonly kind: 'bits';
  readonly width: number;
  readonly initial: number;
  readonly names: readonly string[];
}
/** Array of fixed length; `names[i]` is what element i stands for. */
export interface ArrayField<F extends Field = Field> {
  readonly kind: 'array';
  readonly length: number;
  readonly of: F;
  readonly names: readonly string[];
}
/** Record of named fields. */
export interface RecordField<R extends FieldMap = FieldMap> {
  readonly kind: 'record';
  readonly fields: R;
}
export interface FieldMap {
  readonly [name: string]: Field;
}
export type Field = IntField | BoolField | EnumField | BitsField | ArrayFieldAny | RecordField;
/** Breaks the circular type alias of `Field` through arrays. */
export interface ArrayFieldAny {
  readonly kind: 'array';
  readonly length: number;
  readonly of: Field;
  readonly names: readonly string[];
}

/** The plain-data state type that a field describes. */
export type StateOf<F> = F extends IntField | BitsField
  ? number
  : F extends BoolField
    ? boolean
    : F extends EnumField<infer V>
      ? V
      : F extends ArrayField<infer G>
        ? StateOf<G>[]
        : F extends RecordField<infer R>
          ? { -readonly [K in keyof R]: StateOf<R[K]> }
          : never;

/** State type of a schema, for example `type State = StateOfSchema<typeof schema>`. */
export type StateOfSchema<T> = T extends Schema<infer S> ? S : never;

/** Any model state: a plain record. */
export type ModelState = Record<string, unknown>;

/** Integer in `min` .. `max`; starts at `initial`, by default at 0 or the bound that is nearest to it. */
export function int(min: number, max: number, initial: number = Math.min(Math.max(0, min), max)): IntField {
  invariant(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max, `int(${min}, ${max}) is not a range`);
  invariant(Number.isSafeInteger(max - min), `int(${min}, ${max}) spans more than 2^53-1`);
  invariant(Number.isSafeInteger(initial) && initial >= min && initial <= max, `initial ${initial} is out of range`);
  return { kind: 'int', min, max, initial };
}

/** Truth value; starts false unless told otherwise. */
export function bool(initial = false): BoolField {
  return { kind: 'bool', initial };
}

/** One of `values`; starts at the first. */
export function enumOf<const V extends string>(...values: readonly [V, ...V[]]): EnumField<V> {
  invariant(new Set(values).size === values.length, `enumOf(${values.join(', ')}) repeats a value`);
  return { kind: 'enum', values, initial: values[0] };
}

/** Set of `width` (1 .. 32) members as an unsigned word; starts empty. Write 32-bit results with `>>> 0`. */
export function bits(width: number, names: readonly string[] = []): BitsField {
  invariant(Number.isInteger(width) && width >= 1 && width <= 32, `bits(${width}) is not 1 .. 32 bits wide`);
  return { kind: 'bits', width, initial: 0, names };
}

/** `length` (0 ..) elements of one field. */
export function array<F extends Field>(length: number, of: F, names: readonly string[] = []): ArrayField<F> {
  invariant(Number.isInteger(length) && length >= 0, `array length ${length}`);
  return { kind: 'array', length, of, names };
}

/** Named fields; names are identifiers. */
export function record<const R extends FieldMap>(fields: R): RecordField<R> {
  for (const name of Object.keys(fields)) {
    invariant(/^[A-Za-z][A-Za-z0-9]*$/.test(name), `field name ${name} is not an identifier`);
  }
  return { kind: 'record', fields };
}

/** Operations on all states of one shape. All are total over states that pass `check`. */
export interface Schema<S = ModelState> {
  readonly root: RecordField;
  /** Packed leaves in order, with their bit positions. */
  readonly leaves: readonly Leaf[];
  /** 32-bit words that a packed state takes. */
  readonly words: number;
  /** Information bits of a packed state, without padding. */
  readonly bits: number;
  /** A fresh initial state. */
  initial(): S;
  clone(state: Readonly<S>): S;
  /** Overwrites every field of `to`, in place. */
  copy(from: Readonly<S>, to: S): void;
  equal(left: Readonly<S>, right: Readonly<S>): boolean;
  /** One "path: left vs right" line per differing field. */
  diff(left: Readonly<S>, right: Readonly<S>): string[];
  /** One line per field that is missing, unknown, of a wrong type or out of bounds; accepts anything. */
  check(state: unknown): string[];
  /** Writes `words` words at `offset` of `into` (by default a new array) and returns that array. */
  pack(state: Readonly<S>, into?: Uint32Array, offset?: number): Uint32Array;
  /** Reads `words` words at `offset`; fills `into` in place if it is given. */
  unpack(packed: Uint32Array, offset?: number, into?: S): S;
  /** Plain JSON with domain names: bit sets as lists of members, named arrays as objects. */
  toJson(state: Readonly<S>): JsonValue;
}

function initialValue(field: Field): unknown {
  if (field.kind === 'array') return Array.from({ length: field.length }, () => initialValue(field.of));
  if (field.kind !== 'record') return field.initial;
  return Object.fromEntries(Object.entries(field.fields).map(([name, of]) => [name, initialValue(of)]));
}

/** Derives all operations of a state shape from its fields. */
export function schemaOf<const R extends FieldMap>(fields: R): Schema<StateOf<RecordField<R>>> {
  type S = StateOf<RecordField<R>>;
  const root = record(fields);
  const layout = layOut(root);
  const code = generateCode<S>(root, layout);
  const template = initialValue(root) as S;
  const initial = (): S => code.clone(template);
  return {
    root,
    leaves: layout.leaves,
    words: layout.words,
    bits: layout.leaves.reduce((sum, leaf) => sum + leaf.width, 0),
    initial,
    clone: code.clone,
    copy: code.copy,
    equal: code.equal,
    diff: (left, right) => describeDifference(root, left, right),
    check: state => checkValue(root, state),
    pack(state, into = new Uint32Array(layout.words), offset = 0) {
      code.pack(state, into, offset);
      return into;
    },
    unpack(packed, offset = 0, into = initial()) {
      code.unpack(packed, offset, into);
      return into;
    },
    toJson: state => toJsonValue(root, state),
  };
}
