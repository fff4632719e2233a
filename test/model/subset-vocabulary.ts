import ts from 'typescript';

/** What a name means inside a function. */
export type Meaning =
  /** Module constant: usable as a loop bound. */
  | { readonly kind: 'constant' }
  /** A parameter, or a const that names a part of one. */
  | { readonly kind: 'parameter'; readonly root: string; readonly writable: boolean }
  | { readonly kind: 'let' }
  | { readonly kind: 'const' }
  | { readonly kind: 'loop' }
  | { readonly kind: 'function'; readonly key: string };

/** Names in reach. */
export type Scope = Map<string, Meaning>;

export const MATH = new Set(['floor', 'min', 'max', 'clz32', 'imul']);
export const WORD_HELPERS = new Set(['TWO32', 'lowWord', 'highWord', 'joinWords', 'lessOrEqual64', 'highestBit32']);
export const BINARY = new Set('+ - * / % < <= > >= === !== && || & | ^ << >> >>>'.split(' '));
export const ASSIGNMENT = new Set('= += -= *= &= |= ^= <<= >>= >>>='.split(' '));
export const PREFIX = new Set([
  ts.SyntaxKind.MinusToken,
  ts.SyntaxKind.PlusToken,
  ts.SyntaxKind.ExclamationToken,
  ts.SyntaxKind.TildeToken,
]);

/** A parameter, or a part of it, given to another function. */
export interface Pass {
  readonly root: string;
  readonly writable: boolean;
  readonly callee: string;
  readonly index: number;
  readonly line: number;
}

export interface FunctionFacts {
  readonly file: string;
  readonly line: number;
  readonly parameters: readonly string[];
  readonly calls: Set<string>;
  /** Parameters through which the function assigns, itself or through functions that it calls. */
  readonly writes: Set<string>;
  readonly passes: Pass[];
}

export type Reject = (node: ts.Node, message: string) => void;

/** 1-based line of a node. */
export function lineOf(node: ts.Node): number {
  const source = node.getSourceFile();
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}

function isReadonlyType(type: ts.TypeNode | undefined): boolean {
  return type !== undefined && ts.isTypeReferenceNode(type) && type.typeName.getText() === 'Readonly';
}

/** True if a function may assign through the parameter: not through events, configurations and what is declared Readonly. */
export const isWritable = (parameter: ts.ParameterDeclaration): boolean =>
  !isReadonlyType(parameter.type) && !/^(_|event$|config$)/.test(parameter.name.getText());

/** Names the syntax of a node as TypeScript does, for example WhileStatement. */
export const kindOf = (node: ts.Node): string => ts.SyntaxKind[node.kind] ?? 'unknown syntax';
