import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshFolder, runCli } from '../cli/spawn.ts';

export interface PropertyRow {
  readonly id: string;
  readonly verdict: string;
  readonly reason: string;
  readonly steps: number;
  readonly witnesses: Readonly<Record<string, number>>;
  readonly unspecified: Readonly<Record<string, number>>;
  readonly pairs?: readonly {
    readonly high: string;
    readonly low: string;
    readonly effectiveRuns: number;
    readonly excluded?: string;
  }[];
  readonly counterexample?: {
    readonly outcome: {
      readonly summary: string;
      readonly policyLines: readonly number[];
      readonly explanation: readonly string[];
    };
  };
}

export interface Report {
  readonly verdict: string;
  readonly properties: readonly PropertyRow[];
  readonly findings: readonly { readonly code: string; readonly severity: string; readonly line: number }[];
}

export interface Checked {
  readonly code: number | null;
  readonly report: Report;
  /** The report without its times. */
  readonly stable: string;
}

/** Runs `check --json` in a process of its own, with one job: a worker takes longer to start than most checks here last. */
export async function checkPolicyFile(path: string, options: readonly string[]): Promise<Checked> {
  const jobs = options.includes('--jobs') ? [] : ['--jobs', '1'];
  const fixed = ['check', path, '--json', '--quiet', '--out', freshFolder(), ...jobs];
  const result = await runCli([...fixed, ...options], { real: true });
  const report = JSON.parse(result.stdout) as Report;
  return {
    code: result.code,
    report,
    stable: JSON.stringify(report, (key, value: unknown) =>
      key === 'timing' || key === 'durationMs' ? undefined : value,
    ),
  };
}

/** Writes an edited policy into a folder of its own; `edit` must change the text. */
export function editedPolicy(
  path: string,
  edit: (text: string) => string,
): { readonly path: string; readonly text: string } {
  const text = readFileSync(path, 'utf8');
  const edited = edit(text);
  if (edited === text) throw new Error('the edit changes nothing');
  const file = join(freshFolder(), 'edited.xml');
  writeFileSync(file, edited);
  return { path: file, text: edited };
}
