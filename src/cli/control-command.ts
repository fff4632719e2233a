import type { Property } from '../engine/property.ts';
import { toJson } from '../trace/json.ts';
import { printable } from '../units/printable.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { Catalogue } from './catalogue.ts';
import type { Environment } from './command.ts';
import { contextSpec } from './commands/check.ts';
import { type ControlTarget, controlText, runControl } from './control-campaign.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { internalErrors, usageError } from './messages.ts';
import type { Arguments } from './options.ts';
import { readPolicyInput } from './policy-input.ts';
import { selectedProperties, sessionOptions } from './run-options.ts';
import { Session } from './session.ts';

/** Systems for the control campaign: the one that the user named, else all scenarios. */
function controlTargets(
  args: Arguments,
  catalogue: Catalogue,
  selected: readonly Property[],
): Result<readonly ControlTarget[], string> {
  const named = args.positionals[0];
  const targets: ControlTarget[] = [];
  for (const target of named === undefined ? catalogue.scenarios.map(({ name }) => name) : [named]) {
    const policy = readPolicyInput(target, catalogue, args);
    if (!policy.ok) return policy;
    if (!policy.value.valid) return err(`${target} is not a valid policy`);
    const properties = selected.filter(property => property.runsKernel === true);
    targets.push({ path: target, spec: contextSpec(policy.value, args), properties });
  }
  return ok(targets);
}

/** `faults --control n`: the properties that run the kernel, on unmutated systems. */
export async function runCampaign(
  wanted: number,
  args: Arguments,
  catalogue: Catalogue,
  environment: Environment,
): Promise<ExitCode> {
  const selected = selectedProperties(args, catalogue.properties);
  if (!selected.ok) return usageError(environment, 'faults', selected.error);
  const targets = controlTargets(args, catalogue, selected.value);
  if (!targets.ok) return usageError(environment, 'faults', targets.error);
  const session = new Session(environment, catalogue, sessionOptions(args));
  try {
    const campaign = await runControl(targets.value, wanted, session);
    const { rows, steps, refuted, errors, stopped } = campaign;
    environment.stdout(
      args.flags.has('json') ? `${toJson({ control: { rows, steps, refuted } })}\n` : controlText(campaign),
    );
    for (const line of refuted) environment.stderr(`without any fault, refuted: ${printable(line)}\n`);
    if (errors.length > 0) return internalErrors(environment, errors, args.flags.has('verbose'));
    if (environment.interrupt.requested()) return EXIT.interrupted;
    if (refuted.length > 0) return EXIT.refuted;
    return stopped === '' && steps >= wanted ? EXIT.holds : EXIT.open;
  } finally {
    await session.close();
  }
}
