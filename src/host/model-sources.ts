import { readFileSync } from 'node:fs';

/** Text of files of src/model, by name: what the translators of models parse. They are part of the package. */
export function readModelSources(files: readonly string[]): Readonly<Record<string, string>> {
  const folder = new URL('../model/', import.meta.url);
  return Object.fromEntries(files.map(file => [file, readFileSync(new URL(file, folder), 'utf8')]));
}
