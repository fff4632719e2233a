import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/model/index.ts';
import { checkSubset } from './subset-checker.ts';

const modelDirectory = new URL('../../src/model/', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, modelDirectory), 'utf8');

/** Problems of one function body in an otherwise correct file. */
function problemsOf(body: string, before = ''): string[] {
  const text = `${before}\nexport function action(state: State, event: E, config: C): void {\n${body}\n}\n`;
  return checkSubset({ 'snippet.ts': text }).map(({ message }) => message);
}

const ALLOWED: readonly string[] = [
  'state.a = 1;',
  'state.a[config.index]!.b += event.value;',
  'const slot = state.a[1]!;\nslot.b = 2;\nslot.c++;',
  'let sum = 0;\nfor (let i = 0; i < state.a.length; i++) {\n  if (i === 2) break;\n  sum += state.a[i]!;\n}\nstate.b = sum;',
  'for (let i = 1; i < config.count - 1; i++) {\n  if (state.a[i] === 0) continue;\n  state.a[i] = i;\n}',
  'const count = config.count;\nfor (let i = 0; i < count; i++) state.a[i] = i;',
  'for (let i = 0; i <= 31; i++) state.a[i] = 0;',
  'for (let i = state.a.length - 1; i > 0; i--) state.a[i] = state.a[i - 1]!;',
  'if (!state.b && state.c >= 1) {\n  state.b = true;\n} else if (state.c < 2 || false) {\n  state.b = false;\n}',
  'state.a = (state.b | (1 << config.bit)) >>> 0;',
  "state.a = state.b ? 'idle' : 'busy';",
  'state.a = Math.min(Math.floor(state.b / 2), 31 - Math.clz32(state.c));',
  'return;',
];

const FORBIDDEN: readonly (readonly [name: string, body: string, message: RegExp])[] = [
  ['closure', 'const f = () => state.a;', /ArrowFunction/],
  ['function expression', 'const f = function () { return 1; };', /FunctionExpression/],
  ['nested function', 'function f() { return 1; }', /FunctionDeclaration/],
  ['while', 'while (state.a > 0) state.a -= 1;', /WhileStatement/],
  ['do', 'do { state.a -= 1; } while (state.a > 0);', /DoStatement/],
  ['for of', 'for (const x of state.a) state.b += x;', /ForOfStatement/],
  ['for in', 'for (const x in state.a) state.b += 1;', /ForInStatement/],
  ['loop bounded by state', 'for (let i = 0; i < state.n; i++) state.a[i] = 0;', /bound is not a constant/],
  [
    'loop bounded by a local',
    'const n = state.n;\nfor (let i = 0; i < n; i++) state.a[i] = 0;',
    /bound is not a constant/,
  ],
  ['loop without condition', 'for (let i = 0; ; i++) state.a[i] = 0;', /bound is not a constant/],
  ['loop with another step', 'for (let i = 0; i < 4; i += 2) state.a[i] = 0;', /count by one towards/],
  ['loop that changes its counter', 'for (let i = 0; i < 4; i++) i = 0;', /assignment to i/],
  ['loop away from its bound', 'for (let i = 0; i < 4; i--) state.a[i] = 0;', /count by one towards/],
  ['loop down from state', 'for (let i = state.n; i > 0; i--) state.a[i] = 0;', /bound is not a constant/],
  ['loop without counter', 'let i = 0;\nfor (; i < 4; ) i += 1;', /loop without counter/],
  ['throw', "throw new Error('no');", /ThrowStatement/],
  ['try', 'try { state.a = 1; } catch { state.a = 2; }', /TryStatement/],
  ['switch', 'switch (state.a) { default: state.a = 1; }', /SwitchStatement/],
  ['label', 'outer: for (let i = 0; i < 4; i++) state.a = i;', /LabeledStatement/],
  ['new', 'state.a = new Map();', /NewExpression/],
  ['template string', ['state.a = `x$', '{state.b}`;'].join(''), /TemplateExpression/],
  ['plain template string', 'state.a = `x`;', /Template/],
  ['string concatenation', "state.a = 'x' + state.b;", /concatenation/],
  ['object literal', 'state.a = { b: 1 };', /ObjectLiteralExpression/],
  ['object spread', 'state.a = { ...state.b };', /ObjectLiteralExpression/],
  ['array literal', 'state.a = [1];', /ArrayLiteralExpression/],
  ['array method', 'state.a.push(1);', /call of state.a.push/],
  ['array method with closure', 'state.b = state.a.some(x => x > 0);', /call of state.a.some/],
  ['this', 'this.a = 1;', /not state/],
  ['global', 'state.a = globalThis.x;', /globalThis is neither/],
  ['clock', 'state.a = Date.now();', /call of Date.now/],
  ['random', 'state.a = Math.random();', /Math.random/],
  ['Math as a value', 'state.a = Math.PI;', /Math is neither/],
  ['undefined', 'state.a = undefined;', /undefined is neither/],
  ['await', 'state.a = await event.value;', /AwaitExpression/],
  ['optional chaining', 'state.a = state.b?.c;', /optional chaining/],
  ['nullish', 'state.a = state.b ?? 0;', /operator \?\?/],
  ['loose equality', 'state.a = state.b == 0;', /operator ==/],
  ['power', 'state.a = state.b ** 2;', /operator \*\*/],
  ['comma', 'state.a = (state.b, 1);', /operator ,/],
  ['nested assignment', 'state.a = (state.b = 1);', /operator =/],
  ['increment in an expression', 'state.a = state.b++;', /PostfixUnaryExpression/],
  ['typeof', 'state.a = typeof state.b;', /TypeOfExpression/],
  ['delete', 'delete state.a;', /without effect/],
  ['regular expression', 'state.a = /x/;', /RegularExpressionLiteral/],
  ['bigint', 'state.a = 1n;', /BigIntLiteral/],
  ['null', 'state.a = null;', /NullKeyword/],
  ['type assertion', 'state.a = state.b as number;', /AsExpression/],
  ['var', 'var x = 1;', /other than const and let/],
  ['no initial value', 'let x;', /without initial value/],
  ['destructuring', 'const { a } = state;', /destructuring/],
  ['write to the event', 'event.value = 1;', /not state/],
  ['write to the configuration', 'config.value = 1;', /not state/],
  ['write through an alias of the configuration', 'const t = config.table[0]!;\nt.x = 1;', /not state/],
  ['write to a parameter', 'event = state;', /not a local let/],
  ['write to a const', 'const x = 1;\nx = 2;', /not a local let/],
  ['write to a module constant', 'LIMIT = 2;', /not a local let/],
  ['unknown function', 'helper(state);', /not a subset function/],
  ['direct recursion', 'action(state, event, config);', /recursion through action/],
  ['function as a value', 'state.a = action;', /as a value/],
];

describe('the model subset', () => {
  it.each(ALLOWED)('allows %s', body => {
    expect(problemsOf(body)).toEqual([]);
  });

  it.each(FORBIDDEN)('rejects %s', (_name, body, message) => {
    const problems = problemsOf(body, 'const LIMIT = 1;');
    expect(problems).toContainEqual(expect.stringMatching(message));
  });

  it.each([
    ['mutable module state', 'let counter = 0;', /module-level let/],
    ['module-level object', 'const table = { a: 1 };', /not a literal/],
    ['module-level array', 'const table = [1, 2];', /not a literal/],
    ['class', 'class A {}', /ClassDeclaration at module level/],
    ['statement', 'start();', /ExpressionStatement at module level/],
    ['re-export', "export * from './x.ts';", /ExportDeclaration at module level/],
    ['host import', "import { readFileSync } from 'node:fs';", /readFileSync from node:fs/],
    ['namespace import', "import * as fs from './x.ts';", /not a list of names/],
    ['async function', 'async function f() { return 1; }', /async function/],
    ['generator', 'function* f() { return 1; }', /generator function/],
    ['default parameter', 'function f(a = 1) { return a; }', /not a plain name/],
    ['rest parameter', 'function f(...a: number[]) { return a; }', /not a plain name/],
  ])('rejects %s at module level', (_name, text, message) => {
    expect(checkSubset({ 'snippet.ts': text }).map(problem => problem.message)).toContainEqual(
      expect.stringMatching(message),
    );
  });

  it('rejects mutual recursion across files', () => {
    const files = {
      'a.ts': "import { g } from './b.ts';\nexport function f(state: S): void { g(state); }",
      'b.ts': "import { f } from './a.ts';\nexport function g(state: S): void { f(state); }",
    };
    expect(checkSubset(files).map(({ message }) => message)).toEqual(['recursion through f', 'recursion through g']);
  });

  it('rejects a guard that writes, also through a function or an alias', () => {
    const helper = 'function bump(part: Part): void { part.a += 1; }\n';
    const direct = 'export function g(state: Readonly<S>): boolean { state.a = 1; return true; }';
    const alias = 'export function g(state: Readonly<S>): boolean { const p = state.part; p.a = 1; return true; }';
    const through = `${helper}export function g(state: Readonly<S>): boolean { bump(state.part); return true; }`;
    for (const text of [direct, alias, through]) expect(checkSubset({ 'g.ts': text })).toHaveLength(1);
  });

  it('names file and line', () => {
    const text = 'export function f(state: S): void {\n  state.a = 1;\n  state.a = null;\n}\n';
    expect(checkSubset({ 'f.ts': text })).toEqual([
      { file: 'f.ts', line: 3, message: 'NullKeyword is not in the subset' },
    ]);
  });
});

describe('registered models', () => {
  it.each(MODELS)('$id is written in the subset', ({ sources }) => {
    expect(checkSubset(Object.fromEntries(sources.map(file => [file, read(file)])))).toEqual([]);
  });

  it.each(MODELS)('$id names every file that its machines take guards and actions from', ({ id, sources }) => {
    const infrastructure = /^(define|schema|compile|model|chart)\.ts$|-state\.ts$|\.machine\.ts$|\.model\.ts$/;
    const importsOf = (file: string): string[] =>
      [...read(file).matchAll(/^import (?!type )[^;]*? from '\.\/([^']+)';$/gm)].map(match => match[1]!);
    const machines = new Set([
      `${id}.machine.ts`,
      ...importsOf(`${id}.model.ts`).filter(file => /machine\.ts$/.test(file)),
    ]);
    const wanted = [...machines].filter(file => existsSync(new URL(file, modelDirectory))).flatMap(importsOf);
    for (const file of wanted) if (/machine\.ts$/.test(file)) wanted.push(...importsOf(file));
    const functions = new Set(wanted.filter(file => !infrastructure.test(file)));
    expect(functions.size).toBeGreaterThan(0);
    // What these import in turn is needed to follow their calls.
    for (const file of functions)
      for (const inner of importsOf(file)) if (!infrastructure.test(inner)) functions.add(inner);
    expect([...functions].filter(file => !sources.includes(file))).toEqual([]);
  });
});
