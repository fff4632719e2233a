import type { Lemma } from '../../model/model.ts';
import { defined, invariant } from '../../units/invariant.ts';
import { Interpreter } from '../symbolic/interpreter.ts';
import { indexSources } from '../symbolic/source-index.ts';
import type { SymbolicModel } from '../symbolic/symbolic-model.ts';
import type { Term } from '../symbolic/terms.ts';
import { isTerm, TermBox, type Value } from '../symbolic/values.ts';

/** Scalars behind those of the state: one per party, its mode as the number of the mode's name. */
export const modeScalar = (model: SymbolicModel, party: number): number => model.shape.paths.length + party;

/** Number that stands for a mode. */
export const modeNumber = (model: SymbolicModel, party: number, mode: number): number =>
  model.shape.numberOf(defined(model.instance.parties[party]?.compiled.modes[mode], `mode ${mode}`));

/** Range of numbers of names; both enum values and mode names are counted from 0, in opposite directions. */
const NAMES = 4096;

/** Lemmas as terms over the scalars and the modes. */
export function lemmaTerms(
  model: SymbolicModel,
  lemmas: readonly Lemma[],
  sources: Readonly<Record<string, string>>,
): readonly Term[] {
  const { terms, shape, instance } = model;
  const index = indexSources(sources);
  const scalars = shape.paths.map((_, scalar) =>
    model.constants.has(scalar) ? defined(model.initial[scalar], 'initial value') : shape.leaf(terms, scalar),
  );
  const interpreter = new Interpreter(index, terms, shape);
  const modes = instance.parties.map(
    (_, party) => new TermBox(terms.leaf(modeScalar(model, party), -NAMES, NAMES, false)),
  );
  const at = (place: unknown): Value => [{ when: terms.yes, place: { kind: 'data', value: place } }];
  return lemmas.map(({ id, holds }) => {
    const keys = [...index.functions].filter(([, its]) => its.name === holds.name).map(([key]) => key);
    invariant(keys.length === 1, `lemma ${id}: ${keys.length} source functions are called ${holds.name}`);
    const state: Value = [{ when: terms.yes, place: { kind: 'state', path: '', field: instance.schema.root } }];
    const config = instance.parties[0]?.definition.config;
    const value = interpreter.call(keys[0]!, [state, at(modes), at(config)], scalars);
    invariant(value !== undefined && isTerm(value), `lemma ${id} is not a truth value`);
    return value;
  });
}
