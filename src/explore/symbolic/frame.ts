import { InvariantError } from '../../units/invariant.ts';
import type { Term, Terms } from './terms.ts';
import { isTerm, type Value } from './values.ts';

/** State, locals and control flow at one point of a function. */
export interface Frame {
  readonly scalars: Term[];
  readonly locals: Map<string, Value>;
  /** The function has returned; the loop was left; the rest of the loop's body is skipped. */
  returned: Term;
  broken: Term;
  skipped: Term;
  result: Value | undefined;
}

export function copyFrame(frame: Frame): Frame {
  return { ...frame, scalars: [...frame.scalars], locals: new Map(frame.locals) };
}

/** `into` becomes: `yes` where the condition holds, `no` elsewhere. */
export function mergeFrames(terms: Terms, condition: Term, yes: Frame, no: Frame, into: Frame): void {
  for (let scalar = 0; scalar < into.scalars.length; scalar++) {
    const [a, b] = [yes.scalars[scalar]!, no.scalars[scalar]!];
    into.scalars[scalar] = a === b ? a : terms.ite(condition, a, b);
  }
  for (const name of into.locals.keys()) {
    const [a, b] = [yes.locals.get(name)!, no.locals.get(name)!];
    into.locals.set(name, chooseValue(terms, condition, a, b));
  }
  into.returned = terms.ite(condition, yes.returned, no.returned);
  into.broken = terms.ite(condition, yes.broken, no.broken);
  into.skipped = terms.ite(condition, yes.skipped, no.skipped);
  if (yes.result === undefined || no.result === undefined) into.result = yes.result ?? no.result;
  else into.result = chooseValue(terms, condition, yes.result, no.result);
}

export function chooseValue(terms: Terms, condition: Term, a: Value, b: Value): Value {
  if (a === b) return a;
  if (isTerm(a) && isTerm(b)) return terms.ite(condition, a, b);
  if (isTerm(a) || isTerm(b)) throw new InvariantError('a number and a part of the state cannot be merged');
  return [
    ...a.map(({ when, place }) => ({ when: terms.and(condition, when), place })),
    ...b.map(({ when, place }) => ({ when: terms.and(terms.not(condition), when), place })),
  ];
}
