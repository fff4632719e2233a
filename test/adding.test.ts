import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
