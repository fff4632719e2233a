import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { parsePolicy } from '../../src/policy/parse.ts';

/** Outputs of the real Muen toolchain, beside the checkout; absent in a plain clone. */
const GOLDEN = fileURLToPath(new URL('../../../shared/golden/', import.meta.url));

/** Reason to skip tests against real outputs; empty if they are there. */
export const goldenMissing = existsSync(GOLDEN) ? '' : 'needs ../shared/golden (outputs of the real toolchain)';

/** Folders (relative to golden) that hold an allocated policy and the page tables generated for it. */
export const goldenSystems: readonly string[] =
  goldenMissing !== ''
    ? []
    : ['systems', 'hand'].flatMap(group =>
        readdirSync(`${GOLDEN}${group}`)
          .map(name => `${group}/${name}`)
          .filter(folder => existsSync(`${GOLDEN}${folder}/policy_b.xml`) && existsSync(`${GOLDEN}${folder}/tables`)),
      );

export function goldenDocument(folder: string): PolicyDocument {
  const parsed = parsePolicy(readFileSync(`${GOLDEN}${folder}/policy_b.xml`));
  if (!parsed.ok) throw new Error(`${folder}: ${parsed.error[0]?.message}`);
  return parsed.value.document;
}

/** Real page tables of the kernels and subjects of a system, by owner: `kernel_0`, `vt`, ... */
export function goldenPageTables(folder: string): ReadonlyMap<string, Uint8Array> {
  const files = readdirSync(`${GOLDEN}${folder}/tables`).filter(
    name => name.endsWith('_pt.gz') && !name.startsWith('vtd_'),
  );
  return new Map(
    files.map(name => [name.slice(0, -'_pt.gz'.length), gunzipSync(readFileSync(`${GOLDEN}${folder}/tables/${name}`))]),
  );
}
