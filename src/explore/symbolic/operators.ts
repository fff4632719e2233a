import type { Operator } from './term.ts';

/** Binary operators of the subset by their token; the others are made of these. */
export const BINARY: Readonly<Record<string, Operator>> = {
  '+': '+',
  '-': '-',
  '*': '*',
  '/': '/',
  '%': '%',
  '<': '<',
  '<=': '<=',
  '===': '===',
  '&&': '&&',
  '||': '||',
  '&': '&',
  '|': '|',
  '^': '^',
  '<<': '<<',
  '>>': '>>',
  '>>>': '>>>',
};
/** Functions of Math that the subset has. */
export const MATH: Readonly<Record<string, Operator>> = {
  floor: 'floor',
  min: 'min',
  max: 'max',
  clz32: 'clz32',
  imul: 'imul',
};
