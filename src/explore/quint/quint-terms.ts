import { InvariantError } from '../../units/invariant.ts';
import { type OperationTerm, reachableTerms, type Term } from '../symbolic/terms.ts';

/** Definitions that exported models use: JavaScript's operators on 32 bits, over Quint's unbounded integers. */
export const QUINT_PRELUDE = `  pure val TWO32 = 4294967296
  pure def floorMod(a: int, b: int): int = ((a % b) + b) % b
  pure def floorDiv(a: int, b: int): int = (a - floorMod(a, b)) / b
  pure def word(a: int): int = floorMod(a, TWO32)
  pure def signed(a: int): int = if (word(a) >= 2147483648) word(a) - TWO32 else word(a)
  pure def bit(a: int, i: int): int = (word(a) / 2^i) % 2
  pure def bitAnd(a: int, b: int): int = signed(0.to(31).fold(0, (s, i) => s + bit(a, i) * bit(b, i) * 2^i))
  pure def bitXor(a: int, b: int): int = signed(0.to(31).fold(0, (s, i) => s + ((bit(a, i) + bit(b, i)) % 2) * 2^i))
  pure def bitOr(a: int, b: int): int = signed(word(a) + word(b) - word(bitAnd(a, b)))
  pure def shiftLeft(a: int, n: int): int = signed(word(a) * 2^floorMod(n, 32))
  pure def shiftRight(a: int, n: int): int = floorDiv(signed(a), 2^floorMod(n, 32))
  pure def shiftRightWord(a: int, n: int): int = word(a) / 2^floorMod(n, 32)
  pure def leadingZeros(a: int): int = 31 - 0.to(31).fold(-1, (top, i) => if (bit(a, i) == 1 and i > top) i else top)
  pure def least(a: int, b: int): int = if (a < b) a else b
  pure def most(a: int, b: int): int = if (a < b) b else a`;

const CALLS: Readonly<Record<string, string>> = {
  '&': 'bitAnd',
  '|': 'bitOr',
  '^': 'bitXor',
  '<<': 'shiftLeft',
  '>>': 'shiftRight',
  '>>>': 'shiftRightWord',
  min: 'least',
  max: 'most',
};
const INFIX: Readonly<Record<string, string>> = {
  '+': '+',
  '-': '-',
  '*': '*',
  '<': '<',
  '<=': '<=',
  '===': '==',
  '&&': 'and',
  '||': 'or',
};

/** Quint text of terms; a term that is used more than once gets a name of its own. */
export class QuintWriter {
  readonly lines: string[] = [];
  private readonly names = new Map<Term, string>();
  private readonly leaf: (scalar: number) => string;
  private readonly prefix: string;

  constructor(prefix: string, leaf: (scalar: number) => string) {
    this.prefix = prefix;
    this.leaf = leaf;
  }

  /** Names the parts of `roots` that are used more than once, as definitions over the state. */
  prepare(roots: readonly Term[]): void {
    const terms = reachableTerms(roots);
    const uses = new Map<Term, number>();
    for (const root of roots) uses.set(root, (uses.get(root) ?? 0) + 1);
    for (const term of terms)
      if (term.kind === 'operation') for (const inner of term.of) uses.set(inner, (uses.get(inner) ?? 0) + 1);
    for (const term of terms) {
      if (term.kind !== 'operation' || term.operator === '/' || (uses.get(term) ?? 0) < 2) continue;
      const name = `${this.prefix}${term.id}`;
      this.lines.push(`val ${name} = ${this.text(term)}`);
      this.names.set(term, name);
    }
  }

  text(term: Term): string {
    const name = this.names.get(term);
    if (name !== undefined) return name;
    if (term.kind === 'leaf') return this.leaf(term.scalar);
    if (term.kind === 'constant') return String(term.value);
    return this.operation(term);
  }

  private operation({ operator, of }: OperationTerm): string {
    const [a = '', b = '', c = ''] = of.map(inner => this.text(inner));
    if (CALLS[operator] !== undefined) return `${CALLS[operator]}(${a}, ${b})`;
    if (INFIX[operator] !== undefined) return `(${a} ${INFIX[operator]} ${b})`;
    switch (operator) {
      case 'ite':
        return `(if (${a}) ${b} else ${c})`;
      case '!':
        return `not(${a})`;
      case '%':
        return `(${a} % ${b})`;
      case '/':
        return `floorDiv(${a}, ${b})`;
      case 'floor':
        return a;
      case 'clz32':
        return `leadingZeros(${a})`;
      case 'imul':
        return `signed(${a} * ${b})`;
      default:
        throw new InvariantError(`operator ${operator} has no Quint form`);
    }
  }
}
