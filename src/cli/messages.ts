import type { InternalError } from '../engine/task-queue.ts';
import type { Finding } from '../policy/finding.ts';
import { findingLines } from '../report/findings-text.ts';
import { printable } from '../units/printable.ts';
import type { Environment } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

/** Reports a wrong command line. */
export function usageError(environment: Environment, command: string, message: string): ExitCode {
  environment.stderr(`muencheck: ${printable(message)}\n`);
  environment.stderr(`Try \`muencheck ${command === '' ? '' : `${command} `}--help\`.\n`);
  return EXIT.usage;
}

/** Prints findings as data. */
export function printFindings(environment: Environment, path: string, findings: readonly Finding[]): void {
  environment.stdout(
    findings
      .flatMap(finding => findingLines(path, finding, environment.paint))
      .map(line => `${line}\n`)
      .join(''),
  );
}

/** Reports our own errors; the stacks only on request. */
export function internalErrors(environment: Environment, errors: readonly InternalError[], verbose: boolean): ExitCode {
  for (const error of errors) {
    environment.stderr(`muencheck: internal error in ${printable(`${error.property}: ${error.message}`)}\n`);
    if (verbose) environment.stderr(`${error.stack.split('\n').map(printable).join('\n')}\n`);
  }
  if (!verbose) environment.stderr('This is a defect of muencheck, not of the policy. --verbose shows where.\n');
  return EXIT.internal;
}
