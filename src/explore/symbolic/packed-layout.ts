import { array, type Field, int, type RecordField, record } from '../../model/schema.ts';
import { layOut } from '../../model/schema-layout.ts';
import type { SymbolicModel } from './symbolic-model.ts';
import { type ValueSet, valueSets } from './value-sets.ts';

/** Where a scalar stands in a packed state; a scalar of more than 32 bits takes two parts. */
export interface PackedPart {
  readonly word: number;
  readonly shift: number;
  readonly width: number;
}

/** Layout of a packed state without the scalars that never change. */
export interface PackedLayout {
  readonly words: number;
  readonly bits: number;
  /** Values per scalar whose packed form is an index into them; undefined where it is the value above the field's smallest. */
  readonly values: readonly (readonly number[] | undefined)[];
  /** Parts per scalar, low first; none for a constant one. */
  readonly scalars: readonly (readonly PackedPart[])[];
  /** One per party. */
  readonly modes: readonly PackedPart[];
}

/** The values as a table, if an index into it takes fewer bits than the field. */
function narrowValues(
  set: ValueSet,
  [low, high]: readonly [number, number],
  field: Field,
): readonly number[] | undefined {
  if (set === undefined || field.kind === 'bool') return undefined;
  const values = [...set].map(Number).sort((a, b) => a - b);
  return Math.ceil(Math.log2(values.length)) < Math.ceil(Math.log2(high - low + 1)) ? values : undefined;
}

/** Lays out the changing scalars and the modes in declaration order; modes first, so that steps find them in the first word. */
export function packedLayout(model: SymbolicModel): PackedLayout {
  const { shape, constants, instance } = model;
  const sets = valueSets(model);
  const values = shape.paths.map((_, scalar) =>
    narrowValues(sets[scalar], shape.bounds(scalar), shape.fields[scalar]!),
  );
  const modes = instance.parties.map(({ compiled }) => int(0, Math.max(0, compiled.modes.length - 1)));
  const fields: Record<string, RecordField['fields'][string]> = {};
  modes.forEach((field, party) => {
    fields[`mode${party}`] = field;
  });
  shape.paths.forEach((_, scalar) => {
    if (constants.has(scalar)) return;
    const field = shape.fields[scalar]!;
    const its = values[scalar];
    fields[`s${scalar}`] = its === undefined ? field : int(0, its.length - 1);
  });
  const layout = layOut(record({ ...fields, none: array(0, int(0, 0)) }));
  const partsOf = (name: string): PackedPart[] =>
    layout.leaves
      .filter(({ path, width }) => path === name && width > 0)
      .map(({ word, shift, width }) => ({ word, shift, width }));
  return {
    words: layout.words,
    values,
    bits: layout.leaves.reduce((sum, { width }) => sum + width, 0),
    scalars: shape.paths.map((_, scalar) => partsOf(`s${scalar}`)),
    modes: modes.map((_, party) => partsOf(`mode${party}`)[0] ?? { word: 0, shift: 0, width: 0 }),
  };
}
