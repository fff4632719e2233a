import { AskingStep } from '../../refinement/script.ts';

/** Places with more values than this hold contents: the first and the last stand for all. */
const MOST_VALUES = 16;

interface Decision {
  readonly place: number;
  values: readonly number[];
  at: number;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Values of a place that its runner tells apart, given the numbers of values that it asked for. */
function valuesOf(counts: ReadonlySet<number>): readonly number[] {
  const count = [...counts].reduce((all, one) => (one <= 0 ? all : (all / gcd(all, one)) * one), 1);
  return count <= MOST_VALUES ? Array.from({ length: count }, (_, value) => value) : [0, count - 1];
}

/**
 * Every step of one operation that its runner tells apart: operands are varied where the runner asks for them and over the values that it
 * brings them into, found out while it runs (as lazy enumeration does).
 *
 * @param visit runs a script that ends in the step; true ends the enumeration.
 */
export function everyStep(operation: string, visit: (step: AskingStep) => boolean): boolean {
  const decisions: Decision[] = [];
  for (;;) {
    const operands: number[] = [];
    for (const { place, values, at } of decisions) operands[place] = values[at] ?? 0;
    const step = new AskingStep(
      operation,
      Array.from(operands, value => value ?? 0),
    );
    if (visit(step)) return true;
    for (const [place, counts] of step.asked) {
      const values = valuesOf(counts);
      const known = decisions.find(decision => decision.place === place);
      if (known === undefined) decisions.push({ place, values, at: 0 });
      else if (values.length > known.values.length) known.values = values;
    }
    while (decisions.length > 0 && decisions.at(-1)!.at + 1 >= decisions.at(-1)!.values.length) decisions.pop();
    const last = decisions.at(-1);
    if (last === undefined) return false;
    last.at += 1;
  }
}
