import type { Command } from './command.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { optionSyntax } from './options.ts';

const COLUMN = 26;

const entry = (name: string, text: string): string =>
  name.length > COLUMN - 4 ? `  ${name}\n${' '.repeat(COLUMN)}${text}` : `  ${name.padEnd(COLUMN - 2)}${text}`;

/** Help of the whole program, with its commands in order. */
export function programHelp(version: string, commands: readonly Command[]): string {
  return [
    `muencheck ${version}: does a Muen system isolate what its policy says it isolates?`,
    '',
    'usage: muencheck <command> [options]',
    '',
    ...commands.map(command => entry(command.name, command.summary)),
    '',
    'examples',
    '  muencheck check',
    '  muencheck check policy.xml --json > report.json',
    '',
    'exit codes',
    ...EXIT_CODES.map(({ code, meaning }) => entry(String(code), meaning)),
    '',
    '`muencheck <command> --help` shows the options of a command.',
    '',
  ].join('\n');
}

/** Help of one command, from its option table. */
export function commandHelp(command: Command): string {
  return [
    `muencheck ${command.name}: ${command.summary}`,
    '',
    `usage: muencheck ${command.name} ${command.operands}${command.operands === '' ? '' : ' '}[options]`,
    '',
    'options',
    ...command.options.map(option =>
      entry(`${option.short === undefined ? '' : `-${option.short}, `}${optionSyntax(option)}`, option.help),
    ),
    '',
    'examples',
    ...command.examples.map(example => `  muencheck ${example}`),
    '',
  ].join('\n');
}
