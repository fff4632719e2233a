import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why iasl, the reference compiler of ACPI tables, cannot be used; empty if it can. */
export const iaslMissing: string = (process.env.PATH ?? '').split(':').some(folder => existsSync(join(folder, 'iasl')))
  ? ''
  : '(skipped: iasl is not installed; apt-get install acpica-tools)';

function iasl(input: string, bytes: Uint8Array | string, output: string, options: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'muencheck-acpi-'));
  try {
    writeFileSync(join(folder, input), bytes);
    const run = spawnSync('iasl', [...options, input], { cwd: folder, encoding: 'utf8' });
    if (!existsSync(join(folder, output))) throw new Error(`iasl: ${run.stdout}${run.stderr}`);
    return readFileSync(join(folder, output));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Table of a source text. */
export const compileTable = (source: string): Uint8Array => iasl('table.dsl', source, 'table.aml', ['-p', 'table']);

/** Source text of a table, in the syntax that reference sources are written in. */
export const disassembleTable = (table: Uint8Array): string =>
  iasl('table.aml', table, 'table.dsl', ['-dl', '-p', 'table']).toString('utf8');
