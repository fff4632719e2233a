import type { Lemma, ModelInstance } from '../../model/model.ts';
import { defined } from '../../units/invariant.ts';
import { lemmaTerms, modeScalar } from '../smt/lemmas.ts';
import { substitute } from '../smt/substitute.ts';
import { type SymbolicModel, type SymbolicTransition, translateModel } from '../symbolic/symbolic-model.ts';
import { QUINT_PRELUDE, QuintWriter } from './quint-terms.ts';

/** `cpus[0].minor` as a name of Quint that none of its own can be. */
const variableName = (path: string): string => `s_${path}`.replace(/[[\].]+/g, '_').replace(/_$/, '');
const identifier = (text: string): string => text.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '');

/** Names of the state variables by scalar: those that change, and the place of each party. */
class Variables {
  readonly changing: readonly number[];
  private readonly model: SymbolicModel;

  constructor(model: SymbolicModel) {
    this.model = model;
    this.changing = model.shape.paths.flatMap((_, scalar) => (model.constants.has(scalar) ? [] : [scalar]));
  }

  name(scalar: number): string {
    const { shape, instance } = this.model;
    const party = scalar - shape.paths.length;
    return party < 0
      ? variableName(defined(shape.paths[scalar], 'path'))
      : `place_${identifier(instance.parties[party]!.id)}`;
  }

  get places(): readonly number[] {
    return this.model.instance.parties.map((_, party) => modeScalar(this.model, party));
  }

  /** A mode by its number in the chart. */
  comment(party: number): string {
    const { modes } = this.model.instance.parties[party]!.compiled;
    return modes.map((mode, index) => `${index} ${mode}`).join(', ');
  }
}

/** Short name of a transition's action: party, place, event with its data, and which choice. */
function actionNames(model: SymbolicModel): readonly string[] {
  const used = new Map<string, number>();
  return model.transitions.map(({ party, from, event }) => {
    const its = model.instance.parties[party]!;
    const { type, ...data } = its.alphabet[event]! as { readonly type: string } & Readonly<Record<string, unknown>>;
    const values = Object.values(data).map(value => String(value).replace('-', 'm'));
    const base = identifier([its.id, its.compiled.modes[from], type, ...values].join(' '));
    const count = (used.get(base) ?? 0) + 1;
    used.set(base, count);
    return count === 1 ? base : `${base}_${count}`;
  });
}

function actionText(
  model: SymbolicModel,
  variables: Variables,
  writer: QuintWriter,
  { party, from, to, guard, updates }: SymbolicTransition,
  name: string,
): string {
  const place = variables.name(modeScalar(model, party));
  const lines = [
    `${place} == ${from}`,
    ...(guard === model.terms.yes ? [] : [writer.text(guard)]),
    `${place}' = ${to}`,
    ...variables.places
      .filter(scalar => scalar !== modeScalar(model, party))
      .map(scalar => `${variables.name(scalar)}' = ${variables.name(scalar)}`),
    ...variables.changing.map(scalar => {
      const update = updates.get(scalar);
      return `${variables.name(scalar)}' = ${update === undefined ? variables.name(scalar) : writer.text(update)}`;
    }),
  ];
  return `  action ${name} = all {\n${lines.map(line => `    ${line},`).join('\n')}\n  }`;
}

/** Every field within its bounds, every place one of the chart. */
function boundsText(model: SymbolicModel, variables: Variables): string {
  const { shape, instance } = model;
  const fields = variables.changing.flatMap(scalar => {
    if (shape.fields[scalar]!.kind === 'bool') return [];
    const [low, high] = shape.bounds(scalar);
    return [`${variables.name(scalar)} >= ${low}, ${variables.name(scalar)} <= ${high}`];
  });
  const places = variables.places.map((scalar, party) => {
    const most = instance.parties[party]!.compiled.modes.length - 1;
    return `${variables.name(scalar)} >= 0, ${variables.name(scalar)} <= ${most}`;
  });
  return `  val inBounds = and {\n${[...fields, ...places].map(line => `    ${line},`).join('\n')}\n  }`;
}

/**
 * A model as a Quint module, from the same source as its compiled form: a variable per changing scalar and per party's place, an action
 * per transition, `init`, `step`, and the invariants `inBounds` and one per lemma.
 *
 * @param title what the module is about, for its first comment.
 */
export function exportQuint(
  instance: ModelInstance,
  lemmas: readonly Lemma[],
  sources: Readonly<Record<string, string>>,
  title: string,
): string {
  const model = translateModel(instance, sources);
  const { terms, shape, transitions } = model;
  const variables = new Variables(model);
  const writer = new QuintWriter('t', scalar => variables.name(scalar));
  // Lemmas know a mode by the number of its name, the module by its place in the chart.
  const places = new Map(
    instance.parties.map(({ compiled }, party) => {
      const place = terms.leaf(modeScalar(model, party), 0, compiled.modes.length - 1, false);
      const number = compiled.modes.reduceRight(
        (other, mode, index) =>
          terms.ite(terms.equal(place, terms.constant(index)), terms.constant(shape.numberOf(mode)), other),
        terms.constant(0),
      );
      return [modeScalar(model, party), number] as const;
    }),
  );
  const claims = substitute(terms, lemmaTerms(model, lemmas, sources), scalar => places.get(scalar));
  writer.prepare([...transitions.flatMap(({ guard, updates }) => [guard, ...updates.values()]), ...claims]);
  const names = actionNames(model);
  const type = (scalar: number): string => (shape.fields[scalar]?.kind === 'bool' ? 'bool' : 'int');
  const initial = [
    ...variables.places.map(
      (scalar, party) => `${variables.name(scalar)}' = ${instance.parties[party]!.compiled.initialMode}`,
    ),
    ...variables.changing.map(scalar => `${variables.name(scalar)}' = ${writer.text(model.initial[scalar]!)}`),
  ];
  return [
    `// ${title}`,
    '// Written by muencheck from the source of its guards and actions.',
    ...instance.parties.map(
      (_, party) => `// ${variables.name(variables.places[party]!)}: ${variables.comment(party)}`,
    ),
    'module model {',
    QUINT_PRELUDE,
    ...variables.places.map(scalar => `  var ${variables.name(scalar)}: int`),
    ...variables.changing.map(scalar => `  var ${variables.name(scalar)}: ${type(scalar)}`),
    ...writer.lines.map(line => `  ${line}`),
    `  action init = all {\n${initial.map(line => `    ${line},`).join('\n')}\n  }`,
    ...transitions.map((transition, index) => actionText(model, variables, writer, transition, names[index]!)),
    `  action step = any {\n${names.map(name => `    ${name},`).join('\n')}\n  }`,
    boundsText(model, variables),
    ...lemmas.map(
      ({ id, claim }, index) => `  // ${claim}\n  val lemma_${identifier(id)} = ${writer.text(claims[index]!)}`,
    ),
    '}',
    '',
  ].join('\n');
}

/** Variables of the exported module: the places of the parties, and the changing fields with their paths. */
export function quintVariables(instance: ModelInstance, sources: Readonly<Record<string, string>>) {
  const model = translateModel(instance, sources);
  const variables = new Variables(model);
  return {
    places: variables.places.map(scalar => variables.name(scalar)),
    fields: variables.changing.map(scalar => ({ name: variables.name(scalar), path: model.shape.paths[scalar]! })),
  };
}
