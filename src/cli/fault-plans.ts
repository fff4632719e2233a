import { propertiesFor } from '../engine/kill-matrix.ts';
import type { Property } from '../engine/property.ts';
import type { Fault } from '../faults/fault.ts';
import { suggestion } from '../units/nearest.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { Catalogue } from './catalogue.ts';
import type { Environment } from './command.ts';
import { loadFaultModule } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { printFindings, usageError } from './messages.ts';
import type { Arguments } from './options.ts';
import { type PolicyInput, readPolicyInput } from './policy-input.ts';

/** A fault and where to look for it. */
export interface Plan {
  readonly fault: Fault;
  readonly from?: string;
  readonly policy: PolicyInput;
  readonly properties: readonly Property[];
}

/** Selected faults, and the module that they come from. */
export interface Choice {
  readonly faults: readonly Fault[];
  readonly from?: string;
}

/** Faults that the command line selects: of a module, by name, or all. */
export async function chooseFaults(
  args: Arguments,
  catalogue: Catalogue,
  environment: Environment,
): Promise<Result<Choice, ExitCode>> {
  const from = args.texts.get('from');
  if (from !== undefined) {
    const loaded = await loadFaultModule(
      from,
      catalogue.faults.map(fault => fault.id),
    );
    if (loaded.ok) return ok({ faults: loaded.value, from });
    printFindings({ ...environment, stdout: environment.stderr }, from, loaded.error);
    return err(EXIT.usage);
  }
  const wanted = args.lists.get('fault') ?? [];
  const unknown = wanted.find(id => !catalogue.faults.some(fault => fault.id === id));
  const ids = catalogue.faults.map(fault => fault.id);
  if (unknown !== undefined)
    return err(usageError(environment, 'faults', `there is no fault "${unknown}".${suggestion(unknown, ids)}`));
  return ok({
    faults: wanted.length === 0 ? catalogue.faults : catalogue.faults.filter(fault => wanted.includes(fault.id)),
  });
}

/** What is wrong with the properties that faults name; empty if nothing is. */
export function unknownProperty(faults: readonly Fault[], catalogue: Catalogue): string {
  const ids: readonly string[] = catalogue.properties.map(property => property.id);
  for (const fault of faults) {
    const unknown = fault.killedBy.find(id => !ids.includes(id));
    if (unknown !== undefined)
      return `fault "${fault.id}" names the unknown property "${unknown}".${suggestion(unknown, ids)}`;
  }
  return '';
}

/** Finds the policy of each fault: the one the user named, else the fault's own scenario, else the default. */
export function makePlans(
  choice: Choice,
  args: Arguments,
  catalogue: Catalogue,
  selected: readonly Property[],
): Result<readonly Plan[], string> {
  const policies = new Map<string, PolicyInput>();
  const plans: Plan[] = [];
  for (const fault of choice.faults) {
    const target = args.positionals[0] ?? fault.scenario ?? catalogue.defaultScenario;
    const known = policies.get(target);
    const input: Result<PolicyInput, string> =
      known === undefined ? readPolicyInput(target, catalogue, args) : ok(known);
    if (!input.ok) return input;
    policies.set(target, input.value);
    const properties = propertiesFor(fault, catalogue.properties, args.flags.has('all')).filter(property =>
      selected.includes(property),
    );
    plans.push({ fault, policy: input.value, properties, ...(choice.from === undefined ? {} : { from: choice.from }) });
  }
  return ok(plans);
}
