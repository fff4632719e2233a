import { MODELS } from '../model/index.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { Environment } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { ExploreTarget } from './explore-target.ts';
import { printFindings, usageError } from './messages.ts';
import type { Arguments } from './options.ts';
import { readPolicyInput } from './policy-input.ts';

/** One thing to explore, with its name for people. */
export interface NamedTarget {
  readonly name: string;
  readonly target: ExploreTarget;
}

/** Configurations of a model that the command line selects: by number or by a part of the name. */
function modelTargets(id: string, wanted: string | undefined): Result<readonly NamedTarget[], string> {
  const configurations = MODELS.find(model => model.id === id)?.configurations ?? [];
  const selected = configurations.filter(({ name, exhaustive }, index) =>
    wanted === undefined ? exhaustive : String(index + 1) === wanted || name.includes(wanted),
  );
  if (selected.length === 0) {
    const names = configurations.map(({ name }, index) => `${index + 1}: ${name}`);
    return err(`no configuration of ${id} matches "${wanted ?? ''}"; there are ${names.join('; ')}`);
  }
  return ok(
    selected.map(({ name }) => ({
      name: `${id}, ${name}`,
      target: { kind: 'model', model: id, configuration: name } as const,
    })),
  );
}

/** A model with one of its faults. */
function faultTargets(id: string, wanted: string): Result<readonly NamedTarget[], string> {
  const ids = (MODELS.find(model => model.id === id)?.faults ?? []).map(fault => fault.id);
  if (ids.includes(wanted))
    return ok([{ name: `${id} with ${wanted}`, target: { kind: 'fault', model: id, fault: wanted } }]);
  return err(ids.length === 0 ? `${id} has no faults` : `${id} has no fault "${wanted}"; there are ${ids.join(', ')}`);
}

/** A scenario can have the name of a model: options that only a policy's system has decide. */
function isModelWanted(wanted: string, args: Arguments, scenarios: readonly string[]): 'yes' | 'no' | 'ambiguous' {
  const model = MODELS.find(({ id }) => id === wanted);
  if (model === undefined) return 'no';
  if (!scenarios.includes(wanted)) return 'yes';
  return ['unwinding', 'liveness', 'interrupts', 'timers'].some(name => args.flags.has(name)) ? 'no' : 'ambiguous';
}

/** What the command line selects: configurations of a model, one of its faults, or the system of a policy. */
export async function targetsOf(
  args: Arguments,
  environment: Environment,
): Promise<Result<readonly NamedTarget[], ExitCode>> {
  const wanted = args.positionals[0] ?? '';
  const { scenarios } = await environment.loadCatalogue();
  const choice = isModelWanted(
    wanted,
    args,
    scenarios.map(({ name }) => name),
  );
  if (choice === 'ambiguous' && !args.flags.has('quiet'))
    environment.stderr(
      `muencheck: ${wanted} is a model and a scenario; this is the model, --interrupts or --timers take the scenario\n`,
    );
  if (choice !== 'no') {
    const fault = args.texts.get('fault');
    const found =
      fault === undefined ? modelTargets(wanted, args.texts.get('configuration')) : faultTargets(wanted, fault);
    return found.ok ? found : err(usageError(environment, 'explore', found.error));
  }
  const input = readPolicyInput(wanted, await environment.loadCatalogue(), args);
  const models = MODELS.map(({ id }) => id).join(', ');
  if (!input.ok) return err(usageError(environment, 'explore', `${input.error} Models are ${models}.`));
  const { valid, document, path, bytes, findings } = input.value;
  if (!valid || document === undefined) {
    printFindings(
      environment,
      path,
      findings.filter(({ severity }) => severity === 'error'),
    );
    return err(EXIT.invalid);
  }
  const scope = { timers: args.flags.has('timers'), interrupts: args.flags.has('interrupts') };
  return ok([{ name: path, target: { kind: 'policy', policyBytes: bytes, scope } }]);
}
