import { TWO32 } from '../../units/word.ts';

/** Operators over numbers and truth values, with JavaScript's meaning. */
export type Operator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '<'
  | '<='
  | '==='
  | '&'
  | '|'
  | '^'
  | '<<'
  | '>>'
  | '>>>'
  | '!'
  | '&&'
  | '||'
  | 'ite'
  | 'floor'
  | 'min'
  | 'max'
  | 'clz32'
  | 'imul';

/** One node of a shared expression graph; equal terms are one object. */
export type Term = ConstantTerm | LeafTerm | OperationTerm;

interface TermBase {
  /** Creation order: operands come before what they are used in. */
  readonly id: number;
  /** Bounds of the value; of a truth value 0 .. 1. */
  readonly low: number;
  readonly high: number;
  readonly isBoolean: boolean;
}
export interface ConstantTerm extends TermBase {
  readonly kind: 'constant';
  readonly value: number | boolean | string;
}
/** Scalar of the state before the step. */
export interface LeafTerm extends TermBase {
  readonly kind: 'leaf';
  readonly scalar: number;
}
export interface OperationTerm extends TermBase {
  readonly kind: 'operation';
  readonly operator: Operator;
  readonly of: readonly Term[];
}

export type Range = readonly [low: number, high: number];
/** Bounds of what nothing is known about. */
export const ALL: Range = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const WORD: Range = [0, TWO32 - 1];
const INT32: Range = [-(2 ** 31), 2 ** 31 - 1];
const TRUTH: Range = [0, 1];

/** Operators whose value is a truth value. */
export const BOOLEAN = new Set<Operator>(['<', '<=', '===', '!', '&&', '||']);

/** Value of an operator on constants, as JavaScript computes it. */
export function compute(operator: Operator, values: readonly (number | boolean | string)[]): number | boolean | string {
  const [a, b, c] = values as readonly [never, never, never];
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '===':
      return a === b;
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '<<':
      return a << b;
    case '>>':
      return a >> b;
    case '>>>':
      return a >>> b;
    case '!':
      return !a;
    case '&&':
      return a && b;
    case '||':
      return a || b;
    case 'ite':
      return a ? b : c;
    case 'floor':
      return Math.floor(a);
    case 'min':
      return Math.min(a, b);
    case 'max':
      return Math.max(a, b);
    case 'clz32':
      return Math.clz32(a);
    case 'imul':
      return Math.imul(a, b);
  }
}

const corners = (a: Term, b: Term, apply: (x: number, y: number) => number): Range => {
  const values = [apply(a.low, b.low), apply(a.low, b.high), apply(a.high, b.low), apply(a.high, b.high)];
  return values.some(Number.isNaN) ? ALL : [Math.min(...values), Math.max(...values)];
};
/** Largest number with as many bits as `value`. */
const onesFor = (value: number): number => (value >= 2 ** 31 ? TWO32 - 1 : 2 ** (32 - Math.clz32(value)) - 1);
/** A number in 0 .. 2^31 - 1: bit operations do not change its sign. */
export const isWord = ({ low, high }: Term): boolean => low >= 0 && high < 2 ** 31;

function bitRange(operator: Operator, a: Term, b: Term): Range {
  if (operator === '&' && isWord(a) && isWord(b)) return [0, Math.min(a.high, b.high)];
  if (operator === '&' && (isWord(a) || isWord(b))) return [0, isWord(a) ? a.high : b.high];
  if ((operator === '|' || operator === '^') && isWord(a) && isWord(b)) return [0, onesFor(Math.max(a.high, b.high))];
  if (operator === '<<' && isWord(a) && b.low >= 0 && a.high * 2 ** b.high < 2 ** 31) return [0, a.high * 2 ** b.high];
  if (operator === '>>>' && a.low >= 0 && a.high < TWO32 && b.low === b.high && b.low >= 0)
    return [Math.floor(a.low / 2 ** b.low), Math.floor(a.high / 2 ** b.low)];
  return operator === '>>>' ? WORD : INT32;
}

/** Bounds of an operation, from those of its operands. */
export function rangeOf(operator: Operator, of: readonly Term[]): Range {
  const [a, b, c] = of as readonly [Term, Term, Term];
  switch (operator) {
    case '+':
      return [a.low + b.low, a.high + b.high];
    case '-':
      return [a.low - b.high, a.high - b.low];
    case '*':
      return corners(a, b, (x, y) => x * y);
    case '/':
      return b.low > 0 ? corners(a, b, (x, y) => x / y) : ALL;
    case '%':
      return a.low >= 0 && b.low > 0 ? [0, Math.min(a.high, b.high - 1)] : ALL;
    case 'ite':
      return [Math.min(b.low, c.low), Math.max(b.high, c.high)];
    case 'floor':
      return [Math.floor(a.low), Math.floor(a.high)];
    case 'min':
      return [Math.min(a.low, b.low), Math.min(a.high, b.high)];
    case 'max':
      return [Math.max(a.low, b.low), Math.max(a.high, b.high)];
    case 'clz32':
      return [0, 32];
    default:
      return BOOLEAN.has(operator) ? TRUTH : bitRange(operator, a, b);
  }
}
