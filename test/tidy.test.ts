import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PROPERTIES } from '../properties/index.ts';
import { FAULTS } from '../src/faults/index.ts';
import { parseSource, reachable, sourceFiles } from './source-tree.ts';
import {
  forbiddenImports,
  hostGlobals,
  LONG_FILES,
  layerOf,
  lineCount,
  looseEnds,
  MAX_FILE_LINES,
  nondeterminism,
} from './tidy-rules.ts';

const isTest = (path: string): boolean => path.endsWith('.test.ts');
const all = sourceFiles('src', 'properties', 'scenarios', 'bench', 'test');
/** Everything but tests. */
const product = all.filter(({ path }) => layerOf(path) !== 'test' && !isTest(path));
const paths = product.map(({ path }) => path);

describe('imports', () => {
  it('follow the table of layers', () => {
    expect(product.flatMap(forbiddenImports)).toEqual([]);
  });

  it('name files that exist, except in what is only text', () => {
    const known = new Set(all.map(({ path }) => path));
    const missing = product.flatMap(({ path, imports }) =>
      imports.filter(({ to, isPackage }) => !isPackage && !known.has(to)).map(({ to }) => `${path} imports ${to}`),
    );
    expect(missing).toEqual([]);
  });

  it.each([
    ['src/model/a.ts', "import { x } from '../impl/a.ts';", 1],
    ['src/impl/a.ts', "import type { X } from '../model/a.ts';", 1],
    ['src/impl/a.ts', "export { x } from '../policy/parse.ts';", 1],
    ['src/impl/a.ts', "type X = import('../policy/parse.ts').X;", 1],
    ['src/units/a.ts', "const x = await import('node:fs');", 1],
    ['src/engine/a.ts', "import fc from 'fast-check';", 1],
    ['src/other/a.ts', '', 1],
    ['src/impl/a.ts', "import type { X } from '../policy/document.ts';\nimport { y } from './b/c.ts';", 0],
    ['src/host/a.ts', "import { readFileSync } from 'node:fs';", 0],
  ])('are judged: %s with %s', (path, text, count) => {
    expect(forbiddenImports(parseSource(path, text))).toHaveLength(count);
  });
});

describe('the host', () => {
  const outside = (...layers: readonly string[]) =>
    product.filter(({ path }) => !layers.includes(layerOf(path)) && path !== 'scenarios/generate.ts');

  it('gives clock and chance to src/host and bench only', () => {
    expect(outside('src/host', 'bench').flatMap(nondeterminism)).toEqual([]);
  });

  it('gives its globals to src/host and src/cli only', () => {
    expect(outside('src/host', 'src/cli', 'bench').flatMap(hostGlobals)).toEqual([]);
  });

  it.each([
    ['const t = Date.now();', 1],
    ['const t = new Date();', 1],
    ['const r = Math.random();', 1],
    ['const d = new Date(0); const text = "Date.now";', 0],
  ])('is judged: %s', (text, count) => {
    expect(nondeterminism(parseSource('src/impl/a.ts', text))).toHaveLength(count);
  });

  it.each([
    ['process.exit(1);', 1],
    ['setTimeout(f, 1);', 1],
    ['const process = 1; record.process;', 0],
  ])('is judged: %s', (text, count) => {
    expect(hostGlobals(parseSource('src/impl/a.ts', text))).toHaveLength(count);
  });
});

describe('sources', () => {
  it('have no type any, no switched-off checks and nothing put off', () => {
    expect(all.flatMap(looseEnds)).toEqual([]);
  });

  it('are judged', () => {
    const word = 'TO' + 'DO';
    const text = `let a: any;\n// ${word}: later\n// @ts-${'ignore'}\nconst any = 1;\n`;
    expect(looseEnds(parseSource('src/impl/a.ts', text))).toHaveLength(3);
  });

  it('are short enough to read', () => {
    const long = all.filter(file => lineCount(file) > MAX_FILE_LINES).map(({ path }) => path);
    expect(long.filter(path => !(path in LONG_FILES))).toEqual([]);
    expect(
      Object.keys(LONG_FILES).filter(path => !long.includes(path)),
      'listed as long, but short',
    ).toEqual([]);
  });

  it('have no folder of leftovers: no barrel beside the registries and the library', () => {
    const registries = ['properties', 'scenarios', 'bench', 'src', 'src/model', 'src/faults', 'src/policy/rules'];
    const barrels = paths.filter(path => path.endsWith('/index.ts')).map(path => path.slice(0, -'/index.ts'.length));
    expect(barrels.filter(path => !registries.includes(path))).toEqual([]);
  });
});

/** Files that are started and not imported. */
const ENTRY_POINTS = [
  'src/cli/muencheck.js',
  'src/cli/main.ts',
  'src/cli/worker.ts',
  'src/host/worker-entry.js',
  'src/index.ts',
  'scenarios/generate.ts',
  'bench/index.ts',
];

/** Every file that matches is reached from its registry. */
const REGISTRIES: readonly (readonly [registry: string, members: RegExp])[] = [
  ['properties/index.ts', /^properties\/.*\.ts$/],
  ['src/faults/index.ts', /^src\/faults\/.*-faults?\.ts$/],
  ['src/policy/rules/index.ts', /^src\/policy\/rules\//],
  ['src/policy/library/library-rules.ts', /^src\/policy\/library\//],
  ['src/model/index.ts', /^src\/model\/.*\.(machine|model)\.ts$/],
  ['src/cli/commands/registry.ts', /^src\/cli\/commands\//],
  ['src/report/registry.ts', /^src\/report\/(?!.*baseline)/],
  ['bench/index.ts', /^bench\//],
];

describe('registries', () => {
  it.each(REGISTRIES)('%s reaches its members', (registry, members) => {
    const reached = reachable(product, [registry]);
    const found = paths.filter(path => members.test(path));
    expect(found.length).toBeGreaterThan(1);
    const notMember = ['src/faults/read-faults.ts'];
    expect(found.filter(path => !reached.has(path) && !notMember.includes(path))).toEqual([]);
  });

  it('leave no file that nothing starts or imports', () => {
    const reached = reachable(product, ENTRY_POINTS);
    expect(paths.filter(path => /\.(ts|js)$/.test(path) && !path.endsWith('.d.ts') && !reached.has(path))).toEqual([]);
  });

  it('have a policy and a description for every scenario', () => {
    const folder = new URL('../scenarios/', import.meta.url);
    const scenarios = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory());
    expect(scenarios.length).toBeGreaterThan(0);
    for (const { name } of scenarios) {
      for (const file of ['policy.xml', 'scenario.json']) {
        expect(existsSync(new URL(`${name}/${file}`, folder)), `${name}/${file}`).toBe(true);
      }
    }
  });
});

describe('properties and faults', () => {
  const propertyIds = PROPERTIES.map(({ id }) => id);
  const faultIds = FAULTS.map(({ id }) => id);

  it('have unique ids', () => {
    expect(new Set(propertyIds).size).toBe(propertyIds.length);
    expect(new Set(faultIds).size).toBe(faultIds.length);
  });

  it.each(PROPERTIES)('$id is named after its area and file, and has a claim', ({ id, area, claim }) => {
    expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*\/[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(id.split('/')[0]).toBe(area);
    expect(claim.split(' ').length).toBeGreaterThan(5);
    expect(paths.filter(path => path.startsWith(`properties/${area}/`)).length).toBeGreaterThan(0);
  });

  /** Properties that no fault of the implementation can violate, and what shows instead that they can fail. */
  const NO_FAULT: Readonly<Record<string, string>> = {
    'isolation/sharing-is-explained': 'judges the policy alone: test/policy/intent-mutations.test.ts',
    'isolation/claims': 'judges policy and claims alone: test/cli/claims.test.ts',
    'meta/table-bit-flips': 'makes its own defects, and its own table says which are harmless',
    'meta/compiled-model': 'judges the model alone, which has no seams: test/model/compile.test.ts',
  };

  it.each(PROPERTIES)('$id is killed by faults that exist, and says what must be seen', property => {
    expect(property.killedBy.filter(fault => !faultIds.includes(fault))).toEqual([]);
    const killers = FAULTS.filter(
      ({ id, killedBy }) => property.killedBy.includes(id) || killedBy.includes(property.id),
    );
    expect(killers.length > 0).toBe(!(property.id in NO_FAULT));
    expect(property.witnesses.length).toBeGreaterThan(0);
  });

  it.each(FAULTS)('$id is found by properties that exist', fault => {
    expect(fault.killedBy.filter(id => !propertyIds.some(known => known === id))).toEqual([]);
    expect(fault.killedBy.length).toBeGreaterThan(0);
    expect(fault.precedent.length).toBeGreaterThan(10);
  });

  it('agree on who finds what', () => {
    const claimed = PROPERTIES.flatMap(({ id, killedBy }) => killedBy.map(fault => `${id} finds ${fault}`));
    const seeded = new Set(FAULTS.flatMap(({ id, killedBy }) => killedBy.map(property => `${property} finds ${id}`)));
    expect(claimed.filter(line => !seeded.has(line))).toEqual([]);
  });
});
