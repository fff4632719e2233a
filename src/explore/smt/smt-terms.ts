import { InvariantError } from '../../units/invariant.ts';
import { type OperationTerm, reachableTerms, type Term } from '../symbolic/terms.ts';

/** Bits of a signed vector that holds every value of the terms. */
export function vectorWidth(terms: readonly Term[]): number {
  let most = 1;
  for (const { low, high, isBoolean, kind } of terms) {
    if (isBoolean || kind === 'constant') continue;
    if (!Number.isFinite(low) || !Number.isFinite(high)) throw new InvariantError('a term without bounds');
    most = Math.max(most, Math.abs(low), Math.abs(high));
  }
  for (const term of terms)
    if (term.kind === 'constant' && typeof term.value === 'number') most = Math.max(most, Math.abs(term.value));
  return Math.max(8, Math.ceil(Math.log2(most + 1)) + 2);
}

const BITWISE: Readonly<Record<string, string>> = {
  '&': 'bvand',
  '|': 'bvor',
  '^': 'bvxor',
  '<<': 'bvshl',
  '>>': 'bvashr',
  '>>>': 'bvlshr',
};
const PLAIN: Readonly<Record<string, string>> = {
  '+': 'bvadd',
  '-': 'bvsub',
  '*': 'bvmul',
  '<': 'bvslt',
  '<=': 'bvsle',
  '===': '=',
  '&&': 'and',
  '||': 'or',
  '!': 'not',
  ite: 'ite',
};
const isSmall = ({ low, high }: Term): boolean => low >= 0 && high < 2 ** 31;

/** SMT-LIB text of terms over bit vectors of one width; every shared term becomes a definition. */
export class SmtWriter {
  readonly width: number;
  private readonly names = new Map<Term, string>();
  private readonly leaf: (scalar: number) => string;
  private readonly prefix: string;
  readonly lines: string[] = [];

  constructor(width: number, prefix: string, leaf: (scalar: number) => string) {
    this.width = width;
    this.prefix = prefix;
    this.leaf = leaf;
  }

  /** Vector constant. */
  number(value: number): string {
    const digits = BigInt.asUintN(this.width, BigInt(value)).toString(2).padStart(this.width, '0');
    return `#b${digits}`;
  }

  get sort(): string {
    return `(_ BitVec ${this.width})`;
  }

  /** Defines what `roots` need. */
  define(roots: readonly Term[]): void {
    for (const term of reachableTerms(roots)) {
      if (term.kind !== 'operation' || this.names.has(term)) continue;
      // A quotient has a meaning only inside of floor.
      if (term.operator === '/') continue;
      const name = `${this.prefix}t${term.id}`;
      this.lines.push(`(define-fun ${name} () ${term.isBoolean ? 'Bool' : this.sort} ${this.operation(term)})`);
      this.names.set(term, name);
    }
  }

  /** Text of a term whose operations are defined. */
  text(term: Term): string {
    const name = this.names.get(term);
    if (name !== undefined) return name;
    if (term.kind === 'leaf') return this.leaf(term.scalar);
    if (term.kind === 'constant') {
      if (typeof term.value === 'boolean') return String(term.value);
      return this.number(Number(term.value));
    }
    throw new InvariantError(`operator ${term.operator} is not defined`);
  }

  private operation(term: OperationTerm): string {
    const { operator, of } = term;
    const plain = PLAIN[operator];
    if (plain !== undefined) return `(${plain} ${of.map(inner => this.text(inner)).join(' ')})`;
    if (BITWISE[operator] !== undefined) return this.bitwise(term, BITWISE[operator]);
    const [a, b] = of as readonly [Term, Term];
    switch (operator) {
      case '%':
        this.requireCount(a, operator);
        this.requireCount(b, operator);
        return `(bvurem ${this.text(a)} ${this.text(b)})`;
      case 'floor':
        return this.quotient(a);
      case 'min':
        return `(ite (bvsle ${this.text(a)} ${this.text(b)}) ${this.text(a)} ${this.text(b)})`;
      case 'max':
        return `(ite (bvsle ${this.text(a)} ${this.text(b)}) ${this.text(b)} ${this.text(a)})`;
      case 'clz32':
        return this.leadingZeros(a);
      default:
        throw new InvariantError(`operator ${operator} has no SMT form`);
    }
  }

  private requireCount(term: Term, operator: string): void {
    if (term.low < 0) throw new InvariantError(`operator ${operator} on a value that may be negative`);
  }

  private quotient(term: Term): string {
    if (term.kind !== 'operation' || term.operator !== '/') return this.text(term);
    for (const inner of term.of) this.requireCount(inner, '/');
    return `(bvudiv ${term.of.map(inner => this.text(inner)).join(' ')})`;
  }

  /** JavaScript computes these on 32 bits; where everything is small and not negative the width does not matter. */
  private bitwise({ of, high, low, operator }: OperationTerm, name: string): string {
    const [a, b] = of.map(inner => this.text(inner)) as [string, string];
    if (of.every(isSmall) && low >= 0 && high < 2 ** 31) return `(${name} ${a} ${b})`;
    const cut = (text: string): string => {
      if (this.width === 32) return text;
      return this.width > 32 ? `((_ extract 31 0) ${text})` : `((_ sign_extend ${32 - this.width}) ${text})`;
    };
    const isShift = operator === '<<' || operator === '>>' || operator === '>>>';
    const right = isShift ? `(bvand ${cut(b)} #x0000001f)` : cut(b);
    const result = `(${name} ${cut(a)} ${right})`;
    if (this.width <= 32) return this.width === 32 ? result : `((_ extract ${this.width - 1} 0) ${result})`;
    return `((_ ${operator === '>>>' ? 'zero' : 'sign'}_extend ${this.width - 32}) ${result})`;
  }

  private leadingZeros(a: Term): string {
    const text = this.text(a);
    let result = this.number(32);
    for (let bit = 0; bit < Math.min(32, this.width); bit++)
      result = `(ite (= ((_ extract ${bit} ${bit}) ${text}) #b1) ${this.number(31 - bit)} ${result})`;
    return result;
  }
}
