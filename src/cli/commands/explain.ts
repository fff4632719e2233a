import { printable } from '../../units/printable.ts';
import type { Catalogue } from '../catalogue.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { usageError } from '../messages.ts';
import { suggestion } from '../nearest.ts';
import { type Arguments, COMMON_OPTIONS } from '../options.ts';

type Facts = readonly (readonly [label: string, text: string])[];

/** Everything that can be explained, by its id. */
function topics(catalogue: Catalogue): ReadonlyMap<string, Facts> {
  const found = new Map<string, Facts>();
  for (const property of catalogue.properties) {
    found.set(property.id, [
      ['property', property.id],
      ['claim', property.claim],
      ['method', property.method],
      ['passes as', property.passes],
      ...property.witnesses.map(witness => ['witness', `${witness.id}: ${witness.description}`] as const),
      ['kills', property.killedBy.join(', ')],
      ['run it', `muencheck check --property ${property.id}`],
    ]);
  }
  for (const fault of catalogue.faults) {
    found.set(fault.id, [
      ['fault', fault.id],
      ['title', fault.title],
      ['seam', fault.seam],
      ['precedent', fault.precedent],
      ['killed by', fault.killedBy.join(', ')],
      ['run it', `muencheck faults --fault ${fault.id}`],
    ]);
  }
  for (const scenario of catalogue.scenarios) {
    found.set(scenario.name, [
      ['scenario', scenario.name],
      ['title', scenario.title],
      ['about', scenario.description],
      ...scenario.software.map(item => ['software', `${item.subject}: ${item.software}`] as const),
      ...scenario.diagram.map(line => ['', line] as const),
      ['run it', `muencheck check ${scenario.name}`],
    ]);
  }
  for (const rule of catalogue.rules) {
    found.set(rule.code, [
      ['rule', rule.code],
      ['area', rule.area],
      ['severity', rule.severity],
      ['checks', rule.title],
    ]);
  }
  for (const exit of EXIT_CODES) {
    found.set(String(exit.code), [
      ['exit code', String(exit.code)],
      ['name', exit.name],
      ['meaning', exit.meaning],
    ]);
  }
  return found;
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const id = args.positionals[0] ?? '';
  const known = topics(await environment.loadCatalogue());
  const facts = known.get(id) ?? known.get(id.toUpperCase()) ?? known.get(id.toLowerCase());
  if (facts === undefined)
    return usageError(environment, 'explain', `nothing is called "${id}".${suggestion(id, [...known.keys()])}`);
  const width = Math.max(...facts.map(([label]) => label.length));
  environment.stdout(
    facts
      .filter(([, text]) => text !== '')
      .map(([label, text]) => `${label.padEnd(width)}  ${printable(text)}\n`)
      .join(''),
  );
  return EXIT.holds;
}

export const explainCommand: Command = {
  name: 'explain',
  summary: 'help on one property, fault, scenario, rule code or exit code',
  operands: '<id>',
  minOperands: 1,
  maxOperands: 1,
  options: COMMON_OPTIONS,
  examples: ['explain isolation/pair-runs', 'explain 4'],
  run,
};
