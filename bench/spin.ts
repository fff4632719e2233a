import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What SPIN's verifier printed about one full search. */
export interface SpinRun {
  readonly states: number;
  /** Steps from state to state: stored and matched ones without the initial state. */
  readonly transitions: number;
  readonly statesPerSecond: number;
  readonly bytesPerState: number;
  readonly complete: boolean;
}

const number = (text: string, pattern: RegExp): number => Number(text.match(pattern)?.[1] ?? Number.NaN);

/** Why SPIN cannot run here; empty if it can. */
export function spinMissing(): string {
  const missing = ['spin', 'gcc'].filter(name => spawnSync(name, ['-V']).error !== undefined);
  return missing.length === 0 ? '' : `${missing.join(' and ')} not found (Debian: apt install spin gcc)`;
}

/**
 * Full depth-first search of a Promela model by SPIN's generated verifier at -O2, without partial-order reduction, one core.
 *
 * Its tables are sized for `expectedStates`, so that it neither rehashes nor clears memory that it does not need. Rates count CPU time, so that other load on the machine does not matter; the best of `repeats` runs counts.
 */
export function runSpin(
  model: string,
  defines: Readonly<Record<string, number>>,
  expectedStates: number,
  repeats: number,
): SpinRun {
  const folder = mkdtempSync(join(tmpdir(), 'muencheck-spin-'));
  const run = (command: string, args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return stdout + stderr;
  };
  try {
    const path = fileURLToPath(new URL(`peers/${model}`, import.meta.url));
    // -o2: no elimination of variables that are only written; they are part of the state here.
    run('spin', ['-o2', ...Object.entries(defines).map(([name, value]) => `-D${name}=${value}`), '-a', path]);
    run('gcc', ['-O2', '-DSAFETY', '-DNOREDUCE', '-DMEMLIM=12000', '-w', '-o', 'pan', 'pan.c']);
    const tableBits = Math.max(12, Math.ceil(Math.log2(expectedStates)) + 1);
    const command = `TIMEFORMAT="cpu %U %S"; time ./pan -m${expectedStates + 1000} -w${tableBits} -n`;
    const runs = Array.from({ length: repeats }, () => {
      const text = run('bash', ['-c', command]);
      const states = number(text, /(\d+(?:\.\d+e\+\d+)?) states, stored/);
      const seconds = number(text, /cpu ([\d.]+)/) + number(text, /cpu [\d.]+ ([\d.]+)/);
      const stored = number(text, /([\d.]+)\s+actual memory usage for states/);
      const table = number(text, /([\d.]+)\s+memory used for hash table/);
      return {
        states,
        transitions: number(text, /(\d+) transitions \(= stored\+matched\)/) - 1,
        statesPerSecond: states / seconds,
        bytesPerState: ((stored + table) * 2 ** 20) / states,
        complete: !/Warning: Search not completed|max search depth too small/.test(text),
      };
    });
    return runs.reduce((best, its) => (its.statesPerSecond > best.statesPerSecond ? its : best));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
