import { validateEvents } from '../../explore/validate-events.ts';
import { readFileLimited } from '../../host/files.ts';
import { kernelConfig } from '../../model/kernel-config.ts';
import { toJson } from '../../trace/json.ts';
import { printable } from '../../units/printable.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { readPolicyInput } from '../policy-input.ts';

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const path = args.positionals[0] ?? '';
  const target = args.texts.get('policy');
  if (target === undefined)
    return usageError(environment, 'validate', '--policy is missing: which system was recorded?');
  const policy = readPolicyInput(target, await environment.loadCatalogue());
  if (!policy.ok) return usageError(environment, 'validate', policy.error);
  const { document, valid, findings, digest } = policy.value;
  if (document === undefined || !valid) {
    const errors = findings.filter(({ severity }) => severity === 'error');
    printFindings(environment, policy.value.path, errors);
    return EXIT.invalid;
  }
  const bytes = readFileLimited(path);
  if (!bytes.ok) return usageError(environment, 'validate', bytes.error);
  const result = validateEvents(kernelConfig(document), new TextDecoder().decode(bytes.value), digest);
  if (args.flags.has('json')) environment.stdout(`${toJson(result)}\n`);
  else if (result.kind === 'explained') environment.stdout(`explained: ${result.exits} exits\n`);
  else {
    environment.stdout(`${printable(`${path}:${result.line}: ${result.kind}: ${result.message}`)}\n`);
    const allowed = result.kind === 'unexplained' ? result.allowed : [];
    for (const line of allowed) environment.stdout(`  the model allows: ${printable(line)}\n`);
  }
  if (result.kind === 'unreadable') return EXIT.usage;
  if (result.kind === 'inconclusive') return EXIT.open;
  return result.kind === 'explained' ? EXIT.holds : EXIT.refuted;
}

export const validateCommand: Command = {
  name: 'validate',
  summary: 'check a trace recorded elsewhere against the kernel model of a policy',
  operands: '<trace.ndjson>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'policy',
      kind: 'text',
      placeholder: 'policy.xml|scenario',
      help: 'the system that the trace was recorded on',
    },
    JSON_OPTION,
    ...COMMON_OPTIONS,
  ],
  examples: [
    'validate examples/two-subjects.ndjson --policy two-subjects',
    'validate trace.ndjson --policy policy.xml --json',
  ],
  run,
};
