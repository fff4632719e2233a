import ts from 'typescript';
import type { Import, SourceText } from './source-tree.ts';
import { walk } from './source-tree.ts';

/* The architecture as tables: who may import whom, who may use the host, how long a file may be. */

/** What a layer may import besides itself: layers, single files, packages. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  'src/units': [],
  'src/policy': ['src/units', 'saxes', 'jsonc-parser', 'libxml2-wasm'],
  'src/model': ['src/units', 'src/policy/document.ts', 'src/policy/finding.ts', 'xstate'],
  // Genode's init reads XML, as the policy does, by the same parser.
  'src/impl': ['src/units', 'src/policy/document.ts', 'src/policy/finding.ts', 'src/policy/xml.ts'],
  'src/trace': ['src/units'],
  'src/refinement': [
    'src/units',
    'src/policy/document.ts',
    'src/policy/claims.ts',
    'src/policy/finding.ts',
    // Names of bits, as the schema spells them.
    'src/policy/vcpu-bits.ts',
    // Genode's services read their configuration as XML.
    'src/policy/xml.ts',
    'src/model',
    'src/impl',
    'src/trace',
  ],
  'src/explore': ['src/units', 'src/model', 'src/trace', 'typescript'],
  'src/faults': ['src/units', 'src/impl', 'src/policy/finding.ts'],
  'src/engine': [
    'src/units',
    'src/policy/claims.ts',
    'src/policy/document.ts',
    'src/trace',
    'src/refinement',
    'src/explore',
    // What a property is checked on: the document and the implementation's collaborators.
    'src/impl/seams.ts',
    'src/impl/loader/region-contents.ts',
    'src/faults/fault.ts',
  ],
  'src/arbitraries': [
    'src/units',
    'src/policy',
    'src/model',
    'src/impl',
    'src/trace',
    'src/refinement',
    'src/explore',
    'src/engine',
    'src/faults',
    'fast-check',
  ],
  'src/fuzz': [
    'src/units',
    'src/policy/document.ts',
    'src/model',
    'src/impl',
    'src/trace',
    'src/refinement',
    'src/engine',
    'src/arbitraries',
  ],
  'src/report': ['src/units', 'src/policy/finding.ts', 'src/trace', 'src/engine/verdict.ts', '@dagrejs/dagre'],
  'src/host': ['src/units', 'tsx/esm/api', 'node:*'],
  'src/cli': ['src', 'properties/index.ts', 'scenarios/index.ts', 'bench/index.ts', 'tsx/esm/api', 'node:*'],
  'src/index.ts': ['src'],
  properties: ['src', 'fast-check', 'xstate'],
  scenarios: ['src/units', 'src/engine', 'src/policy/tree.ts', 'src/policy/expand/vcpu-profiles.ts'],
  bench: ['src', 'scenarios', 'properties', 'xstate', 'node:*'],
};

/** Single files that may import more than their layer. */
const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  'scenarios/index.ts': ['node:fs', 'node:url'],
  'scenarios/generate.ts': ['node:fs'],
};

/** Layer of a file: its folder below src, else its top folder. */
export function layerOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'src' ? parts.slice(0, 2).join('/') : parts[0]!;
}

const covers = (allowed: string, to: string): boolean =>
  allowed === to ||
  (allowed.endsWith(':*')
    ? to.startsWith(allowed.slice(0, -1))
    : !allowed.includes('.ts') && to.startsWith(`${allowed}/`));

function mayImport(path: string, { to, isPackage }: Import): boolean {
  const layer = layerOf(path);
  if (!isPackage && layerOf(to) === layer) return true;
  return [...(LAYERS[layer] ?? []), ...(EXCEPTIONS[path] ?? [])].some(allowed => covers(allowed, to));
}

/** Imports of a file that its layer may not have. */
export function forbiddenImports(file: SourceText): string[] {
  if (!(layerOf(file.path) in LAYERS)) return [`${file.path}: layer ${layerOf(file.path)} is not in the table`];
  return file.imports.filter(found => !mayImport(file.path, found)).map(({ to }) => `${file.path} imports ${to}`);
}

/** Expressions that make two runs of the same inputs differ. */
const NONDETERMINISTIC = [
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'crypto.randomUUID',
  'crypto.getRandomValues',
];
const HOST_GLOBALS = ['process', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'console', 'queueMicrotask'];

const line = (file: SourceText, node: ts.Node): string =>
  `${file.path}:${file.tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;

/** Clock and chance. */
export function nondeterminism(file: SourceText): string[] {
  const found: string[] = [];
  walk(file.tree, node => {
    if (ts.isPropertyAccessExpression(node) && NONDETERMINISTIC.includes(node.getText())) {
      found.push(`${line(file, node)} uses ${node.getText()}`);
    }
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && node.arguments?.length === 0) {
      found.push(`${line(file, node)} uses new Date()`);
    }
  });
  return found;
}

/** Globals of the host, read as values. */
export function hostGlobals(file: SourceText): string[] {
  const found: string[] = [];
  walk(file.tree, node => {
    if (!ts.isIdentifier(node) || !HOST_GLOBALS.includes(node.text)) return;
    const { parent } = node;
    const isUse =
      (ts.isPropertyAccessExpression(parent) && parent.expression === node) ||
      (ts.isCallExpression(parent) && parent.expression === node);
    if (isUse) found.push(`${line(file, node)} uses ${node.text}`);
  });
  return found;
}

/** The type `any`, and comments that switch a check off or put work off. */
export function looseEnds(file: SourceText): string[] {
  const found: string[] = [];
  walk(file.tree, node => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.push(`${line(file, node)} has the type any`);
  });
  const words = [
    '@ts-' + 'ignore',
    '@ts-' + 'expect-error',
    '@ts-' + 'nocheck',
    'biome-' + 'ignore',
    'TO' + 'DO',
    'FIX' + 'ME',
  ];
  for (const word of words) {
    if (file.text.includes(word)) found.push(`${file.path} contains ${word}`);
  }
  return found;
}

export const MAX_FILE_LINES = 400;

/** Longer files, and why they are not divided. */
export const LONG_FILES: Readonly<Record<string, string>> = {
  'src/impl/x86/rows-arithmetic.ts': 'a table: every arithmetic instruction and its meaning',
  'src/impl/x86/rows-bits.ts': 'a table: every shift and bit instruction and its meaning',
  'src/policy/document.ts': 'a table of types: every element of a format B policy',
};

export const lineCount = (file: SourceText): number => file.text.split('\n').length - 1;
