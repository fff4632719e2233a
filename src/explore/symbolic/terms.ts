import { TWO32 } from '../../units/word.ts';
import {
  ALL,
  BOOLEAN,
  type ConstantTerm,
  compute,
  isWord,
  type Operator,
  type Range,
  rangeOf,
  type Term,
} from './term.ts';

export type { ConstantTerm, LeafTerm, OperationTerm, Operator, Term } from './term.ts';

/** Builds terms, each only once, and simplifies them on the way. */
export class Terms {
  private readonly table = new Map<string, Term>();
  private next = 0;
  readonly yes: Term = this.constant(true);
  readonly no: Term = this.constant(false);

  constant(value: number | boolean | string): Term {
    const bounds: Range =
      typeof value === 'number' ? [value, value] : typeof value === 'boolean' ? [+value, +value] : ALL;
    const key = `${typeof value} ${Object.is(value, -0) ? 0 : value}`;
    return this.intern(key, id => ({
      kind: 'constant',
      id,
      value,
      low: bounds[0],
      high: bounds[1],
      isBoolean: typeof value === 'boolean',
    }));
  }

  leaf(scalar: number, low: number, high: number, isBoolean: boolean): Term {
    return this.intern(`leaf ${scalar}`, id => ({ kind: 'leaf', id, scalar, low, high, isBoolean }));
  }

  not(a: Term): Term {
    return this.make('!', a);
  }
  and(a: Term, b: Term): Term {
    return this.make('&&', a, b);
  }
  or(a: Term, b: Term): Term {
    return this.make('||', a, b);
  }
  ite(condition: Term, yes: Term, no: Term): Term {
    return this.make('ite', condition, yes, no);
  }
  equal(a: Term, b: Term): Term {
    return this.make('===', a, b);
  }

  /** The operator on `of`, simplified. */
  make(operator: Operator, ...of: readonly Term[]): Term {
    if (of.every(term => term.kind === 'constant'))
      return this.constant(
        compute(
          operator,
          of.map(term => (term as ConstantTerm).value),
        ),
      );
    const simple = this.simplify(operator, of);
    if (simple !== undefined) return simple;
    return this.operation(operator, of);
  }

  private operation(operator: Operator, of: readonly Term[]): Term {
    return this.intern(`${operator} ${of.map(({ id }) => id).join(' ')}`, id => {
      const [low, high] = rangeOf(operator, of);
      const isBoolean = BOOLEAN.has(operator) || (operator === 'ite' && of[1]!.isBoolean && of[2]!.isBoolean);
      return { kind: 'operation', id, operator, of, low, high, isBoolean };
    });
  }

  private intern(key: string, build: (id: number) => Term): Term {
    const known = this.table.get(key);
    if (known !== undefined) return known;
    const term = build(this.next);
    this.next += 1;
    this.table.set(key, term);
    return term;
  }

  private simplify(operator: Operator, of: readonly Term[]): Term | undefined {
    const [a, b, c] = of as readonly [Term, Term, Term];
    switch (operator) {
      case '!':
        return a.kind === 'operation' && a.operator === '!' ? a.of[0] : undefined;
      case '&&':
        return this.simplifyAnd(a, b);
      case '||':
        return this.simplifyOr(a, b);
      case 'ite':
        return this.simplifyIte(a, b, c);
      case '===':
        return this.simplifyEqual(a, b);
      case '<':
        return a.high < b.low ? this.yes : a.low >= b.high ? this.no : undefined;
      case '<=':
        return a.high <= b.low ? this.yes : a.low > b.high ? this.no : undefined;
      default:
        return this.simplifyNumber(operator, of);
    }
  }

  private simplifyAnd(a: Term, b: Term): Term | undefined {
    if (a === this.no || b === this.no) return this.no;
    if (a === this.yes || a === b) return b;
    if (b === this.yes) return a;
    return this.not(a) === b ? this.no : undefined;
  }

  private simplifyOr(a: Term, b: Term): Term | undefined {
    if (a === this.yes || b === this.yes) return this.yes;
    if (a === this.no || a === b) return b;
    if (b === this.no) return a;
    return this.not(a) === b ? this.yes : undefined;
  }

  private simplifyIte(condition: Term, yes: Term, no: Term): Term | undefined {
    if (condition === this.yes || yes === no) return yes;
    if (condition === this.no) return no;
    if (condition.kind === 'operation' && condition.operator === '!') return this.ite(condition.of[0]!, no, yes);
    if (yes === this.yes && no === this.no) return condition;
    if (yes === this.no && no === this.yes) return this.not(condition);
    if (yes === this.no) return this.and(this.not(condition), no);
    if (no === this.no) return this.and(condition, yes);
    if (yes === this.yes) return this.or(condition, no);
    if (no === this.yes) return this.or(this.not(condition), yes);
    return undefined;
  }

  private simplifyEqual(a: Term, b: Term): Term | undefined {
    if (a === b) return this.yes;
    if (a.high < b.low || b.high < a.low) return this.no;
    if (b.kind === 'constant' && b.value === true) return a;
    if (b.kind === 'constant' && b.value === false) return this.not(a);
    if (a.kind === 'constant') return this.equal(b, a);
    // A chosen constant is compared by comparing the condition: chains of choices by index fold away.
    if (b.kind === 'constant' && a.kind === 'operation' && a.operator === 'ite') {
      const [condition, yes, no] = a.of as readonly [Term, Term, Term];
      if (yes.kind === 'constant' || no.kind === 'constant')
        return this.ite(condition, this.equal(yes, b), this.equal(no, b));
    }
    return undefined;
  }

  private simplifyNumber(operator: Operator, of: readonly Term[]): Term | undefined {
    const [a, b] = of as readonly [Term, Term];
    const isZero = (term: Term | undefined): boolean => term?.kind === 'constant' && term.value === 0;
    if ((operator === '+' || operator === '-') && isZero(b)) return a;
    if (operator === '+' && isZero(a)) return b;
    if (operator === '>>>' && isZero(b) && a.low >= 0 && a.high < TWO32) return this.toWord(a);
    if (operator === '%' && a.low >= 0 && a.high < b.low) return a;
    if (operator === 'min') return a.high <= b.low ? a : b.high <= a.low ? b : undefined;
    if (operator === 'max') return a.low >= b.high ? a : b.low >= a.high ? b : undefined;
    if (operator === 'floor' && a.kind === 'operation' && (a.operator === '+' || a.operator === '-')) return a;
    if (operator === '&' && (isZero(a) || isZero(b))) return this.constant(0);
    if (operator === '|' && isZero(b) && isWord(a)) return a;
    return undefined;
  }

  /** `a >>> 0` where it changes nothing: every term but a quotient is an integer. */
  private toWord(a: Term): Term | undefined {
    return a.kind === 'operation' && a.operator === '/' ? undefined : a;
  }
}

/** All terms below `roots`, operands first, each once. */
export function reachableTerms(roots: readonly Term[]): Term[] {
  const seen = new Set<Term>();
  const stack = [...roots];
  while (stack.length > 0) {
    const term = stack.pop()!;
    if (seen.has(term)) continue;
    seen.add(term);
    if (term.kind === 'operation') stack.push(...term.of);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
