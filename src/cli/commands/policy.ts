import { countFindings } from '../../report/findings-text.ts';
import { toJson } from '../../trace/json.ts';
import { printable } from '../../units/printable.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { type PolicyInput, readPolicyInput } from '../policy-input.ts';

function renderJson(policy: PolicyInput): string {
  const { document } = policy;
  const findings = policy.findings.map(({ code, severity, message, line, column, hint }) => ({
    code,
    severity,
    message,
    line,
    column,
    hint,
  }));
  const size = {
    format: document?.format ?? 'unknown',
    subjects: document?.subjects.length ?? 0,
    cpus: document?.kernel.cpus.length ?? 0,
  };
  return `${toJson({ policy: { path: policy.path, digest: policy.digest, ...size }, valid: policy.valid, examined: policy.examined, findings })}\n`;
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const format = args.texts.get('format') ?? 'b';
  if (format !== 'b')
    return usageError(
      environment,
      'policy',
      `--format ${format}: expansion and allocation are not in this version; it reads and validates format b`,
    );
  if (args.texts.has('out'))
    return usageError(
      environment,
      'policy',
      '--out: writing an expanded policy is not in this version; the policy is only validated',
    );
  const input = readPolicyInput(args.positionals[0] ?? '', await environment.loadCatalogue());
  if (!input.ok) return usageError(environment, 'policy', input.error);
  const policy = input.value;
  if (args.flags.has('json')) environment.stdout(renderJson(policy));
  else {
    printFindings(environment, policy.path, policy.findings);
    const counts = Object.values(policy.examined);
    const objects = counts.reduce((sum, count) => sum + count, 0);
    const examined = policy.document === undefined ? '' : `; ${counts.length} rules examined ${objects} objects`;
    environment.stdout(
      `${printable(policy.path)}: ${policy.valid ? 'valid' : 'invalid'}: ${countFindings(policy.findings)}${examined}\n`,
    );
  }
  return policy.valid ? EXIT.holds : EXIT.invalid;
}

export const policyCommand: Command = {
  name: 'policy',
  summary: 'validate a policy: findings with line and column',
  operands: '<policy.xml | scenario>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'format',
      kind: 'choice',
      choices: ['src', 'a', 'b'],
      help: 'format of the policy; only b is in this version',
    },
    { name: 'out', kind: 'text', placeholder: 'dir', help: 'not in this version' },
    JSON_OPTION,
    ...COMMON_OPTIONS,
  ],
  examples: ['policy policy_b.xml', 'policy log-proxy --json'],
  run,
};
