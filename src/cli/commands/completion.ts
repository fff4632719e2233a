import { suggestion } from '../../units/nearest.ts';
import type { Command, Environment } from '../command.ts';
import { completionScript, SHELLS } from '../completion.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS } from '../options.ts';

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const name = args.positionals[0] ?? '';
  const shell = SHELLS.find(candidate => candidate === name);
  if (shell === undefined)
    return usageError(
      environment,
      'completion',
      `no completion for "${name}".${suggestion(name, SHELLS)} There are ${SHELLS.join(', ')}.`,
    );
  const { COMMANDS } = await import('./registry.ts');
  environment.stdout(completionScript(shell, COMMANDS, await environment.loadCatalogue()));
  return EXIT.holds;
}

export const completionCommand: Command = {
  name: 'completion',
  summary: 'print the completion script of a shell',
  operands: `<${SHELLS.join(' | ')}>`,
  minOperands: 1,
  maxOperands: 1,
  options: COMMON_OPTIONS,
  examples: ['completion bash', 'completion fish'],
  run,
};
