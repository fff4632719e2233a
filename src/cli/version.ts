import { fileURLToPath } from 'node:url';
import { readFileLimited } from '../host/files.ts';

/** Version of the package. */
export function readVersion(): string {
  const bytes = readFileLimited(fileURLToPath(new URL('../../package.json', import.meta.url)));
  if (!bytes.ok) return 'unknown';
  const manifest = JSON.parse(new TextDecoder().decode(bytes.value)) as { readonly version?: string };
  return manifest.version ?? 'unknown';
}
