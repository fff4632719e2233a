import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { confinedFiles } from '../../src/host/policy-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'muencheck-policy-files-'));
const inside = join(folder, 'inside');
mkdirSync(join(inside, 'sub'), { recursive: true });
writeFileSync(join(inside, 'a.xml'), '<a/>');
writeFileSync(join(folder, 'secret.xml'), '<secret/>');
writeFileSync(join(folder, 'inside-not.xml'), '<b/>');
symlinkSync('../a.xml', join(inside, 'sub', 'link.xml'));
symlinkSync('../../secret.xml', join(inside, 'sub', 'out.xml'));
symlinkSync('loop.xml', join(inside, 'loop.xml'));

const files = confinedFiles([inside]);
const text = (path: string): unknown => {
  const result = files.read(path);
  return result.ok ? result.value && new TextDecoder().decode(result.value) : result.error;
};

test('files and links inside are read', () => {
  expect(text(join(inside, 'a.xml'))).toBe('<a/>');
  expect(text(join(inside, 'sub', 'link.xml'))).toBe('<a/>');
  expect(text(join(inside, 'sub', '..', 'a.xml'))).toBe('<a/>');
});

test('what is not there, a directory and a link in a circle are no files', () => {
  expect(text(join(inside, 'none.xml'))).toBeUndefined();
  expect(text(join(inside, 'sub'))).toBeUndefined();
  expect(text(join(inside, 'loop.xml'))).toBeUndefined();
  expect(text('a\u0000b')).toBeUndefined();
});

test.each([
  join(inside, '..', 'secret.xml'),
  join(folder, 'inside-not.xml'),
  join(inside, 'sub', 'out.xml'),
  '/etc/hostname',
])('%s is refused', path => {
  expect(text(path)).toContain('outside of the directories');
});

test('has says what can be read', () => {
  const paths = [join(inside, 'a.xml'), join(inside, 'sub'), join(inside, 'none.xml'), join(folder, 'secret.xml')];
  expect(paths.map(path => files.has(path))).toEqual([true, false, false, false]);
});

test('a single file can be given', () => {
  const one = confinedFiles([join(folder, 'secret.xml')]);
  expect(one.read(join(folder, 'secret.xml'))).toMatchObject({ ok: true, value: expect.anything() });
  expect(one.read(join(inside, 'a.xml')).ok).toBe(false);
});

test('a pipe is refused instead of waited for', () => {
  const pipe = join(inside, 'pipe.xml');
  execFileSync('mkfifo', [pipe]);
  expect(text(pipe)).toContain('no regular file');
});

test('a file beyond the limit is refused', () => {
  expect(confinedFiles([inside], 3).read(join(inside, 'a.xml'))).toMatchObject({
    ok: false,
    error: expect.stringContaining('larger than 3 bytes'),
  });
});
