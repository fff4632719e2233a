import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../src/cli/main.ts';
import { plainPaint } from '../../src/units/paint.ts';
import { catalogue } from './fake-catalogue.ts';

const REAL = fileURLToPath(new URL('../../src/cli/muencheck.js', import.meta.url));
const FAKE = fileURLToPath(new URL('./fake-muencheck.js', import.meta.url));

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** True: the real registry; false: the fake one. */
  readonly real?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly onStart?: (child: ChildProcess) => void;
  readonly onStderr?: (text: string, child: ChildProcess) => void;
}

/** A new empty folder for one test. */
export const freshFolder = (): string => mkdtempSync(join(tmpdir(), 'muencheck-test-'));

/** Runs the command line in a process of its own, in the checkout. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { NO_COLOR: _noColor, FORCE_COLOR: _forceColor, GITHUB_STEP_SUMMARY: _summary, ...inherited } = process.env;
  const env = { ...inherited, ...options.env };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [options.real === true ? REAL : FAKE, ...args], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      options.onStderr?.(stderr, child);
    });
    child.on('error', reject);
    child.on('close', code => resolve({ code, stdout, stderr }));
    options.onStart?.(child);
  });
}

const catalogueUrl = new URL('./fake-catalogue.ts', import.meta.url).href;

/** Runs the command line with the fake registry in this process: much faster than a process of its own. */
export async function runHere(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(args, {
    version: 'test',
    env,
    stdout: text => {
      stdout += text;
    },
    stderr: text => {
      stderr += text;
    },
    stdoutIsTty: false,
    stderrIsTty: false,
    columns: 100,
    paint: plainPaint,
    interrupt: { requested: () => false, whenRequested: () => undefined },
    catalogueUrl,
    loadCatalogue: () => Promise.resolve(catalogue),
  });
  return { code, stdout, stderr };
}
