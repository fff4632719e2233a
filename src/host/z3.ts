import { spawnSync } from 'node:child_process';
import { err, ok, type Result } from '../units/result.ts';

/** Solver time per script in seconds; what is left is answered with `timeout`. */
const LIMIT_SECONDS = 600;

/** Runs z3 on an SMT-LIB script: its answers, or why there are none. */
export function runZ3(script: string, limitSeconds: number = LIMIT_SECONDS): Result<string, string> {
  const { error, status, stdout, stderr } = spawnSync('z3', ['-in', `-T:${limitSeconds}`], {
    input: script,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error !== undefined && 'code' in error && error.code === 'ENOENT')
    return err('z3 is not installed (Debian: apt install z3)');
  if (error !== undefined) return err(`z3 cannot be run: ${error.message}`);
  if (/\(error/.test(stdout)) return err(`z3 rejects the script: ${stdout.match(/\(error[^)]*\)/)?.[0] ?? ''}`);
  return status === 0 || /timeout/.test(stdout) ? ok(stdout) : err(`z3 ended with ${status}: ${stderr.slice(0, 200)}`);
}
