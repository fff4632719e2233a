import { spawnSync } from 'node:child_process';
import { err, ok, type Result } from '../../../src/units/result.ts';

/** Runs Quint's command line: what it prints, or why there is nothing. */
export function runQuint(args: readonly string[], limitSeconds = 120): Result<string, string> {
  const { error, status, stdout, stderr } = spawnSync('quint', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: 1000 * limitSeconds,
  });
  if (error !== undefined && 'code' in error && error.code === 'ENOENT')
    return err(
      'quint is not installed (npm: @informalsystems/quint 0.33.0, with the override antlr4ts 0.5.0-alpha.4; its folder of commands in PATH)',
    );
  if (error !== undefined) return err(`quint cannot be run: ${error.message}`);
  return status === 0 ? ok(stdout) : err(`quint ended with ${status}: ${`${stdout}${stderr}`.slice(0, 2000)}`);
}
