import type { Lemma, ModelInstance } from '../../model/model.ts';
import type { SymbolicModel } from '../symbolic/symbolic-model.ts';
import { translateModel } from '../symbolic/symbolic-model.ts';
import { reachableTerms, type Term } from '../symbolic/terms.ts';
import { lemmaTerms, modeNumber, modeScalar } from './lemmas.ts';
import { SmtWriter, vectorWidth } from './smt-terms.ts';

/** One question to the solver: `unsat` is the answer that proves something. */
export interface Query {
  readonly kind: 'base' | 'step';
  /** Lemma that would be violated; `bounds` for the bounds of the fields. */
  readonly lemma: string;
}

/** SMT-LIB script of a k-induction; each `check-sat` answers one query. */
export interface InductionScript {
  readonly text: string;
  readonly queries: readonly Query[];
}

/** Names of the variables of the state after `step` steps. */
class Frame {
  readonly writer: SmtWriter;
  readonly lines: string[] = [];
  private readonly model: SymbolicModel;
  private readonly step: number;

  constructor(model: SymbolicModel, width: number, step: number) {
    this.model = model;
    this.step = step;
    this.writer = new SmtWriter(width, `s${step}`, scalar => this.name(scalar));
    const { shape, constants, instance } = model;
    shape.paths.forEach((_, scalar) => {
      if (constants.has(scalar)) return;
      const sort = shape.fields[scalar]!.kind === 'bool' ? 'Bool' : this.writer.sort;
      this.lines.push(`(declare-const ${this.name(scalar)} ${sort})`);
    });
    for (const party of instance.parties.keys())
      this.lines.push(`(declare-const ${this.name(modeScalar(model, party))} ${this.writer.sort})`);
  }

  name(scalar: number): string {
    return `v${scalar}_${this.step}`;
  }

  /** Every field is within its bounds, every party in one of its modes. */
  domain(): string {
    const { shape, constants, instance } = this.model;
    const parts = shape.paths.flatMap((_, scalar) => {
      if (constants.has(scalar) || shape.fields[scalar]!.kind === 'bool') return [];
      const [low, high] = shape.bounds(scalar);
      const name = this.name(scalar);
      return [`(bvsle ${this.writer.number(low)} ${name})`, `(bvsle ${name} ${this.writer.number(high)})`];
    });
    const modes = instance.parties.map((party, index) => {
      const name = this.name(modeScalar(this.model, index));
      const is = party.compiled.modes.map((_, mode) => `(= ${name} ${this.modeText(index, mode)})`);
      return `(or ${is.join(' ')})`;
    });
    return `(and true ${[...parts, ...modes].join(' ')})`;
  }

  modeText(party: number, mode: number): string {
    return this.writer.number(modeNumber(this.model, party, mode));
  }

  /** A term over this state as a name, with what it needs defined. */
  define(term: Term): string {
    const before = this.writer.lines.length;
    this.writer.define([term]);
    this.lines.push(...this.writer.lines.slice(before));
    return this.writer.text(term);
  }
}

/** The relation between two consecutive states, as the disjunction of all transitions. */
function relation(model: SymbolicModel, before: Frame, after: Frame): string {
  const { shape, constants, instance } = model;
  const same = (scalar: number): string => `(= ${after.name(scalar)} ${before.name(scalar)})`;
  const options = model.transitions.map(({ party, from, to, guard, updates }) => {
    const parts = [
      `(= ${before.name(modeScalar(model, party))} ${before.modeText(party, from)})`,
      before.define(guard),
      `(= ${after.name(modeScalar(model, party))} ${before.modeText(party, to)})`,
      ...[...instance.parties.keys()].filter(other => other !== party).map(other => same(modeScalar(model, other))),
      ...shape.paths.flatMap((_, scalar) => {
        if (constants.has(scalar)) return [];
        const update = updates.get(scalar);
        return [update === undefined ? same(scalar) : `(= ${after.name(scalar)} ${before.define(update)})`];
      }),
    ];
    return `(and ${parts.join(' ')})`;
  });
  return `(or false ${options.join('\n ')})`;
}

function initialState(model: SymbolicModel, frame: Frame): string {
  const values = model.initial.flatMap((term, scalar) =>
    model.constants.has(scalar) ? [] : [`(= ${frame.name(scalar)} ${frame.writer.text(term)})`],
  );
  const modes = model.instance.parties.map(({ compiled }, party) => {
    return `(= ${frame.name(modeScalar(model, party))} ${frame.modeText(party, compiled.initialMode)})`;
  });
  return `(and true ${[...values, ...modes].join(' ')})`;
}

/**
 * Script that asks whether the lemmas together are k-inductive: they hold in the first k states of every run, and if they hold in k
 * consecutive states of the typed domain, then in the next one too, which also stays within its bounds.
 */
export function inductionScript(
  instance: ModelInstance,
  lemmas: readonly Lemma[],
  sources: Readonly<Record<string, string>>,
  options: { readonly k?: number; readonly assumesBounds?: boolean } = {},
): InductionScript {
  const { k = 1, assumesBounds = false } = options;
  const model = translateModel(instance, sources);
  const claims = lemmaTerms(model, lemmas, sources);
  const used = reachableTerms([
    ...claims,
    ...model.initial,
    ...model.transitions.flatMap(({ guard, updates }) => [guard, ...updates.values()]),
  ]).filter(term => !(term.kind === 'operation' && term.operator === '/'));
  const width = vectorWidth(used);
  const frames = Array.from({ length: k + 1 }, (_, step) => new Frame(model, width, step));
  const relations = frames.slice(1).map((after, step) => relation(model, frames[step]!, after));
  const holds = frames.map(frame => claims.map(claim => frame.define(claim)));
  const lines = ['(set-logic QF_BV)', ...frames.flatMap(frame => frame.lines)];
  relations.forEach((text, step) => {
    lines.push(`(define-fun relation${step} () Bool ${text})`);
  });
  const queries: Query[] = [];
  const ask = (query: Query, ...facts: readonly string[]): void => {
    lines.push('(push 1)', ...facts.map(fact => `(assert ${fact})`), '(check-sat)', '(pop 1)');
    queries.push(query);
  };
  const path = (last: number): string[] => Array.from({ length: last }, (_, step) => `relation${step}`);
  for (let step = 0; step < k; step++) {
    lemmas.forEach(({ id }, claim) => {
      ask({ kind: 'base', lemma: id }, initialState(model, frames[0]!), ...path(step), `(not ${holds[step]![claim]})`);
    });
  }
  const assumed = frames.slice(0, k).flatMap((frame, step) => [frame.domain(), ...holds[step]!]);
  if (assumesBounds) assumed.push(frames[k]!.domain());
  else ask({ kind: 'step', lemma: 'bounds' }, ...assumed, ...path(k), `(not ${frames[k]!.domain()})`);
  lemmas.forEach(({ id }, claim) => {
    ask({ kind: 'step', lemma: id }, ...assumed, ...path(k), `(not ${holds[k]![claim]})`);
  });
  return { text: `${lines.join('\n')}\n`, queries };
}

/** Outcome of an induction. */
export interface InductionResult {
  readonly verdict: 'proved' | 'inconclusive';
  readonly queries: number;
  /** Queries that were not answered with unsat, in words. */
  readonly open: readonly string[];
}

/** Reads the solver's answers, one per query. */
export function readAnswers({ queries }: InductionScript, output: string): InductionResult {
  const answers = output.split('\n').filter(line => /^(sat|unsat|unknown|timeout)$/.test(line.trim()));
  const open = queries.flatMap(({ kind, lemma }, index) => {
    const answer = answers[index]?.trim() ?? 'no answer';
    if (answer === 'unsat') return [];
    return [
      `${lemma}: ${kind === 'base' ? 'may fail in the first states' : 'is not preserved by every step'} (${answer})`,
    ];
  });
  return { verdict: open.length === 0 ? 'proved' : 'inconclusive', queries: queries.length, open };
}
