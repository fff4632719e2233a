import { InvariantError } from '../../units/invariant.ts';
import { type OperationTerm, reachableTerms, type Term } from './terms.ts';

/** JavaScript of terms: each shared one becomes a local of the innermost block that needs it. */
export class TermCode {
  private readonly names: Map<Term, string>;
  private readonly leaf: (scalar: number) => string;
  private readonly lines: string[] = [];

  constructor(leaf: (scalar: number) => string, outer?: TermCode) {
    this.leaf = leaf;
    this.names = new Map(outer?.names);
  }

  /** Declarations so far. */
  get declarations(): readonly string[] {
    return this.lines;
  }

  /** Declares locals for the parts of `roots` that are used more than once, and for those that are not cheap. */
  prepare(roots: readonly Term[]): void {
    const terms = reachableTerms(roots.filter(root => !this.names.has(root)));
    const uses = new Map<Term, number>();
    for (const root of roots) uses.set(root, (uses.get(root) ?? 0) + 1);
    for (const term of terms)
      if (term.kind === 'operation') for (const inner of term.of) uses.set(inner, (uses.get(inner) ?? 0) + 1);
    for (const term of terms) {
      if (this.names.has(term) || term.kind === 'constant') continue;
      if (term.kind === 'operation' && (uses.get(term) ?? 0) < 2) continue;
      const name = `t${term.id}`;
      this.lines.push(`const ${name} = ${this.code(term, true)};`);
      this.names.set(term, name);
    }
  }

  /** Expression of a term. */
  code(term: Term, isDeclaration = false): string {
    const name = this.names.get(term);
    if (name !== undefined && !isDeclaration) return name;
    if (term.kind === 'constant') return String(term.value);
    return term.kind === 'leaf' ? this.leaf(term.scalar) : this.operation(term);
  }

  private operation({ operator, of }: OperationTerm): string {
    const [a = '', b = '', c = ''] = of.map(inner => this.code(inner));
    switch (operator) {
      case 'ite':
        return `(${a} ? ${b} : ${c})`;
      case '!':
        return `!${a}`;
      case 'floor':
      case 'min':
      case 'max':
      case 'clz32':
      case 'imul':
        return `Math.${operator}(${of.map(inner => this.code(inner)).join(', ')})`;
      default:
        if (b === '') throw new InvariantError(`operator ${operator} of one operand`);
        return `(${a} ${operator} ${b})`;
    }
  }
}
