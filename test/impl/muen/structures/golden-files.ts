import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const GOLDEN = fileURLToPath(new URL('../../../../../shared/golden/', import.meta.url));

/** Files of the real generators for a system, unpacked, by name without `.gz`; `folder` is for example 'systems/<name>'. */
export function goldenFiles(folder: string): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const part of ['tables', 'generated']) {
    const path = `${GOLDEN}${folder}/${part}`;
    if (!existsSync(path)) continue;
    for (const name of readdirSync(path))
      if (name.endsWith('.gz')) files.set(name.slice(0, -3), gunzipSync(readFileSync(`${path}/${name}`)));
  }
  return files;
}
