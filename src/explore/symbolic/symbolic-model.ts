import type { GuardExpression } from '../../model/chart.ts';
import type { FreeField, ModelInstance, Party } from '../../model/model.ts';
import { defined, invariant } from '../../units/invariant.ts';
import { Interpreter } from './interpreter.ts';
import { indexSources, type SourceIndex } from './source-index.ts';
import { type Term, Terms } from './terms.ts';
import { type Choice, isTerm, Scalars, TermBox } from './values.ts';

/** One enabled way of one event in one mode: a guarded assignment to the whole state. */
export interface SymbolicTransition {
  readonly party: number;
  /** Index into the party's alphabet. */
  readonly event: number;
  readonly from: number;
  readonly to: number;
  /** Over the state before, false where an earlier transition of the same event is taken. */
  readonly guard: Term;
  /** New value per changed scalar. */
  readonly updates: ReadonlyMap<number, Term>;
}

/** A model as guarded assignments, from the parsed source of its guards and actions. */
export interface SymbolicModel {
  readonly instance: ModelInstance;
  readonly terms: Terms;
  readonly shape: Scalars;
  /** Initial value per scalar. */
  readonly initial: readonly Term[];
  readonly transitions: readonly SymbolicTransition[];
  /** Scalars that no transition changes: they keep their initial value. */
  readonly constants: ReadonlySet<number>;
  /** Fields of events that stand for any value; their scalars come behind those of the state and the modes. */
  readonly free: FreeFields;
}

export type FreeFields = Readonly<Record<string, FreeField>>;

type Functions = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Evaluates the named guards and actions of one party. */
class PartyTranslator {
  private readonly party: Party;
  private readonly index: SourceIndex;
  private readonly terms: Terms;
  private readonly interpreter: Interpreter;
  private readonly root: Choice;
  private readonly config: Choice;
  /** What stands for a free field of an event. */
  private readonly boxes: ReadonlyMap<string, TermBox>;

  constructor(
    party: Party,
    index: SourceIndex,
    terms: Terms,
    shape: Scalars,
    interpreter: Interpreter,
    boxes: ReadonlyMap<string, TermBox>,
  ) {
    this.party = party;
    this.index = index;
    this.terms = terms;
    this.interpreter = interpreter;
    this.boxes = boxes;
    const { schema, config } = party.definition;
    this.root = [{ when: terms.yes, place: { kind: 'state', path: '', field: schema.root } }];
    this.config = [{ when: terms.yes, place: { kind: 'data', value: config } }];
    invariant(shape.paths.length > 0 || schema.bits === 0, 'a state without scalars');
  }

  /** Source function behind a name: the registry maps names to functions, functions have their own names. */
  private keyOf(functions: Functions, name: string): string {
    const own = defined(functions[name], name).name;
    const keys = [...this.index.functions].filter(([, declaration]) => declaration.name === own).map(([key]) => key);
    invariant(keys.length === 1, `${keys.length} source functions are called ${own}`);
    return keys[0]!;
  }

  private args(event: number): readonly [Choice, Choice, Choice] {
    const plain = defined(this.party.alphabet[event], 'event');
    const fields = Object.entries(plain).map(([name, its]) => [name, this.boxes.get(name) ?? its]);
    const value = this.boxes.size === 0 ? plain : Object.fromEntries(fields);
    return [this.root, [{ when: this.terms.yes, place: { kind: 'data', value } }], this.config];
  }

  guard(expression: GuardExpression, event: number, scalars: Term[]): Term {
    const { terms } = this;
    if (expression.kind === 'name') {
      const key = this.keyOf(this.party.definition.guards as unknown as Functions, expression.name);
      const value = this.interpreter.call(key, this.args(event), scalars);
      invariant(value !== undefined && isTerm(value), `guard ${expression.name} is not a truth value`);
      return value;
    }
    if (expression.kind === 'not') return terms.not(this.guard(expression.of[0]!, event, scalars));
    // A guard behind one that fails is not evaluated.
    return expression.of.reduce<Term>(
      (value, inner) => {
        if (expression.kind === 'and')
          return value === terms.no ? value : terms.and(value, this.guard(inner, event, scalars));
        return value === terms.yes ? value : terms.or(value, this.guard(inner, event, scalars));
      },
      expression.kind === 'and' ? terms.yes : terms.no,
    );
  }

  act(action: string, event: number, scalars: Term[]): void {
    const key = this.keyOf(this.party.definition.actions as unknown as Functions, action);
    this.interpreter.call(key, this.args(event), scalars);
  }
}

function translateEvent(
  translator: PartyTranslator,
  terms: Terms,
  party: number,
  { compiled, alphabet }: Party,
  mode: number,
  event: number,
  state: readonly Term[],
): SymbolicTransition[] {
  const type = alphabet[event]!.type;
  const found: SymbolicTransition[] = [];
  let left = terms.yes;
  for (const candidate of compiled.chart.transitions) {
    if (candidate.from !== mode || candidate.event !== type || left === terms.no) continue;
    const own = candidate.guard === undefined ? terms.yes : translator.guard(candidate.guard, event, [...state]);
    const guard = terms.and(left, own);
    left = terms.and(left, terms.not(own));
    if (guard === terms.no) continue;
    const after = [...state];
    for (const action of candidate.actions) translator.act(action, event, after);
    const updates = new Map<number, Term>();
    after.forEach((term, scalar) => {
      if (term !== state[scalar]) updates.set(scalar, term);
    });
    found.push({ party, event, from: mode, to: candidate.to, guard, updates });
  }
  return found;
}

function translateAll(
  instance: ModelInstance,
  index: SourceIndex,
  shape: Scalars,
  initial: readonly (number | boolean)[],
  constants: ReadonlySet<number>,
  terms: Terms,
  free: FreeFields,
): SymbolicTransition[] {
  const behind = shape.paths.length + instance.parties.length;
  const boxes = new Map(
    Object.entries(free).map(([name, range], at) => {
      const [low, high] = range === 'truth' ? [0, 1] : range;
      return [name, new TermBox(terms.leaf(behind + at, low, high, range === 'truth'))];
    }),
  );
  const interpreter = new Interpreter(index, terms, shape);
  const state = shape.paths.map((_, scalar) =>
    constants.has(scalar) ? terms.constant(initial[scalar]!) : shape.leaf(terms, scalar),
  );
  return instance.parties.flatMap((party, number) => {
    const translator = new PartyTranslator(party, index, terms, shape, interpreter, boxes);
    return party.compiled.modes.flatMap((_, mode) =>
      party.alphabet.flatMap((_event, event) => translateEvent(translator, terms, number, party, mode, event, state)),
    );
  });
}

/** Value of every scalar of a plain state. */
export function scalarValues(shape: Scalars, state: Readonly<Record<string, unknown>>): (number | boolean)[] {
  return shape.paths.map(path => {
    const value = path
      .split(/[.[\]]+/)
      .filter(part => part !== '')
      .reduce<unknown>((at, part) => (at as Readonly<Record<string, unknown>>)[part], state);
    return typeof value === 'string' ? shape.numberOf(value) : (value as number | boolean);
  });
}

/**
 * Translates a model from the source text of its guards and actions, by file name.
 *
 * Scalars that no transition changes are found by assuming all constant and dropping those that some step changes, until
 * nothing is dropped; they become constants, which folds away what depends on them.
 */
export function translateModel(
  instance: ModelInstance,
  sources: Readonly<Record<string, string>>,
  free: FreeFields = {},
): SymbolicModel {
  const index = indexSources(sources);
  const shape = new Scalars(instance.schema.root);
  const initial = scalarValues(shape, instance.schema.initial());
  const constants = new Set(shape.paths.keys());
  for (;;) {
    const terms = new Terms();
    const transitions = translateAll(instance, index, shape, initial, constants, terms, free);
    const changed = new Set(
      transitions.flatMap(({ updates }) => [...updates.keys()].filter(scalar => constants.has(scalar))),
    );
    if (changed.size === 0)
      return {
        instance,
        terms,
        shape,
        initial: initial.map(value => terms.constant(value)),
        transitions,
        constants,
        free,
      };
    for (const scalar of changed) constants.delete(scalar);
  }
}
