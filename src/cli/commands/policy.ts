import { writeFileAtomic } from '../../host/files.ts';
import { unexaminedNotice } from '../../policy/check.ts';
import { writeTree } from '../../policy/tree-write.ts';
import { countFindings, findingLines } from '../../report/findings-text.ts';
import { toJson } from '../../trace/json.ts';
import { printable } from '../../units/printable.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { type PolicyInput, readPolicyInput } from '../policy-input.ts';
import { readSourceInput, SOURCE_OPTIONS } from '../source-input.ts';

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

/** Puts a source policy together and writes it, to standard output or to a file. */
function writeSource(args: Arguments, environment: Environment): ExitCode {
  const [path = ''] = args.positionals;
  const source = readSourceInput(path, args);
  if (!source.ok) {
    printFindings(environment, path, source.error);
    return EXIT.invalid;
  }
  const { tree, findings } = source.value;
  const text = writeTree(tree);
  const out = args.texts.get('out');
  if (out === undefined) environment.stdout(text);
  else {
    const written = writeFileAtomic(out, text);
    if (!written.ok) return usageError(environment, 'policy', written.error);
  }
  for (const line of findings.flatMap(finding => findingLines(path, finding, environment.paint))) {
    environment.stderr(`${line}\n`);
  }
  return EXIT.holds;
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const format = args.texts.get('format') ?? 'b';
  if (format === 'src') return writeSource(args, environment);
  if (format !== 'b')
    return usageError(
      environment,
      'policy',
      `--format ${format}: expansion and allocation are not in this version; it reads and validates format b, and puts together format src`,
    );
  if (args.texts.has('out'))
    return usageError(
      environment,
      'policy',
      '--out: writing an expanded policy is not in this version; --out is for --format src',
    );
  const input = readPolicyInput(args.positionals[0] ?? '', await environment.loadCatalogue());
  if (!input.ok) return usageError(environment, 'policy', input.error);
  const notice = unexaminedNotice(input.value.examined);
  const policy = { ...input.value, findings: [...input.value.findings, ...(notice === undefined ? [] : [notice])] };
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
  summary: 'validate a policy, or put a source policy together: findings with line and column',
  operands: '<policy.xml | scenario>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'format',
      kind: 'choice',
      choices: ['src', 'a', 'b'],
      help: 'src: write the source policy, merged, with components and all numbers; b: validate; a is not in this version',
    },
    { name: 'out', kind: 'text', placeholder: 'file', help: 'write the policy there instead of to standard output' },
    ...SOURCE_OPTIONS,
    JSON_OPTION,
    ...COMMON_OPTIONS,
  ],
  examples: ['policy policy_b.xml', 'policy system_config.xml --format src --include policy'],
  run,
};
