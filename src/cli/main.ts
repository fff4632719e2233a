import process from 'node:process';
import { choosePaint } from '../host/terminal.ts';
import { suggestion } from '../units/nearest.ts';
import { printable } from '../units/printable.ts';
import type { Catalogue } from './catalogue.ts';
import type { Environment } from './command.ts';
import { COMMAND_LOADERS } from './commands/loaders.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { commandHelp, programHelp } from './help.ts';
import { installInterrupt } from './interrupt.ts';
import { usageError } from './messages.ts';
import { parseArguments } from './options.ts';
import { readVersion } from './version.ts';

const DEFAULT_COLUMNS = 100;

function createEnvironment(catalogueUrl: string, noColor: boolean): Environment {
  const stderr = (text: string): void => {
    process.stderr.write(text);
  };
  const stdoutIsTty = process.stdout.isTTY === true;
  let catalogue: Promise<Catalogue> | undefined;
  return {
    version: readVersion(),
    env: process.env,
    stdout: text => {
      process.stdout.write(text);
    },
    stderr,
    stdoutIsTty,
    stderrIsTty: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? DEFAULT_COLUMNS,
    paint: choosePaint({ isTty: stdoutIsTty, env: process.env, noColor }),
    interrupt: installInterrupt(stderr),
    catalogueUrl,
    loadCatalogue: () => {
      catalogue ??= import(catalogueUrl).then((module: { readonly catalogue: Catalogue }) => module.catalogue);
      return catalogue;
    },
  };
}

async function dispatch(argv: readonly string[], environment: Environment): Promise<ExitCode> {
  const [name = '', ...rest] = argv;
  if (name === '' || name === '--help' || name === '-h' || name === 'help') {
    const { COMMANDS } = await import('./commands/registry.ts');
    environment.stdout(programHelp(environment.version, COMMANDS));
    return name === '' ? EXIT.usage : EXIT.holds;
  }
  if (name === '--version' || name === '-V') {
    environment.stdout(`${environment.version}\n`);
    return EXIT.holds;
  }
  const command = await COMMAND_LOADERS.get(name)?.();
  const names = [...COMMAND_LOADERS.keys()];
  if (command === undefined)
    return usageError(
      environment,
      '',
      `there is no command "${name}".${suggestion(name, names)} There are ${names.join(', ')}.`,
    );
  const args = parseArguments(rest, command.options);
  if (!args.ok) return usageError(environment, name, args.error);
  if (args.value.flags.has('help')) {
    environment.stdout(commandHelp(command));
    return EXIT.holds;
  }
  const count = args.value.positionals.length;
  if (count < command.minOperands)
    return usageError(environment, name, `an argument is missing: muencheck ${name} ${command.operands}`);
  if (count > command.maxOperands)
    return usageError(environment, name, `too many arguments: muencheck ${name} ${command.operands}`);
  return command.run(args.value, environment);
}

function internalError(cause: unknown, verbose: boolean, environment: Environment): ExitCode {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  environment.stderr(`muencheck: internal error: ${printable(`${error.name}: ${error.message}`)}\n`);
  environment.stderr(
    verbose ? `${error.stack ?? ''}\n` : 'This is a defect of muencheck, not of the policy. --verbose shows where.\n',
  );
  return EXIT.internal;
}

/** Runs one command line in a given environment; every exception becomes an internal error. */
export async function runCommandLine(argv: readonly string[], environment: Environment): Promise<ExitCode> {
  try {
    return await dispatch(argv, environment);
  } catch (cause) {
    return internalError(cause, argv.includes('--verbose') || argv.includes('-v'), environment);
  }
}

/**
 * Runs one command line and sets the exit code of the process.
 *
 * @param catalogueUrl URL of the module that exports `catalogue`: what is registered.
 */
export async function main(argv: readonly string[], catalogueUrl: string): Promise<void> {
  // A reader that has seen enough (`| head`) ends us quietly.
  process.stdout.on('error', (cause: NodeJS.ErrnoException) =>
    process.exit(cause.code === 'EPIPE' ? EXIT.holds : EXIT.internal),
  );
  process.exitCode = await runCommandLine(argv, createEnvironment(catalogueUrl, argv.includes('--no-color')));
}
