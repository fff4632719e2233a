import { TWO32 } from '../units/word.ts';
import type { Field, RecordField } from './schema.ts';
import type { Layout, Leaf } from './schema-layout.ts';

/** Operations generated per schema as straight-line code, because exploration packs and unpacks millions of states. */
export interface SchemaCode<S> {
  clone(state: Readonly<S>): S;
  copy(from: Readonly<S>, to: S): void;
  equal(left: Readonly<S>, right: Readonly<S>): boolean;
  pack(state: Readonly<S>, into: Uint32Array, offset: number): void;
  unpack(packed: Uint32Array, offset: number, into: S): void;
}

/** Statements per generated function: V8 does not optimise very large functions. */
const CHUNK = 200;

function encodeExpression(leaf: Leaf): string {
  const value = `s.${leaf.path}`;
  const field = leaf.field;
  if (field.kind === 'bool') return `(${value} ? 1 : 0)`;
  if (field.kind === 'bits') return value;
  if (field.kind === 'enum') {
    const tests = field.values.slice(0, -1).map((name, index) => `${value} === ${JSON.stringify(name)} ? ${index} : `);
    return `(${tests.join('')}${field.values.length - 1})`;
  }
  const relative = field.min === 0 ? value : `(${value} - (${field.min}))`;
  return leaf.part === 'high' ? `Math.floor(${relative} / ${TWO32})` : relative;
}

/** One statement per word. */
function packStatements(layout: Layout): string[] {
  const parts = Array.from({ length: layout.words }, (): string[] => []);
  for (const leaf of layout.leaves) {
    if (leaf.width === 0) continue;
    const encoded = encodeExpression(leaf);
    parts[leaf.word]?.push(leaf.shift === 0 ? encoded : `${encoded} << ${leaf.shift}`);
  }
  return parts.map((terms, word) => `w[o + ${word}] = ${terms.length === 0 ? '0' : terms.join(' | ')};`);
}

function decodeExpression(leaf: Leaf): string {
  if (leaf.width === 0) return '0';
  const shifted = leaf.shift === 0 ? `w[o + ${leaf.word}]` : `w[o + ${leaf.word}] >>> ${leaf.shift}`;
  return leaf.width === 32 ? `(${shifted})` : `(${shifted} & ${2 ** leaf.width - 1})`;
}

function unpackStatement(leaf: Leaf, index: number): string {
  const raw = decodeExpression(leaf);
  const target = `s.${leaf.path}`;
  const field = leaf.field;
  if (field.kind === 'bool') return `${target} = ${raw} === 1;`;
  if (field.kind === 'enum') return `${target} = k[${index}][${raw}];`;
  if (field.kind === 'bits' || leaf.part === 'low') return `${target} = ${raw};`;
  if (leaf.part === 'high') return `${target} += ${raw} * ${TWO32} + (${field.min});`;
  return `${target} = ${raw} + (${field.min});`;
}

function cloneExpression(field: Field, source: string, depth: number): string {
  if (field.kind === 'record') {
    const parts = Object.entries(field.fields).map(
      ([name, of]) => `${name}: ${cloneExpression(of, `${source}.${name}`, depth)}`,
    );
    return `{ ${parts.join(', ')} }`;
  }
  if (field.kind !== 'array') return source;
  if (field.of.kind !== 'record' && field.of.kind !== 'array') return `${source}.slice()`;
  const element = `e${depth}`;
  return `${source}.map(${element} => (${cloneExpression(field.of, element, depth + 1)}))`;
}

type Generated = (first: unknown, second: unknown, third?: unknown) => unknown;

/** Compiles `items`, at most CHUNK of them per function; `constants` is visible to the code as `k`. */
function generate(
  parameters: string,
  items: readonly string[],
  body: (items: string[]) => string,
  constants: unknown,
): Generated[] {
  const functions: Generated[] = [];
  for (let start = 0; start < items.length; start += CHUNK) {
    const source = `'use strict'; return (${parameters}) => {\n${body(items.slice(start, start + CHUNK))}\n};`;
    functions.push(new Function('k', source)(constants));
  }
  return functions;
}

function sequence(functions: Generated[]): Generated {
  const only = functions[0];
  if (only !== undefined && functions.length === 1) return only;
  return (first, second, third) => {
    for (const part of functions) part(first, second, third);
  };
}

function conjunction(functions: Generated[]): Generated {
  const only = functions[0];
  if (only !== undefined && functions.length === 1) return only;
  return (first, second) => functions.every(part => part(first, second));
}

/** Generates the operations of one layout. Field names are identifiers (checked by `record`), so paths are code. */
export function generateCode<S>(root: RecordField, layout: Layout): SchemaCode<S> {
  const scalars = layout.leaves.filter(leaf => leaf.part !== 'high').map(leaf => leaf.path);
  const names = layout.leaves.map(leaf => (leaf.field.kind === 'enum' ? leaf.field.values : []));
  const lines = (statements: string[]): string => statements.join('\n');
  const unpackStatements = layout.leaves.map(unpackStatement);
  const copyStatements = scalars.map(path => `to.${path} = s.${path};`);
  const comparisons = scalars.map(path => `a.${path} === b.${path}`);
  return {
    clone: new Function('s', `'use strict'; return ${cloneExpression(root, 's', 0)};`) as SchemaCode<S>['clone'],
    copy: sequence(generate('s, to', copyStatements, lines, names)) as SchemaCode<S>['copy'],
    equal: conjunction(
      generate('a, b', comparisons, terms => `return ${terms.join(' && ')};`, names),
    ) as SchemaCode<S>['equal'],
    pack: sequence(generate('s, w, o', packStatements(layout), lines, names)) as SchemaCode<S>['pack'],
    unpack: unpackAdapter(sequence(generate('s, w, o', unpackStatements, lines, names))) as SchemaCode<S>['unpack'],
  };
}

/** Generated code takes the state first. */
function unpackAdapter(generated: Generated): Generated {
  return (packed, offset, into) => generated(into, packed, offset);
}
