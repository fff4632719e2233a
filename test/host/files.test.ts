import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  fileExists,
  gunzipBase64,
  gzipBase64,
  readFileLimited,
  removePartialFiles,
  sha256Hex,
  writeFileAtomic,
  writeFileDurable,
} from '../../src/host/files.ts';

const folder = mkdtempSync(join(tmpdir(), 'muencheck-files-'));

describe('readFileLimited', () => {
  test('reads a file up to the limit, and not one byte more', () => {
    const path = join(folder, 'ten');
    writeFileSync(path, '0123456789');
    expect(readFileLimited(path, 10)).toEqual({ ok: true, value: new Uint8Array(Buffer.from('0123456789')) });
    expect(readFileLimited(path, 9)).toEqual({ ok: false, error: `cannot read ${path}: it is larger than 9 bytes` });
  });
  test('says in words why a file cannot be read', () => {
    expect(readFileLimited(join(folder, 'none'))).toMatchObject({
      ok: false,
      error: expect.stringContaining('there is no such file'),
    });
    expect(readFileLimited(folder)).toMatchObject({ ok: false, error: expect.stringContaining('it is a directory') });
    expect(readFileLimited('a\u0000b').ok).toBe(false);
  });
  test('an endless device ends at the limit', () => {
    expect(readFileLimited('/dev/zero', 1 << 20).ok).toBe(false);
  });
});

test('writeFileAtomic makes folders, replaces content and leaves nothing else behind', () => {
  const path = join(folder, 'a', 'b', 'file');
  expect(writeFileAtomic(path, 'one').ok).toBe(true);
  expect(writeFileAtomic(path, 'two').ok).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(readdirSync(join(folder, 'a', 'b'))).toEqual(['file']);
  mkdirSync(join(folder, 'taken'));
  expect(writeFileAtomic(join(folder, 'taken'), 'x').ok).toBe(false);
  expect(fileExists(join(folder, 'taken'))).toBe(false);
  expect(fileExists(path)).toBe(true);
});

test('writeFileDurable does as much, and what a killed one left behind can be removed', () => {
  const durable = join(folder, 'durable');
  expect(removePartialFiles(durable)).toEqual({ ok: true, value: 0 });
  expect(writeFileDurable(join(durable, 'file'), 'one').ok).toBe(true);
  expect(writeFileDurable(join(durable, 'file'), 'two').ok).toBe(true);
  writeFileSync(join(durable, 'file.partial'), 't');
  expect(removePartialFiles(durable)).toEqual({ ok: true, value: 1 });
  expect(readdirSync(durable)).toEqual(['file']);
  expect(readFileSync(join(durable, 'file'), 'utf8')).toBe('two');
  expect(removePartialFiles(join(durable, 'file')).ok).toBe(false);
});

describe('gzip', () => {
  test('round trip, and equal input gives equal text', () => {
    const bytes = new Uint8Array(10_000).map((_, index) => index % 251);
    expect(gunzipBase64(gzipBase64(bytes))).toEqual({ ok: true, value: bytes });
    expect(gzipBase64(bytes)).toBe(gzipBase64(bytes));
  });
  test('a bomb, garbage and a truncated stream are refused', () => {
    const bomb = gzipSync(Buffer.alloc(50 << 20)).toString('base64');
    expect(gunzipBase64(bomb, 1 << 20).ok).toBe(false);
    expect(gunzipBase64('QUJD').ok).toBe(false);
    expect(gunzipBase64('').ok).toBe(false);
    expect(gunzipBase64(gzipBase64(new Uint8Array(1000)).slice(0, 16)).ok).toBe(false);
  });
});

test('sha256Hex is SHA-256', () => {
  expect(sha256Hex(new Uint8Array(Buffer.from('abc')))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
