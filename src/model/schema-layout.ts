import { TWO32 } from '../units/word.ts';
import type { Field, RecordField } from './schema.ts';

/** One scalar of a packed state. Fields of 33 .. 53 bits take two leaves: low word, then the rest. */
export interface Leaf {
  /** Path in domain terms, for example `elements[2].torn`. */
  readonly path: string;
  readonly field: Extract<Field, { kind: 'int' | 'bool' | 'enum' | 'bits' }>;
  /** Which part of the value this leaf holds. */
  readonly part: 'all' | 'low' | 'high';
  /** Bits, 0 .. 32; 0 for a field with one possible value. */
  readonly width: number;
  /** Index of the 32-bit word. */
  readonly word: number;
  /** Lowest bit in that word. */
  readonly shift: number;
}

export interface Layout {
  readonly leaves: readonly Leaf[];
  readonly words: number;
}

/** Bits needed for the values 0 .. `span`. */
function widthOf(span: number): number {
  if (span < TWO32) return span === 0 ? 0 : 32 - Math.clz32(span);
  return 64 - Math.clz32(Math.floor(span / TWO32));
}

function fieldWidth(field: Leaf['field']): number {
  if (field.kind === 'int') return widthOf(field.max - field.min);
  if (field.kind === 'bool') return 1;
  return field.kind === 'enum' ? widthOf(field.values.length - 1) : field.width;
}

/** Assigns bit positions in declaration order; no leaf straddles a word. */
export function layOut(root: RecordField): Layout {
  const leaves: Leaf[] = [];
  let word = 0;
  let used = 0;
  const place = (path: string, field: Leaf['field'], part: Leaf['part'], width: number): void => {
    if (used + width > 32) {
      word += 1;
      used = 0;
    }
    leaves.push({ path, field, part, width, word, shift: width === 0 ? 0 : used });
    used += width;
  };
  const visit = (path: string, field: Field): void => {
    if (field.kind === 'record') {
      for (const [name, of] of Object.entries(field.fields)) visit(path === '' ? name : `${path}.${name}`, of);
    } else if (field.kind === 'array') {
      for (let index = 0; index < field.length; index++) visit(`${path}[${index}]`, field.of);
    } else {
      const width = fieldWidth(field);
      place(path, field, width <= 32 ? 'all' : 'low', Math.min(width, 32));
      if (width > 32) place(path, field, 'high', width - 32);
    }
  };
  visit('', root);
  return { leaves, words: Math.max(1, used === 0 ? word : word + 1) };
}
