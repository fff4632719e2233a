import { suggestion } from '../../units/nearest.ts';
import { printable } from '../../units/printable.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS } from '../options.ts';
import { programName } from '../shell.ts';
import { EXIT_CODES_TOPIC, topics } from '../topics.ts';

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const id = args.positionals[0] ?? '';
  const known = topics(await environment.loadCatalogue(), programName(environment.env));
  const wanted = id.toLowerCase();
  const facts = known.get(id) ?? [...known].find(([name]) => name.toLowerCase() === wanted)?.[1];
  if (facts === undefined)
    return usageError(environment, 'explain', `nothing is called "${id}".${suggestion(id, [...known.keys()])}`);
  const shown = facts.filter(([, text]) => text !== '');
  const width = Math.max(...shown.map(([label]) => label.length));
  environment.stdout(shown.map(([label, text]) => `${label.padEnd(width)}  ${printable(text)}\n`).join(''));
  return EXIT.holds;
}

export const explainCommand: Command = {
  name: 'explain',
  summary: 'help on one property, fault, scenario, model, finding code, VM exit or verdict word',
  operands: `<id | ${EXIT_CODES_TOPIC}>`,
  minOperands: 1,
  maxOperands: 1,
  options: COMMON_OPTIONS,
  examples: ['explain isolation/noninterference', "explain 'EPT violation'"],
  run,
};
