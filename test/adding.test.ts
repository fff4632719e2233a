import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PROPERTIES } from '../properties/index.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const adding = readFileSync(join(ROOT, 'ADDING.md'), 'utf8');
const text = adding + readFileSync(join(ROOT, 'scenarios/README.md'), 'utf8');

/** Paths in backquotes: those with a slash and an ending, or the name of a folder. */
const paths = [...text.matchAll(/`([A-Za-z][\w.<>*-]*\/[\w./<>*-]*)`/g)].map(([, path = '']) => path);

/** Where the placeholder of a path begins: its folder must exist, and hold something of that shape. */
function exists(path: string): boolean {
  if (!path.includes('<')) return existsSync(join(ROOT, path));
  const before = path.slice(0, path.indexOf('<'));
  const folder = join(ROOT, before.endsWith('/') ? before : dirname(before));
  const ending = path.endsWith('/') ? '' : path.slice(path.lastIndexOf('>') + 1);
  return (
    existsSync(folder) && readdirSync(folder, { recursive: true, encoding: 'utf8' }).some(name => name.endsWith(ending))
  );
}

describe('ADDING.md', () => {
  test('names paths', () => expect(paths.length).toBeGreaterThan(40));
  test.each([...new Set(paths)].filter(path => !path.startsWith('vmx/')))('%s exists', path => {
    expect(exists(path)).toBe(true);
  });
  test('names properties that exist', () => {
    const ids = PROPERTIES.map(({ id }) => id as string);
    expect(paths.filter(path => path.startsWith('vmx/')).every(path => ids.includes(path))).toBe(true);
  });
});

/** Files below a folder whose content defines something that a registry must list, and that the registry does not import. */
function unregistered(folder: string, registry: string, definition: RegExp): readonly string[] {
  const registered = readFileSync(join(ROOT, registry), 'utf8');
  const defining = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== basename(registry))
    .filter(name => definition.test(readFileSync(join(ROOT, folder, name), 'utf8')));
  expect(defining.length).toBeGreaterThan(0);
  return defining.filter(name => !registered.includes(`/${name}'`));
}

test.each([
  ['properties', 'properties/index.ts', /^export const \w+(?:: Property = | = \w+Property\()/m],
  ['src/faults', 'src/faults/index.ts', /^export const \w+: readonly Fault\[\]/m],
  ['src/policy/rules', 'src/policy/rules/index.ts', /^export const \w+: readonly Rule\[\]/m],
  ['src/model', 'src/model/index.ts', /^export const \w+: Model(?:<.*>)? = /m],
  ['src/report', 'src/report/registry.ts', /^export const \w+: Reporter = /m],
  ['src/cli/commands', 'src/cli/commands/registry.ts', /^export const \w+: Command = /m],
  ['bench', 'bench/index.ts', /^export const \w+: Benchmark = /m],
])('nothing below %s is missing in %s', (folder, registry, definition) => {
  expect(unregistered(folder, registry, definition)).toEqual([]);
});
