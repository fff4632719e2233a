import type { Lemma, ModelInstance, ModelProof } from '../../model/model.ts';
import { scalarsOf } from '../symbolic/scalars-of.ts';
import type { SymbolicModel, SymbolicTransition } from '../symbolic/symbolic-model.ts';
import { translateModel } from '../symbolic/symbolic-model.ts';
import { reachableTerms, type Term } from '../symbolic/terms.ts';
import { lemmaTerms, modeNumber, modeScalar } from './lemmas.ts';
import { SmtWriter, vectorWidth } from './smt-terms.ts';
import { substitute } from './substitute.ts';

/** One question to the solver: `unsat` is the answer that proves something. */
export interface StepQuery {
  /** Lemma that the step would break; `bounds` for the bounds of a field. */
  readonly lemma: string;
  /** Party, place and event of the step. */
  readonly step: string;
  /** Declarations and one assertion each, of which one unsatisfiable text is enough: first with few assumptions, then with all. */
  readonly texts: readonly string[];
}

/** What an induction needs: questions to the solver, and what needs none. */
export interface StepInduction {
  readonly queries: readonly StepQuery[];
  /** Pairs of a lemma and a step that are true by simplification alone. */
  readonly folded: number;
  /** Lemmas that the initial state does not satisfy. */
  readonly initiallyFalse: readonly string[];
}

const conjunction = (parts: readonly string[]): string => (parts.length === 0 ? 'true' : `(and ${parts.join(' ')})`);

/** Text that asks whether all of `facts` can be true at once. */
function question(model: SymbolicModel, facts: readonly Term[]): string {
  const { shape, instance } = model;
  const ranges = Object.values(model.free);
  const used = reachableTerms(facts);
  const width = vectorWidth(used.filter(term => !(term.kind === 'operation' && term.operator === '/')));
  const writer = new SmtWriter(width, 't', scalar => `v${scalar}`);
  const lines: string[] = [];
  const domain: string[] = [];
  /** A variable of just as many bits as its range needs, as a vector of the common width. */
  const declare = (scalar: number, [low, high]: readonly [number, number]): void => {
    const isSigned = low < 0;
    const most = isSigned ? Math.max(high + 1, -low) : high + 1;
    const bits = Math.max(1, Math.ceil(Math.log2(most))) + (isSigned ? 1 : 0);
    const extend = isSigned ? 'sign_extend' : 'zero_extend';
    lines.push(
      `(declare-const n${scalar} (_ BitVec ${bits}))`,
      `(define-fun v${scalar} () ${writer.sort} ((_ ${extend} ${width - bits}) n${scalar}))`,
    );
    if (isSigned || low > 0) domain.push(`(bvsle ${writer.number(low)} v${scalar})`);
    if (isSigned || high + 1 !== 2 ** bits) domain.push(`(bvsle v${scalar} ${writer.number(high)})`);
  };
  for (const scalar of scalarsOf(facts)) {
    const party = scalar - shape.paths.length;
    const free = ranges[party - instance.parties.length];
    if (free === 'truth' || (party < 0 && shape.fields[scalar]!.kind === 'bool')) {
      lines.push(`(declare-const v${scalar} Bool)`);
    } else if (party < 0 || free !== undefined) {
      declare(scalar, free ?? shape.bounds(scalar));
    } else {
      const numbers = instance.parties[party]!.compiled.modes.map((_, mode) => modeNumber(model, party, mode));
      declare(scalar, [Math.min(...numbers), Math.max(...numbers)]);
      domain.push(`(or ${numbers.map(number => `(= v${scalar} ${writer.number(number)})`).join(' ')})`);
    }
  }
  writer.define(facts);
  const asserted = [...domain, ...facts.map(fact => writer.text(fact))];
  return [...lines, ...writer.lines, `(assert ${conjunction(asserted)})`].join('\n');
}

/** Conditions under which a step leaves the bounds of a field. */
function outOfBounds(model: SymbolicModel, { updates }: SymbolicTransition): Term {
  const { terms, shape } = model;
  return [...updates].reduce<Term>((any, [scalar, term]) => {
    const [low, high] = shape.bounds(scalar);
    const below = term.low < low ? terms.make('<', term, terms.constant(low)) : terms.no;
    const above = term.high > high ? terms.make('<', terms.constant(high), term) : terms.no;
    return terms.or(any, terms.or(below, above));
  }, terms.no);
}

/**
 * Asks, for every lemma and every transition of the model, whether the transition can break the lemma in a state of the typed domain in
 * which all lemmas hold. The transition's mode, guard and updates are put into the lemma, so that most questions answer themselves.
 */
export function stepInduction(
  instance: ModelInstance,
  lemmas: readonly Lemma[],
  sources: Readonly<Record<string, string>>,
  options: Pick<ModelProof, 'assumesBounds' | 'free'> = {},
): StepInduction {
  const { assumesBounds = false, free = {} } = options;
  const model = translateModel(instance, sources, free);
  const { terms, shape } = model;
  const claims = lemmaTerms(model, lemmas, sources);
  const queries: StepQuery[] = [];
  let folded = 0;
  for (const transition of model.transitions) {
    const { party, from, to, guard, updates, event } = transition;
    const place = modeScalar(model, party);
    const modeTerm = (mode: number): Term => terms.constant(modeNumber(model, party, mode));
    const before = substitute(terms, claims, scalar => (scalar === place ? modeTerm(from) : undefined));
    const after = substitute(terms, claims, scalar => (scalar === place ? modeTerm(to) : updates.get(scalar)));
    const its = instance.parties[party]!;
    const step = `${its.id} ${its.compiled.modes[from]} ${JSON.stringify(its.alphabet[event])} -> ${its.compiled.modes[to]}`;
    const leaves = outOfBounds(model, transition);
    const stays = assumesBounds ? terms.not(leaves) : terms.yes;
    const assumed = [...before, guard, stays];
    const isImpossible = assumed.some(fact => fact === terms.no);
    const ask = (lemma: string, violation: Term, own?: Term): void => {
      if (isImpossible || violation === terms.no) folded += 1;
      else {
        const all = assumed.filter(fact => fact !== terms.yes);
        const few = all.filter(fact => fact === guard || fact === own || fact === stays);
        const choices = few.length === all.length ? [all] : [few, all];
        queries.push({ lemma, step, texts: choices.map(facts => question(model, [...facts, violation])) });
      }
    };
    if (!assumesBounds) ask('bounds', leaves);
    lemmas.forEach(({ id }, index) => {
      if (after[index] === before[index]) folded += 1;
      else ask(id, terms.not(after[index]!), before[index]);
    });
  }
  const initial = substitute(terms, claims, scalar => {
    const at = scalar - shape.paths.length;
    if (at < 0) return model.initial[scalar];
    return terms.constant(modeNumber(model, at, instance.parties[at]!.compiled.initialMode));
  });
  const initiallyFalse = lemmas.flatMap(({ id }, index) => (initial[index] === terms.yes ? [] : [id]));
  return { queries, folded, initiallyFalse };
}
